"""Who holds which samples: a map of clients and classes, or of workers and their scores."""

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fedper.data.partition import Partition
from fedper.draw.style import COLUMN_WIDTH, STYLE, write_note


def draw_partitions(partitions: list[Partition], labels: NDArray[np.int64], note: str) -> Figure:
    """Draw training samples per client and class, a panel for each partition, on one colour scale.

    labels: int64 [n], of the data set's training split.
    """
    n_classes = int(labels.max()) + 1
    counts = [_count(partition, "train", labels, n_classes) for partition in partitions]
    annotate = n_classes <= 10
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.9 * len(partitions) + 0.3), layout="constrained")
        axes = figure.subplots(len(partitions), squeeze=False, sharex=True)[:, 0]
        for ax, partition, samples in zip(axes, partitions, counts, strict=True):
            sns.heatmap(
                samples,
                ax=ax,
                mask=samples == 0,
                cmap="crest",
                vmin=0,
                vmax=max(samples.max() for samples in counts),
                cbar=False,
                annot=annotate,
                fmt="d",
                annot_kws={"size": 5.5},
                linewidths=0.4 if annotate else 0,
                xticklabels=1 if annotate else 10,
            )
            ax.grid(False)
            ax.set(title=f"k = {partition.classes_per_client}", ylabel="client")
            ax.tick_params(axis="y", rotation=0)
        axes[-1].set_xlabel("class")
        axes[-1].tick_params(axis="x", rotation=0)
        colours = axes[0].collections[0]
        figure.colorbar(colours, ax=list(axes), label="training samples", aspect=40)
        write_note(figure, f"Blank: none. {note}.")
    return figure


def draw_ratings(
    partition: Partition,
    train_labels: NDArray[np.int64],
    test_labels: NDArray[np.int64],
    n_classes: int,
    note: str,
) -> Figure:
    """Draw how many images each client (a worker) rated, and how often it gave each score.

    labels: int64 [n], of the data set's splits; label 0 is a score of 1.
    """
    train = _count(partition, "train", train_labels, n_classes)
    test = _count(partition, "test", test_labels, n_classes)
    n_train, n_test = train.sum(axis=1), test.sum(axis=1)
    clients = np.arange(len(train))
    dark, light = sns.color_palette("crest_r", 2)
    with mpl.rc_context(STYLE):
        height = 0.11 * max(len(train), 8) + 1.2
        figure = Figure(figsize=(COLUMN_WIDTH, height), layout="constrained")
        bars, shares = figure.subplots(1, 2, sharey=True, width_ratios=[1.3, 1])
        bars.barh(clients + 0.5, n_train, color=dark, label="training", height=0.8)
        bars.barh(clients + 0.5, n_test, left=n_train, color=light, label="test", height=0.8)
        bars.grid(axis="y", visible=False)
        bars.set(xlabel="images rated", ylabel="client")
        bars.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        sns.heatmap(
            (train + test) / (n_train + n_test)[:, np.newaxis],
            ax=shares,
            cmap="crest",
            vmin=0,
            xticklabels=range(1, n_classes + 1),
            cbar_kws={"label": "share of the client's ratings"},
        )
        shares.grid(False)
        shares.set_xlabel("score")
        shown = clients[:: max(1, len(train) // 15)]
        bars.set_yticks(shown + 0.5, shown)
        for ax in (bars, shares):
            ax.tick_params(axis="y", rotation=0, length=0)
        write_note(figure, f"{note}.")
    return figure


def _count(
    partition: Partition, split: str, labels: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Count each client's samples of each class: int64 [n_clients, n_classes]."""
    rows = [getattr(client, split) for client in partition.clients]
    return np.stack([np.bincount(labels[own], minlength=n_classes) for own in rows])
