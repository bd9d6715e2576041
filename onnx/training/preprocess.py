"""CT slice -> the tensor the network sees, and its answer back on the slice.

The TypeScript service (src/tensor) repeats this file number by number; both suites read onnx/golden. Hence the plain
rules: integers and float64, 4-connected components, nothing from an image library.

Conventions: arrays are [rows, cols], upright, index 0 is the top row and the left column of the slice. A box is
half-open in pixels: rows top <= r < bottom, columns left <= c < right. Spacing is (row distance, column distance) in mm.
"""

from typing import Iterable, NamedTuple

import numpy as np
from scipy import ndimage

SIZE = 369  # rows and columns of the network's input (paper III-B)
WINDOW_HU = (-1250, 250)  # clipped, then scaled linearly to [0, 1]
TISSUE_HU = -400  # at or above: tissue; below: air or lung. Padding (-2000, -2048) is air by this rule.
MIN_REGION_MM2 = 200  # smaller pockets of air in the body are bowel, oesophagus, noise
MIN_LUNG_MM2 = 1500  # a slice with less enclosed air than this does not vote for the box
COUCH_MIN_WIDTH_MM = 150  # the hollow of a couch that touches the body is wide ...
COUCH_ASPECT = 3  # ... and flat: wider than this times its height; no lung is
LOPSIDED = (3, 5)  # box reaches less than 3/5 as far to one side of the body's mid-line as to the other: mirror it
MARGIN_PERCENT = 5  # of the box's own width and height, on each side, clipped to the slice

LUNG_BOX = {  # of contract.json
    "tissueHu": TISSUE_HU,
    "minRegionMm2": MIN_REGION_MM2,
    "minLungMm2": MIN_LUNG_MM2,
    "couchMinWidthMm": COUCH_MIN_WIDTH_MM,
    "couchAspect": COUCH_ASPECT,
    "lopsided": list(LOPSIDED),
    "marginPercent": MARGIN_PERCENT,
    "perSeries": "union over the slices that show lung; one box for all slices of the series",
}


