"""8-bit lung-window pictures: how they are stored and what their greys mean."""

import numpy as np

DARKEST_UNIT = 0.20  # (-950 HU + 1250) / 1500: air in trachea and bronchi, the darkest percent of a lung box
SOFT_UNIT = 0.86  # (40 HU + 1250) / 1500: muscle, blood, the peak of the bright half
SEARCH_STEP = 7  # grey levels over which the histogram is smoothed


def upright(stored: np.ndarray) -> np.ndarray:
    """medseg and unlabelled store pictures transposed (sternum to the left); the radiological view swaps x and y.

    Its own inverse. [rows, cols] -> [cols, rows].
    """
    return stored.T


def unit_from_grey(grey: np.ndarray) -> np.ndarray:
    """Picture with an unknown window, uint8 -> float32 [0, 1] on the scale of preprocess.windowed, same shape.

    Two greys are found in the picture itself: the darkest percent, taken as -950 HU, and the peak of the bright half
    (Otsu's threshold), taken as soft tissue at 40 HU; a straight line through both. The paper's data set was brought
    to Hounsfield units by the same idea (section III-A). A window that saturates soft tissue cannot be undone.
    """
    histogram = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    darkest = int(np.searchsorted(np.cumsum(histogram), 0.01 * grey.size))
    split = otsu(histogram)
    smooth = np.convolve(np.pad(histogram, SEARCH_STEP // 2, mode="edge"), np.ones(SEARCH_STEP), mode="valid")
    soft = split + 1 + int(smooth[split + 1:].argmax()) if split < 255 else 255
    slope = (SOFT_UNIT - DARKEST_UNIT) / max(1, soft - darkest)
    return np.clip(DARKEST_UNIT + slope * (grey.astype(np.float32) - darkest), 0, 1).astype(np.float32)


def otsu(histogram: np.ndarray) -> int:
    """Grey level that best splits a histogram of 256 bins in two: the dark half is <= it (Otsu 1979)."""
    weight = np.cumsum(histogram)
    mean = np.cumsum(histogram * np.arange(256))
    total, all_mean = weight[-1], mean[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (all_mean * weight - mean * total) ** 2 / (weight * (total - weight))
    return int(np.nan_to_num(between, nan=0, posinf=0).argmax())
