"""Pleural effusions that we paint: eight patients with drawn fluid are few, healthy lungs to lay some in are more.

In a patient who lies on the back, fluid gathers behind the lung, lies along the wall as a crescent and leans on it at the
sides; the lung above is pressed together to a band as dense as muscle. That much is painted, with the noise of the slice.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
from scipy import ndimage

from training import preprocess
from training.data import labels, negatives, sources
from training.data.sources import Slice

COPIES = 2  # of every slice, each with another effusion
HOLLOW_PX = 7  # vessels up to twice as wide lie within the lung
SMALLEST_PX = 1500  # a lung section with less has no room for fluid
SHARE = (0.05, 0.8)  # of the lung's height that the fluid fills
TILT, BOWL = 0.25, 0.5  # of its surface: end to end; rise at the sides, both as a share of the lung's height
CRESCENT_PX = (4, 30)  # its thickness along the wall
FLUID_HU, PRESSED_HU = (-5, 30), (30, 70)
NOISE_HU = 22
PRESSED_PX = (0, 15)  # thickness of the band of pressed lung
EDGE_PX = 0.8  # blur between fluid and lung
SEAM_PX = 2  # of air along the wall: filled too


def fluid() -> Iterator[Slice]:
    """Slices of `effusion` and of the whole series, upright, with fluid painted into the lungs; group as theirs."""
    for item in chain(sources.effusion(), negatives.series()):
        for copy in range(COPIES):
            rng = np.random.default_rng(zlib.crc32(f"{item.source}/{item.name}/{copy}".encode()))
            painted = paint(item, rng)
            if painted is not None:
                yield painted


def paint(item: Slice, rng: np.random.Generator) -> Slice | None:
    """The slice with fluid in one lung or both; None where no lung has room."""
    hu = preprocess.unwindowed(item.unit)
    lungs = sections(hu)
    if not lungs:
        return None
    wet, pressed = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    for lung in lungs if rng.random() < 0.5 else [lungs[rng.integers(len(lungs))]]:
        here = pool(lung, rng)
        wet |= here
        band = rng.integers(*PRESSED_PX)
        pressed |= lung & ~here & ndimage.binary_dilation(here, iterations=int(band)) if band else False
    noise = ndimage.gaussian_filter(rng.standard_normal(hu.shape), 0.7)
    noise *= NOISE_HU / noise.std()
    filling = noise + np.where(wet, rng.uniform(*FLUID_HU), rng.uniform(*PRESSED_HU))
    away, nearest = ndimage.distance_transform_edt(~(wet | pressed), return_indices=True)
    filling = ndimage.gaussian_filter(filling[tuple(nearest)], EDGE_PX)
    share = ndimage.gaussian_filter((away <= SEAM_PX).astype(np.float64), EDGE_PX)
    hu = np.where(away <= 0, filling, np.maximum(hu, hu * (1 - share) + filling * share))  # walls stay
    allowed = item.allowed.copy()
    allowed[share > 0.01] = labels.UNKNOWN
    allowed[pressed] = labels.EFFUSIONS[0]  # background, or consolidation by its looks
    allowed[wet] = labels.label_set(labels.EFFUSION)
    return replace(item, source="fluid", unit=preprocess.windowed(hu).astype(np.float32), allowed=allowed)


def sections(hu: np.ndarray) -> list[np.ndarray]:
    """The lungs of a slice without the hollows of their vessels: bool [rows, cols] each."""
    air = preprocess.body_mask(hu) & (hu < preprocess.TISSUE_HU)
    regions, count = ndimage.label(air)
    areas = np.bincount(regions.ravel())
    return [ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(regions == k, HOLLOW_PX), iterations=HOLLOW_PX))
            [HOLLOW_PX:-HOLLOW_PX, HOLLOW_PX:-HOLLOW_PX] for k in range(1, count + 1) if areas[k] >= SMALLEST_PX]


def pool(lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where fluid lies in a lung: below a surface that tilts and rises at the sides, or along the wall as deep as that."""
    rows, cols = np.nonzero(lung)
    top, height, width = rows.min(), np.ptp(rows) + 1, np.ptp(cols) + 1
    across = (np.arange(lung.shape[1]) - cols.min()) / width - 0.5  # -0.5..0.5
    surface = rng.uniform(*SHARE) + rng.uniform(-TILT, TILT) * across + rng.uniform(0, BOWL) * (2 * across) ** 2
    depth = (top + height - np.arange(lung.shape[0]))[:, None] / height  # 1 at the top row of the lung, 0 at its lowest
    below = depth < surface[None]
    if rng.random() < 0.5:
        wall = ndimage.distance_transform_edt(lung)
        below &= wall < rng.uniform(*CRESCENT_PX) * np.clip(1.5 - depth, 0.5, 1.5)
    return lung & below
