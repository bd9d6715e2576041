"""A made-up slice with all four classes."""

import numpy as np


def slice_and_mask(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lungs with ground glass, consolidation and an effusion: image float32 [size,size] in [0,1], mask int64."""
    y, x = np.mgrid[:size, :size] / size

    def ellipse(cx, cy, rx, ry):
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    right, left = ellipse(0.28, 0.5, 0.2, 0.38), ellipse(0.72, 0.5, 0.2, 0.38)
    mask = np.zeros((size, size), np.int64)
    mask[ellipse(0.25, 0.35, 0.12, 0.12) & right] = 1
    mask[ellipse(0.75, 0.6, 0.1, 0.14) & left] = 2
    mask[right & (y > 0.72)] = 3
    image = np.where(right | left, 0.27, 0.86)
    image[mask == 1] = 0.5
    image[mask == 2] = 0.8
    image[mask == 3] = 0.84
    noise = np.random.default_rng(0).normal(0, 0.02, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32), mask
