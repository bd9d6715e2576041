"""Made-up slices that stand in for the cache: a bright square is the lesion of every source."""

import numpy as np

from training.data import labels
from training.data.cache import Dataset

SIDE = 64
LABELLED = {"medseg": labels.MEDSEG, "effusion": labels.EFFUSIONS, "covid20": labels.COVID20, "pairs": labels.COVID20}
SETS = LABELLED | {"fluid": labels.EFFUSIONS, "unlabelled": {0: labels.UNKNOWN, 1: labels.UNKNOWN},
                   **dict.fromkeys(("series", "phantom"), {0: labels.label_set(labels.BACKGROUND), 1: labels.label_set(labels.GGO)})}


def made_up(source: str, n: int = 12, side: int = SIDE) -> Dataset:
    """n slices of side x side, two in each group."""
    rng = np.random.default_rng(len(source))
    images = rng.random((n, side, side)).astype(np.float16)
    mask = np.zeros((n, side, side), np.uint8)
    mask[:, 10:30, 10:40] = 1
    images[:, 10:30, 10:40] += 0.5
    volume = {"pairs": "covid20", "unlabelled": "covid20", "fluid": "effusion"}.get(source, source)
    return Dataset(images, labels.allowed(mask, SETS[source]), np.array([source] * n),
                   np.array([str(i) for i in range(n)]), np.array([f"{volume}-{i // 2}" for i in range(n)]))
