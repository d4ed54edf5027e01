"""What the data sets are published as: addresses, revisions, file names, sizes, checksums."""

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

ARCHIVE_BYTES = {"cifar10": 170_498_071, "cifar100": 169_001_437}
"""Sizes of the official archives; their addresses and MD5 are torchvision's."""

ARCHIVES = {"cifar10": "cifar-10-python.tar.gz", "cifar100": "cifar-100-python.tar.gz"}

DRIVE_FOLDER = "1LR6trJhN4XbgTtqZo1zfe272cAkXqA7e"
"""The folder of FLICKR-AES's authors, linked from their repository (Ren et al., ICCV 2017)."""

RATINGS = "FLICKR-AES_image_labeled_by_each_worker.csv"
PHOTO_ARCHIVE = "FLICKR-AES-001.zip"
PHOTO_FOLDER = "40K"
"""The folder in the archive, or the unpacked archive, that holds FLICKR-AES's photographs."""

N_SCORES = 5
"""A worker scores a photograph from 1 to 5."""
