"""What the data sets are published as: addresses, revisions, file names, sizes, checksums."""

from fedper.fetch.integrity import fault_of_text, fault_of_zip
from fedper.names import PHOTO_ARCHIVE, RATINGS

HUGGING_FACE = {
    "cifar10": (
        "datasets/uoft-cs/cifar10/resolve/0b2714987fa478483af9968de7c934580d0bb9a2/plain_text",
        {
            "train-00000-of-00001.parquet": (
                119_705_255,
                "sha256:8428b53a88a11ac374111006708df51469e315a22ac6d66470afd9c78d2ae883",
            ),
            "test-00000-of-00001.parquet": (
                23_940_850,
                "sha256:841389e6f2d64f28bf17310e430aebac20ec3ba611a3c5e231dc93c645ce84de",
            ),
        },
    ),
    "cifar100": (
        "datasets/uoft-cs/cifar100/resolve/aadb3af77e9048adbea6b47c21a81e47dd092ae5/cifar100",
        {
            "train-00000-of-00001.parquet": (
                118_518_617,
                "sha256:694865d6b990e234804f01268586c41e88bcbbb75e20858432c05ad4081aca23",
            ),
            "test-00000-of-00001.parquet": (
                23_772_751,
                "sha256:98776c529bb146a9c791229df74a5cf076be9b43d82dbbd334b6a7788d73dc68",
            ),
        },
    ),
}
"""Pinned revision, and size and checksum of each file, of the copies on Hugging Face."""

TORCHVISION = {"cifar10": ("CIFAR10", 170_498_071), "cifar100": ("CIFAR100", 169_001_437)}
"""torchvision's class of each data set, see :func:`official_archive`, and the archive's size."""

GOOGLE_DRIVE = {
    "flickr_aes": (
        "1LR6trJhN4XbgTtqZo1zfe272cAkXqA7e",
        {RATINGS: fault_of_text, PHOTO_ARCHIVE: fault_of_zip},
    )
}
"""The authors' folder, linked from their repository (Ren et al., ICCV 2017), what is needed of it,
and how one tells that a file is whole."""


def official_archive(dataset: str) -> type:
    """Take torchvision's class of a data set: it knows the archive's url, filename and tgz_md5."""
    import torchvision.datasets  # takes seconds to load

    return getattr(torchvision.datasets, TORCHVISION[dataset][0])
