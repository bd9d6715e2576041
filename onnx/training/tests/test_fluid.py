"""Painted effusions lie in the lung, look like fluid and are labelled as such; nothing else is touched."""

import numpy as np

from training import preprocess
from training.data import fluid, labels
from training.data.sources import Slice
from training.preprocess import Box


def chest():
    """A round body with two round lungs, -850 HU, and a vessel in each."""
    rows, cols = np.mgrid[:256, :256]
    hu = np.full((256, 256), -1000.0)
    hu[(rows - 128) ** 2 + (cols - 128) ** 2 < 110**2] = 40
    lungs = np.zeros(hu.shape, bool)
    for middle in (78, 178):
        lungs |= (rows - 128) ** 2 + (cols - middle) ** 2 < 40**2
    hu[lungs] = -850
    hu[120:126, 70:76] = hu[120:126, 180:186] = 40
    return hu, lungs


def painted(seed):
    hu, lungs = chest()
    allowed = np.full(hu.shape, labels.label_set(labels.BACKGROUND), np.uint8)
    item = Slice("effusion", "x", "effusion-x", preprocess.windowed(hu).astype(np.float32), allowed, Box(10, 10, 246, 246))
    return item, fluid.paint(item, np.random.default_rng(seed)), lungs


def test_fluid_lies_in_the_lungs_behind_and_is_as_dense_as_water():
    sizes = []
    for seed in range(12):
        item, out, lungs = painted(seed)
        wet = out.allowed == labels.label_set(labels.EFFUSION)
        hu = preprocess.unwindowed(out.unit)
        assert wet.any() and not (wet & ~lungs).any()
        assert fluid.FLUID_HU[0] - 5 < np.median(hu[wet]) < fluid.FLUID_HU[1] + 5
        assert np.nonzero(wet)[0].mean() > np.nonzero(lungs)[0].mean()
        assert (out.source, out.group, out.name) == ("fluid", "effusion-x", "x")
        sizes.append(wet.sum() / lungs.sum())
    assert min(sizes) < 0.1 and max(sizes) > 0.35


def test_beyond_the_seam_walls_and_lung_keep_their_greys_and_labels():
    for seed in range(12):
        item, out, lungs = painted(seed)
        moved = np.abs(out.unit - item.unit) > 0.02
        assert not (moved & (out.allowed == item.allowed)).any()
        walls = ~lungs & (item.unit > 0.8)
        assert (out.unit[walls] >= item.unit[walls] - 0.06).all()  # noise of the seam, no air drawn into the wall


def test_no_air_is_left_between_fluid_and_wall():
    item, out, lungs = painted(3)
    wet = out.allowed == labels.label_set(labels.EFFUSION)
    rows, cols = np.nonzero(wet)
    lowest = {col: rows[cols == col].max() for col in np.unique(cols)}
    assert all(preprocess.unwindowed(out.unit)[row:row + 4, col].min() > -200 for col, row in lowest.items())


def test_a_slice_without_lung_is_left_alone():
    item, _, _ = painted(0)
    item.unit[:] = 0.86
    assert fluid.paint(item, np.random.default_rng(0)) is None
