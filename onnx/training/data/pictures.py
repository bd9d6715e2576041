"""8-bit lung-window pictures: how they are stored and what their greys mean."""

import numpy as np
from scipy import ndimage

DARKEST_UNIT = 0.20  # (-950 HU + 1250) / 1500: air in trachea and bronchi, the darkest percent of a lung box
SOFT_UNIT = 0.86  # (40 HU + 1250) / 1500: muscle, blood, the peak of the bright half
SEARCH_STEP = 7  # grey levels over which the histogram is smoothed, and that lie between two peaks at least
NEARLY = 0.7  # of the highest peak: muscle beside more fat, or fluid beside more muscle, is still a peak
CUT_OFF = 250  # greys from here on are what the window cut off (bone, contrast medium), and JPEG's scatter around it
CUT_OFF_SHARE = 0.2  # more of a picture than this: the window cut off soft tissue itself, which is then its brightest grey
AIRLESS = 60  # fewer greys from the darkest percent to soft tissue: no air in the picture (unlabelled has 72 at least)
USUAL_GREYS = 168  # from -950 to 40 HU in a window 1500 HU wide
FRAME_GREYS = 8  # rows and columns that vary by no more are a frame, not anatomy


def upright(stored: np.ndarray) -> np.ndarray:
    """medseg and unlabelled store pictures transposed (sternum to the left); the radiological view swaps x and y.

    Its own inverse. [rows, cols] -> [cols, rows].
    """
    return stored.T


def unit_from_grey(grey: np.ndarray) -> np.ndarray:
    """Picture with an unknown window, uint8 -> float32 [0, 1] on the scale of preprocess.windowed, same shape.

    Two greys are found in the picture itself: the darkest percent, taken as -950 HU, and soft tissue, taken as 40 HU; a
    straight line through both. The paper's data set was brought to Hounsfield units by the same idea (section III-A). A
    window that cuts off soft tissue cannot be undone. A picture without air (both lungs white) is taken to have a window
    1500 HU wide.
    """
    histogram = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    darkest = int(np.searchsorted(np.cumsum(histogram), 0.01 * grey.size))
    soft = soft_tissue(histogram)
    if soft - darkest < AIRLESS:
        darkest = soft - USUAL_GREYS
    slope = (SOFT_UNIT - DARKEST_UNIT) / max(1, soft - darkest)
    return np.clip(DARKEST_UNIT + slope * (grey.astype(np.float32) - darkest), 0, 1).astype(np.float32)


def soft_tissue(histogram: np.ndarray) -> int:
    """Grey level of soft tissue in a histogram of 256 bins: in the bright half (Otsu), the brightest peak of the high ones."""
    split = otsu(histogram)
    if histogram[CUT_OFF:].sum() <= CUT_OFF_SHARE * histogram.sum():
        histogram = np.where(np.arange(256) < CUT_OFF, histogram, 0)
    bright = np.convolve(histogram, np.ones(SEARCH_STEP), mode="same")[split + 1:]
    peaks = (bright == ndimage.maximum_filter1d(bright, 2 * SEARCH_STEP + 1)) & (bright >= NEARLY * bright.max())
    return split + 1 + int(np.flatnonzero(peaks)[-1])


def content(grey: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a picture [rows, cols] within a frame of one grey; all of them where nothing else is there."""
    rows, cols = (np.flatnonzero(np.ptp(grey, axis=axis) > FRAME_GREYS) for axis in (1, 0))
    if not len(rows) or not len(cols):
        return np.s_[:, :]
    return np.s_[rows[0]:rows[-1] + 1, cols[0]:cols[-1] + 1]


def otsu(histogram: np.ndarray) -> int:
    """Grey level that best splits a histogram of 256 bins in two: the dark half is <= it (Otsu 1979)."""
    weight = np.cumsum(histogram)
    mean = np.cumsum(histogram * np.arange(256))
    total, all_mean = weight[-1], mean[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (all_mean * weight - mean * total) ** 2 / (weight * (total - weight))
    return int(np.nan_to_num(between, nan=0, posinf=0).argmax())
