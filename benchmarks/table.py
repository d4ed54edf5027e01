"""Write the benchmarks' JSON files as one page of tables.

python benchmarks/table.py results/benchmarks --out results/benchmarks/README.md
"""

import argparse
import json
from pathlib import Path

import against_flower
import pandas as pd
from fedper.files import write_text
from fedper.names import model_title

INTRODUCTION = """# Benchmarks

Written by `benchmarks/table.py` from the JSON files beside it; `make bench` makes all of it anew.
Speeds are images trained per second, times are milliseconds for an image. Machines differ from hour
to hour: read ratios, which are taken within one run.
"""


LOOPS = {
    "channels_last": "channels-last",
    "contiguous_format": "default layout",
    "nn_conv2d": "nn.Conv2d",
}
"""The plain loops, for people."""


def speed(result: dict) -> str:
    """Compare the engine with plain loops."""
    rows = [
        {
            "model": model_title(row["model"]),
            "width": row["width"],
            "clients x images": f"{row['clients']} x {row['images_per_client']}",
            "processes x threads": f"{row['processes']} x {row['threads']}",
            "engine": row["round_images_per_s"],
            **{
                f"loop, {LOOPS[name]}": row["loop_images_per_s"][name]
                for name in LOOPS
                if name in row["loop_images_per_s"]
            },
            "engine / best loop in turn": row["round_over_fastest_loop"],
            "evaluation / training": row["evaluation_over_training"],
            "other tests, share of a round": row["other_tests_share"],
        }
        for row in result["rows"]
    ]
    best = ", ".join(
        f"{case} {ratio}" for case, ratio in result["best_round_over_best_loop"].items()
    )
    return (
        f"## Engine and plain PyTorch loop\n\nBatch {result['batch_size']}, 32 x 32 pixels, stem "
        f"{result['stem']}, float32, {result['local_epochs']} local epochs; "
        f"{result['device']}, PyTorch {result['torch']}. The loop trains on the same batches "
        "without any federation; with nn.Conv2d it computes the published convolutions, padding "
        f"included.\n\n{markdown(rows)}\n\nBest engine over best loop of all: {best}.\n"
    )


def flower(result: dict) -> str:
    """Compare the engine with Flower's simulation."""
    settings, versions = result["settings"], result["flower_versions"]
    tables = "\n".join(against_flower.table(measured) for measured in result["models"])
    return (
        f"## Engine and Flower's simulation\n\nThe same FedPer on the same partition of "
        f"the same images, {settings['n_clients']} clients, K_P = "
        f"{settings['personalization_layers']}, batch {settings['batch_size']}, "
        f"{settings['local_epochs']} local epochs, width {settings['width']}. Flower's clients "
        "have PyTorch's convolutions in its default layout, as their authors would write them, or "
        "our model in our layout. Flower "
        f'{versions["flwr"]}, Ray {versions["ray"]}. "All in" counts start-up and evaluation. '
        f"Memory is that of all processes together.\n{tables}\n"
    )


def scaling(result: dict) -> str:
    """Show the memory of more clients, the time of more personalization layers, and shares."""
    memory = [
        {"model": model_title(row["model"]), "clients": row["clients"],
         "evaluation, ms a client": row["evaluation_ms_per_client"],
         "peak memory, MiB": row["peak_mib"]}
        for row in result["memory"]
    ]  # fmt: skip
    k_p = [
        {"model": model_title(row["model"]), "K_P": row["k_p"], **times(row, "K_P = 0")}
        for row in result["k_p"]
    ]
    first = result["k_p"][0]
    shares = [
        {"model": model_title(row["model"])}
        | {
            part: f"{row[f'{part}_s'] / sum(v for k, v in row.items() if k.endswith('_s')):.1%}"
            for part in ("training", "aggregation", "evaluation", "checkpoints")
        }
        for row in result["shares"]
    ]
    return (
        "## Memory\n\nFull width, K_P = 1, two images a client; the images and PyTorch itself are "
        f"in it, and a checkpoint.\n\n{markdown(memory)}\n\n"
        "## Number of personalization layers\n\nFull width, "
        f"{first['clients']} clients of {first['images_per_client']} images, batches of "
        f"{first['batch_size']}, local epochs: {first['local_epochs']}. The numbers of layers take "
        f"turns, client by client; medians, and quartiles of ratios.\n\n{markdown(k_p)}\n\n"
        "## Shares of a run's time\n\nTen clients of 128 images, 4 local epochs, K_P = 2, a "
        f"checkpoint a round.\n\n{markdown(shares)}\n\nStart-up of `train.py` (from the command "
        "to its end, less its one round; import, data, model, writing): "
        f"{result['start_up']['start_up_s']} s, median of {result['start_up']['repeats']}.\n"
    )