class Box(NamedTuple):
    """Half-open pixel box: rows top <= r < bottom, columns left <= c < right."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def union(self, other: "Box | None") -> "Box":
        if other is None:
            return self
        return Box(min(self.top, other.top), min(self.left, other.left),
                   max(self.bottom, other.bottom), max(self.right, other.right))


def body_mask(hu: np.ndarray) -> np.ndarray:
    """The body with everything it encloses: bool [rows, cols].

    The largest 4-connected component of tissue (ties: the one met first in raster order), and all pixels from which
    no 4-connected path through non-body pixels leads to the slice's edge.
    """
    labels, count = ndimage.label(hu >= TISSUE_HU)
    if count == 0:
        return np.zeros(hu.shape, bool)
    body = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    outside, _ = ndimage.label(~body)
    edge = np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]])
    open_to_edge = np.isin(outside, np.unique(edge[edge > 0]))
    return body | ~(body | open_to_edge)


class SliceLung(NamedTuple):
    """What one slice says about the box of its series."""

    box: Box  # of the enclosed air, without margin
    body_centre2: int  # left + right edge of the body: twice its mid-line, kept an integer


def slice_lung(hu: np.ndarray, spacing: tuple[float, float]) -> SliceLung | None:
    """Bounding box of the air enclosed by the body in one slice; None where there is too little of it.

    hu: [rows, cols] Hounsfield units. Regions under MIN_REGION_MM2 and couch hollows do not count. The patient lies on
    back or belly, as in all of the training data, so the couch from left to right; its twin in src/tensor/lung-box.ts
    turns the couch where PatientPosition says that the patient lies on the side.
    """
    pixel_mm2 = spacing[0] * spacing[1]
    body = body_mask(hu)
    regions, _ = ndimage.label(body & (hu < TISSUE_HU))
    areas = np.bincount(regions.ravel())
    box, kept = None, 0
    for index, (rows, cols) in enumerate(ndimage.find_objects(regions), start=1):
        region = Box(rows.start, cols.start, rows.stop, cols.stop)
        width_mm, height_mm = region.width * spacing[1], region.height * spacing[0]
        couch = width_mm >= COUCH_MIN_WIDTH_MM and width_mm > COUCH_ASPECT * height_mm
        if couch or areas[index] * pixel_mm2 < MIN_REGION_MM2:
            continue
        box, kept = region.union(box), kept + int(areas[index])
    if box is None or kept * pixel_mm2 < MIN_LUNG_MM2:
        return None
    columns = np.flatnonzero(body.any(axis=0))
    return SliceLung(box, int(columns[0]) + int(columns[-1]) + 1)


def lung_box(stack: Iterable[np.ndarray], spacing: tuple[float, float]) -> Box | None:
    """The one box of a series: union over its slices, mirrored if lopsided, plus the margin.

    stack: slices [rows, cols] of one matrix size, in any order; a single slice is a stack of one.
    None: no lung in any slice, so this is not a chest CT.
    """
    box, shape, centres = None, (0, 0), []
    for hu in stack:
        shape = hu.shape
        found = slice_lung(hu, spacing)
        if found:
            box = found.box.union(box)
            centres.append(found.body_centre2)
    if box is None:
        return None
    return with_margin(symmetric(box, sum(centres) // len(centres), shape[1]), shape)


def symmetric(box: Box, centre2: int, columns: int) -> Box:
    """Adds the box's mirror image about the body's mid-line (centre2 / 2) where it covers one side only.

    One lung may be white from top to bottom (effusion, collapse): without this the diseased side would be cut off.
    """
    to_left, to_right = centre2 - 2 * box.left, 2 * box.right - centre2
    if LOPSIDED[1] * min(to_left, to_right) >= LOPSIDED[0] * max(to_left, to_right):
        return box
    mirrored = Box(box.top, max(0, centre2 - box.right), box.bottom, min(columns, centre2 - box.left))
    return box.union(mirrored)


def with_margin(box: Box, shape: tuple[int, int]) -> Box:
    """MARGIN_PERCENT of height and width on each side, rounded up to whole pixels, clipped to [rows, cols]."""
    rows = (MARGIN_PERCENT * box.height + 99) // 100
    cols = (MARGIN_PERCENT * box.width + 99) // 100
    return Box(max(0, box.top - rows), max(0, box.left - cols),
               min(shape[0], box.bottom + rows), min(shape[1], box.right + cols))


def windowed(hu: np.ndarray) -> np.ndarray:
    """HU -> [0, 1], float64, same shape."""
    low, high = WINDOW_HU
    return (np.clip(hu.astype(np.float64), low, high) - low) / (high - low)


def unwindowed(unit: np.ndarray) -> np.ndarray:
    """[0, 1] -> HU within the window, same shape."""
    low, high = WINDOW_HU
    return unit * (high - low) + low


def _taps(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bilinear taps along one axis: for each of `size` outputs the two inputs and the weight of the second."""
    at = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    first = np.floor(at).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), at - first


def resize(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear, half-pixel centres, edges clamped, no antialiasing. image: [..., rows, cols]; float64 [..., *shape].

    Columns first, then rows, each as a + (b - a) * weight.
    """
    c0, c1, wc = _taps(image.shape[-1], shape[1])
    r0, r1, wr = _taps(image.shape[-2], shape[0])
    image = image.astype(np.float64)
    lines = image[..., c0] + (image[..., c1] - image[..., c0]) * wc
    return lines[..., r0, :] + (lines[..., r1, :] - lines[..., r0, :]) * wr[:, None]


def to_tensor(hu: np.ndarray, box: Box) -> np.ndarray:
    """One slice of HU -> float32 [SIZE, SIZE]: window, crop to the box, resize."""
    crop = hu[box.top:box.bottom, box.left:box.right]
    return resize(windowed(crop), (SIZE, SIZE)).astype(np.float32)


def mask_back(mask: np.ndarray, box: Box, shape: tuple[int, int]) -> np.ndarray:
    """Class map uint8 [SIZE, SIZE] -> uint8 [rows, cols] of the slice, 0 outside the box; nearest, in integers."""
    rows = (2 * np.arange(box.height) + 1) * mask.shape[0] // (2 * box.height)
    cols = (2 * np.arange(box.width) + 1) * mask.shape[1] // (2 * box.width)
    out = np.zeros(shape, np.uint8)
    out[box.top:box.bottom, box.left:box.right] = mask[rows][:, cols]
    return out


def probabilities_back(probabilities: np.ndarray, box: Box) -> np.ndarray:
    """float [classes, SIZE, SIZE] -> float64 [classes, box height, box width], bilinear; the caller takes the argmax."""
    return resize(probabilities, (box.height, box.width))
