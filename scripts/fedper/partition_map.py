"""Who holds which samples: a map of clients and classes."""

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fedper.partition import Partition
from fedper.plotting import COLUMN_WIDTH, STYLE, write_note


def draw_partitions(partitions: list[Partition], labels: NDArray[np.int64], note: str) -> Figure:
    """Draw training samples per client and class, a panel for each partition, on one colour scale.

    labels: int64 [n], of the data set's training split.
    """
    n_classes = int(labels.max()) + 1
    counts = [
        np.stack([np.bincount(labels[client.train], minlength=n_classes) for client in p.clients])
        for p in partitions
    ]
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
            )
            ax.grid(False)
            ax.set(title=f"k = {partition.classes_per_client}", ylabel="client")
            ax.tick_params(axis="y", rotation=0)
        axes[-1].set_xlabel("class")
        colours = axes[0].collections[0]
        figure.colorbar(colours, ax=list(axes), label="training samples", aspect=40)
        write_note(figure, f"Blank: none. {note}.")
    return figure
