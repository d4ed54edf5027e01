"""The lines at the end of a run of the workflow: what was found, and where to look."""

from collections import defaultdict
from pathlib import Path

from fedper.files import read_json
from fedper.report.claims_text import marked


def closing_lines(results: Path) -> list[str]:
    """Sum up a scale's verdicts and headline in a few lines.

    results: its folder, with claims.json and facts.json. Raises InputError if one is broken.
    """
    facts = read_json(results / "facts.json", "gather_facts.py", "headline", "n_trained", "n_runs")
    claims = read_json(results / "claims.json", "judge_claims.py", "claims")["claims"]
    lines = [
        f"{facts['n_trained']} of {facts['n_runs']} runs of the figures are in {results}/runs."
    ]
    for row in facts["headline"]:
        if row["fedavg"] is not None and row["fedper"] is not None:
            k = "" if row["k"] is None else f", k = {row['k']}"
            lines.append(
                f"{row['dataset']}, {row['model']}{k}: "
                f"FedPer {row['fedper']:.3f}, FedAvg {row['fedavg']:.3f}"
            )
    found: dict[str, list[str]] = defaultdict(list)
    for claim in claims:
        found[marked(claim)].append(claim["claim"])
    lines += [f"{verdict}: {', '.join(names)}" for verdict, names in found.items()]
    return [
        *lines,
        f"Read {results}/report.pdf first; explore.html beside it opens in a browser.",
    ]
