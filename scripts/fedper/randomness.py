"""Random numbers that depend on what they are for, never on the order of execution."""

import hashlib


def seed_for(seed: int, purpose: str, *counters: int | str) -> int:
    """Derive an independent 63-bit seed from (seed, purpose, counters).

    ``seed`` is the one in the configuration, ``purpose`` says what is drawn ("classes",
    "samples", "weights", "batches", …), the counters say for which round, client or block.
    """
    key = "/".join(map(str, (seed, purpose, *counters)))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
