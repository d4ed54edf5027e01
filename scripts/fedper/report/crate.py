"""The replication record: what was replicated, by what, with which verdicts, as an RO-Crate."""

import hashlib
import json
import mimetypes
from base64 import b32encode
from collections.abc import Sequence
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

PAPER = {
    "@type": "ScholarlyArticle",
    "name": "Federated Learning with Personalization Layers",
    "author": "Manoj Ghuhan Arivazhagan, Vinay Aggarwal, Aaditya Kumar Singh, Sunav Choudhary",
    "datePublished": "2019-12-02",
}

CODE = {
    "@type": ["SoftwareSourceCode", "SoftwareApplication"],
    "name": "fedper",
    "programmingLanguage": "Python",
    "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
}


def make_record(
    folder: Path,
    files: Sequence[Path],
    facts: dict,
    judged: dict,
    paper_record: dict,
    version: dict,
) -> dict:
    """Build the JSON-LD of an RO-Crate 1.2 with ``folder`` as its root.

    files: below ``folder``; named with size and SHA-256.  facts, judged: contents of facts.json
    and claims.json.  paper_record: the paper's Pith record.  version: of the code, as
    :func:`fedper.keep.version.version_of_code` says it.
    """
    crate = ROCrate(version="1.2")
    crate.name = f"Replication of FedPer (arXiv 1912.00818), scale {facts['scale']}"
    crate.description = facts["note"]
    crate.datePublished = version["date"]
    crate.license = "https://spdx.org/licenses/Apache-2.0"
    paper = _add_paper(crate, paper_record)
    code = _add_code(crate, facts, version)
    data = [
        _add_data(crate, provenance, number, facts["stand_ins"])
        for number, provenance in enumerate(facts["data"], start=1)
    ]
    results = [
        crate.add_file(path, path.relative_to(folder), properties=_describe_file(path))
        for path in sorted(files)
    ]
    crate.add_action(
        code,
        "#pipeline",
        object=data,
        result=results,
        properties={
            "name": f"{facts['n_trained']} training runs, figures, tables and verdicts",
            "description": "; ".join(
                f"{item['value']} ({item['n_runs']} runs)" for item in facts["devices"]
            ),
        },
    )
    crate.root_dataset["citation"] = paper
    crate.root_dataset["mentions"] = [
        _add_verdict(crate, claim, paper, code) for claim in judged["claims"]
    ]
    return crate.metadata.generate()


def canonical_hash(record: dict) -> str:
    """Hash a Pith record in its canonical form (SHA-256, hexadecimal)."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def pith_id(record: dict) -> str:
    """Give a Pith record its name: the first 26 characters of its hash in base 32."""
    return "pith:" + b32encode(bytes.fromhex(canonical_hash(record))).decode()[:26]


def _add(crate: ROCrate, identifier: str, **properties: object) -> ContextEntity:
    known = {key: value for key, value in properties.items() if value is not None}
    if "type" in known:
        known["@type"] = known.pop("type")
    return crate.add(ContextEntity(crate, identifier, properties=known))


def _property(crate: ROCrate, identifier: str, name: str, value: object, **more: object):
    return _add(crate, identifier, type="PropertyValue", name=name, value=value, **more)


def _add_paper(crate: ROCrate, record: dict) -> ContextEntity:
    number = record["source"]["id"]
    paper = _add(crate, f"https://arxiv.org/abs/{number}", **PAPER)
    name, digest = pith_id(record), canonical_hash(record)
    paper["identifier"] = [
        _property(crate, "#arxiv", "arXiv", f"{number}v{record['source']['version']}"),
        _property(crate, "#pith", "Pith record", name),
        _property(crate, "#pith-sha256", "SHA-256 of the canonical Pith record", digest),
    ]
    return paper


def _add_code(crate: ROCrate, facts: dict, version: dict) -> ContextEntity:
    code = _add(crate, "#code", **CODE, version=version["software"])
    commit = version["commit"] or f"unknown: {version['why']}"
    code["identifier"] = _property(crate, "#commit", "git commit", commit)
    code["additionalProperty"] = [
        _property(
            crate,
            f"#training-code-{item['value'][:8]}",
            "SHA-256 of the training code without comments",
            item["value"],
            description=f"{item['n_runs']} runs",
        )
        for item in facts["code"]
    ]
    code["softwareRequirements"] = [
        _add(crate, f"#environment-{number}", type="SoftwareApplication", name=item["value"],
             description=f"{item['n_runs']} runs")
        for number, item in enumerate(facts["versions"])
    ]  # fmt: skip
    return code


def _add_data(crate: ROCrate, provenance: dict, number: int, stand_ins: list[str]) -> ContextEntity:
    """Describe where a data set came from, with the SHA-256 of each of its files."""
    name = provenance["dataset"]
    stand_in = next((text for text in stand_ins if f"for {name})" in text), None)
    identifier = f"#data-{number}"
    data = _add(crate, identifier, type="Dataset", name=stand_in or name)
    data["description"] = ", ".join(
        f"{key}: {value}" for key, value in provenance.items() if isinstance(value, str | int)
    )
    data["additionalProperty"] = [
        _property(crate, f"{identifier}-{n}", f"SHA-256 of {file}", digest)
        for n, (file, digest) in enumerate(provenance.get("sha256", {}).items(), start=1)
    ]
    return data


def _add_verdict(
    crate: ROCrate, claim: dict, paper: ContextEntity, code: ContextEntity
) -> ContextEntity:
    name = claim["claim"]
    stated = _add(crate, f"#{name}", type="Claim", name=name, text=claim["text"])
    stated["appearance"] = paper
    stand_ins = "; ".join(claim["stand_ins"])
    about = f" (on stand-in data: {stand_ins})" if stand_ins else ""
    verdict = _add(crate, f"#{name}-verdict", type="ClaimReview", name=f"Verdict on {name}")
    verdict["itemReviewed"] = stated
    verdict["author"] = code
    verdict["reviewBody"] = f"{claim['verdict']}{about}. {claim['reason']}".strip()
    verdict["reviewRating"] = _add(
        crate, f"#{name}-rating", type="Rating", ratingValue=claim["verdict"]
    )
    effects = [
        _property(
            crate,
            f"#{name}-effect-{number}",
            part["text"],
            part["mean"],
            minValue=part["low"],
            maxValue=part["high"],
            unitText=part["measure"],
            description=part["fault"] or f"mean and 95 % interval over {part['seeds']} seeds",
        )
        for number, part in enumerate(
            (one for part in claim["parts"] for one in part["comparisons"]), start=1
        )
    ]
    ps = [
        _property(
            crate,
            f"#{name}-p-{part['dataset']}-{part['model']}",
            f"p value on {part['title']}, {part['model']}, corrected by Holm's method",
            part["p_corrected"],
            description=part["verdict"],
        )
        for part in claim["parts"]
    ]
    verdict["additionalProperty"] = [*ps, *effects]
    return verdict


def _describe_file(path: Path) -> dict:
    content = path.read_bytes()
    return {
        "name": path.name,
        "encodingFormat": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
