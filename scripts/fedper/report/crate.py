"""The replication record: an RO-Crate of a scale's results, with a review of each claim."""

import mimetypes
from collections.abc import Sequence
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from fedper.hashing import hash_file

PAPER = "https://arxiv.org/abs/1912.00818"
LICENCE = "https://spdx.org/licenses/Apache-2.0"


def make_record(
    folder: Path, files: Sequence[Path], facts: dict, judged: dict, version: dict[str, str]
) -> dict:
    """Build the JSON-LD of an RO-Crate 1.2.

    Args:
        folder: root of the crate.
        files: below ``folder``; named with size and SHA-256.
        facts: content of facts.json.
        judged: content of claims.json.
        version: of the code, as of :func:`fedper.keep.version.version_of_code`.
    """
    crate = ROCrate(version="1.2")
    crate.name = f"Replication of FedPer (arXiv 1912.00818), scale {facts['scale']}"
    crate.description = facts["note"]
    crate.datePublished = version["date"]
    crate.license = LICENCE
    paper = _add(
        crate,
        PAPER,
        "ScholarlyArticle",
        name="Federated Learning with Personalization Layers",
        author="Manoj Ghuhan Arivazhagan, Vinay Aggarwal, Aaditya Kumar Singh, Sunav Choudhary",
        datePublished="2019-12-02",
    )
    code = _add(
        crate,
        "#code",
        ["SoftwareSourceCode", "SoftwareApplication"],
        name="fedper",
        programmingLanguage="Python",
        license={"@id": LICENCE},
        version=version["commit"],
    )
    results = [
        crate.add_file(path, path.relative_to(folder), properties=_describe_file(path))
        for path in sorted(files)
    ]
    name = f"{facts['n_trained']} training runs, figures, tables and verdicts"
    crate.add_action(code, "#pipeline", result=results, properties={"name": name})
    crate.root_dataset["citation"] = paper
    crate.root_dataset["mentions"] = [
        _add_review(crate, claim, paper, code) for claim in judged["claims"]
    ]
    return crate.metadata.generate()


def _add(crate: ROCrate, identifier: str, kind: str | list[str], **properties: object):
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _add_review(
    crate: ROCrate, claim: dict, paper: ContextEntity, code: ContextEntity
) -> ContextEntity:
    """Add a claim of the paper and the verdict on it; claim: as in claims.json."""
    name, verdict = claim["claim"], claim["verdict"]
    stated = _add(crate, f"#{name}", "Claim", name=name, text=claim["text"])
    stated["appearance"] = paper
    stand_ins = "; ".join(claim["stand_ins"])
    data = f" (on stand-in data: {stand_ins})" if stand_ins else ""
    review = _add(crate, f"#{name}-verdict", "ClaimReview", name=f"Verdict on {name}")
    review["itemReviewed"] = stated
    review["author"] = code
    review["reviewBody"] = f"{verdict}{data}. {claim['reason']}".strip()
    review["reviewRating"] = _add(crate, f"#{name}-rating", "Rating", ratingValue=verdict)
    return review


def _describe_file(path: Path) -> dict[str, str]:
    return {
        "name": path.name,
        "encodingFormat": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "contentSize": str(path.stat().st_size),
        "sha256": hash_file(path),
    }
