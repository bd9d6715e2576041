"""Classes, and labels that leave a pixel's class open.

A label set S is the set of classes that a pixel may have, kept as bits in a uint8: bit c stands for class c.
"""

import numpy as np

CLASSES = ("background", "ground-glass opacity", "consolidation", "pleural effusion")
BACKGROUND, GGO, CONSOLIDATION, EFFUSION = range(4)


def label_set(*classes: int) -> int:
    """Bits of the classes that a pixel may have."""
    return sum(1 << c for c in classes)


UNKNOWN = label_set(BACKGROUND, GGO, CONSOLIDATION, EFFUSION)  # says nothing: outside the picture

# What each set's mask values say (spec/model.md, "Data and partial labels").
MEDSEG = {0: label_set(BACKGROUND, EFFUSION), 1: label_set(GGO), 2: label_set(CONSOLIDATION)}
EFFUSIONS = {0: label_set(BACKGROUND, GGO, CONSOLIDATION), 1: label_set(EFFUSION)}
COVID20 = {0: label_set(BACKGROUND, EFFUSION), 1: label_set(GGO, CONSOLIDATION)}
# Our own reading, beyond the spec: all 230 slices of covid20 were looked through, and only volume 20 shows anything that
# could be fluid. Without these negatives no slice outside the eight effusion patients would ever say "no effusion".
COVID20_DRY = {0: label_set(BACKGROUND), 1: label_set(GGO, CONSOLIDATION)}
COVID20_PERHAPS_FLUID = (20,)  # volume_index


def allowed(mask: np.ndarray, sets: dict[int, int]) -> np.ndarray:
    """Mask values -> label sets, uint8, same shape. Raises KeyError for a value the set does not know."""
    out = np.zeros(mask.shape, np.uint8)
    for value in np.unique(mask):
        out[mask == value] = sets[int(value)]
    return out