def clients(result: dict) -> str:
    """Show time per image over the number of clients."""

    def shown(name: str) -> str:
        rows = result[name]
        table = [
            {"clients": row["clients"], "images a client": row["images_per_client"],
             **times(row, f"{rows[0]['clients']} clients")}
            for row in rows
        ]  # fmt: skip
        return (
            f"batches of {rows[0]['batch_size']}, local epochs: {rows[0]['local_epochs']}; longest "
            f"over shortest time per image: {spread(rows)}.\n\n{markdown(table)}\n"
        )

    first = result["one_step"][0]
    return (
        f"## Number of clients\n\n{model_title(first['model'])} of width {result['width']}, "
        f"K_P = {first['k_p']}, one thread. Rounds are played in slices of their clients, in which "
        f"the numbers of clients take turns; medians over {result['slices']} slices, with "
        "quartiles of the ratios.\n\n"
        f"A fixed number of images a client: {shown('fixed_per_client')}\n"
        f"A fixed number of images in all: {shown('fixed_in_all')}\n"
        "The worst case, a single step for each of the most clients, where loading, copying and "
        f"averaging layers shows: {shown('one_step')}"
    )


def kills(result: dict) -> str:
    """Sum up the killed runs."""
    kinds = len({kill["kind"] for kill in result["each"]})
    names = {
        "any": "SIGKILL",
        "in a write": "SIGKILL in a write",
        "at the end": "SIGKILL at the end",
    }
    how = ", ".join(f"{names.get(m, m)} {n}" for m, n in result["by_moment"].items())
    return (
        f"## Stopped runs\n\nOf {result['kills']} runs of {kinds} kinds, each stopped at a random "
        f"moment ({how}; {result['in_a_write']} while a checkpoint was being written, "
        f"{result['before_the_first_checkpoint']} before the first was there), "
        f"{result['resumed']} ended after the same command was given again, and "
        f"{result['identical']} with a byte-identical history; {result['left_behind']} left a "
        "file behind.\n"
    )


def data(result: dict) -> str:
    """Sum up how fast data are prepared; the numbers are in the file."""
    return f"## Preparation of data\n\n```json\n{json.dumps(result, indent=2)}\n```\n"


def gpu(result: dict) -> str:
    """List what was measured on a GPU, a table for each kind."""
    tests = result["tests"]
    words = tests.get("failed") or " ".join(tests["summary"])
    parts = [f"## On a GPU\n\n{result['device']}, PyTorch {result['torch']}; tests: {words}"]
    kinds = dict.fromkeys(one["kind"] for one in result["measured"])
    for kind in kinds:
        rows = [
            {
                name: json.dumps(value) if isinstance(value, dict) else value
                for name, value in one.items()
                if name != "kind"
            }
            for one in result["measured"]
            if one["kind"] == kind
        ]
        parts.append(f"{kind.capitalize()}:\n\n{markdown(rows)}")
    return "\n\n".join(parts) + "\n"


PARTS = {
    "round_vs_loop": speed,
    "against_flower": flower,
    "clients": clients,
    "scaling": scaling,
    "kill_and_resume": kills,
    "gpu": gpu,
    "prepare_data": data,
}
"""What is written of each file, in the order of the page; a file that is not there is left out."""


def times(row: dict, first: str) -> dict:
    """Show a time per image, and its ratio to that of the ``first`` of a series, by name."""
    low, median, high = row["over_first"]
    return {
        "ms an image": row["training_ms_per_image"],
        f"over that of {first}": f"{median:.3f}",
        "quartiles": f"{low:.3f} to {high:.3f}",
    }


def spread(rows: list[dict]) -> str:
    """Divide the longest time per image by the shortest, both as ratios to the first."""
    medians = [row["over_first"][1] for row in rows]
    return f"{max(medians) / min(medians):.3f}"


def markdown(rows: list[dict]) -> str:
    """Write rows as a Markdown table."""
    return pd.DataFrame(rows).to_markdown(index=False)


def main() -> None:
    """Read the command line and the files, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the JSON files")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args()
    page = [INTRODUCTION]
    for name, write in PARTS.items():
        path = arguments.folder / f"{name}.json"
        if path.exists():
            page.append(write(json.loads(path.read_text(encoding="utf-8"))))
    write_text(arguments.out, "\n".join(page))


if __name__ == "__main__":
    main()
