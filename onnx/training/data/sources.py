"""The four folders of the shared data, each as slices in the radiological view with their label sets.

The folder is $RAUNET_SHARED/data; without the variable, ../shared beside the repository.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from training import preprocess
from training.data import labels
from training.data.pictures import unit_from_grey, upright
from training.preprocess import Box

# Order of the 20 volumes of Ma et al. (doi 10.5281/zenodo.3757476): volume_index -> file name stem in `unlabelled`.
COVID20_STEMS = [f"coronacases_{i:03d}" for i in range(1, 11)] + [
    f"radiopaedia_{i}" for i in ("10_85902_1", "10_85902_3", "14_85914_0", "27_86410_0", "29_86490_1", "29_86491_1",
                                 "36_86526_0", "40_86625_0", "4_85506_1", "7_85703_0")]

CAVITY_MIN_PX = 50  # smaller pockets of air are bowel
CAVITY_ROOM_PX = 8  # around the hull: consolidated lung below the pleura has no air


@dataclass
class Slice:
    """One slice, upright: index 0 is the top row (sternum side) and the patient's right (left column)."""

    source: str  # of cache.READERS
    name: str  # file name without its ending
    group: str  # slices of one group never straddle a split; unique across sources
    unit: np.ndarray  # float32 [rows, cols], 0..1 on the scale of preprocess.windowed
    allowed: np.ndarray  # uint8 [rows, cols], label sets
    box: Box  # the lung box that the service would find, with margin, half-open


def data_folder() -> Path:
    """The shared data. Raises FileNotFoundError with what to do."""
    shared = os.environ.get("RAUNET_SHARED") or Path(__file__).resolve().parents[4] / "shared"
    folder = Path(shared) / "data"
    if not folder.is_dir():
        raise FileNotFoundError(f"no training data at {folder}: set RAUNET_SHARED to the folder that holds data/")
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "slices.csv", newline="") as file:
        return list(csv.DictReader(file))


def picture(path: Path) -> np.ndarray:
    """Grey picture, uint8 [rows, cols], as stored."""
    return np.array(Image.open(path).convert("L"))


def palette(path: Path) -> np.ndarray:
    """Palette or 1-bit mask, uint8 class index [rows, cols], as stored."""
    return np.array(Image.open(path)).astype(np.uint8)


def whole(shape: tuple[int, int]) -> Box:
    return Box(0, 0, *shape)


def medseg() -> Iterator[Slice]:
    """SIRM/MedSeg pictures: cropped to the lungs, so the box is the picture."""
    folder = data_folder() / "medseg"
    for row in rows_of(folder):
        name = f"{int(row['slice_index']):03d}"
        grey = upright(picture(folder / "img" / f"{name}.jpg"))
        mask = upright(palette(folder / "mask" / f"{name}.png"))
        yield Slice("medseg", name, f"medseg-{row['group']}", unit_from_grey(grey),
                    labels.allowed(mask, labels.MEDSEG), whole(grey.shape))


def effusion() -> Iterator[Slice]:
    """NSCLC-Radiomics slices in HU; the box is the patient's, from all of the patient's slices here."""
    folder = data_folder() / "effusion"
    patients: dict[str, list[dict[str, str]]] = {}
    for row in rows_of(folder):
        patients.setdefault(row["patient"], []).append(row)
    for patient, rows in patients.items():
        spacing = (float(rows[0]["spacing_mm"]),) * 2
        stack = [hounsfield(folder / "img16" / row["file"]) for row in rows]
        box = preprocess.lung_box(stack, spacing)
        if box is None:
            raise ValueError(f"effusion: no lung found in the slices of {patient}")
        for row, hu in zip(rows, stack, strict=True):
            mask = palette(folder / "mask" / row["file"])
            sets = labels.allowed(mask, labels.EFFUSIONS)
            sets[(mask == 0) & ~chest_cavity(hu, mask == 1)] = labels.label_set(labels.BACKGROUND)
            yield Slice("effusion", Path(row["file"]).stem, f"effusion-{patient}",
                        preprocess.windowed(hu).astype(np.float32), sets, box)


def chest_cavity(hu: np.ndarray, fluid: np.ndarray) -> np.ndarray:
    """Where a lesion could lie at all: bool [rows, cols], the convex hull of enclosed air and fluid, made
    symmetric, with some room.

    Chest wall, arms, abdomen and the air around the patient are background whatever a label leaves open.
    """
    body = preprocess.body_mask(hu)
    lungs = body & (hu < preprocess.TISSUE_HU)
    regions, count = ndimage.label(lungs)
    sizes = np.bincount(regions.ravel())
    inside = fluid | (lungs & (sizes >= CAVITY_MIN_PX)[regions] if count else lungs)
    if inside.sum() < 3:
        return np.zeros(hu.shape, bool)
    rows, cols = np.nonzero(inside)
    columns = np.flatnonzero(body.any(axis=0))
    mirrored = np.clip(columns[0] + columns[-1] - cols, 0, hu.shape[1] - 1)  # one side may be consolidated, without air
    points = np.column_stack([np.concatenate([cols, mirrored]), np.concatenate([rows, rows])])
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line
        corners = points
    image = Image.new("1", hu.shape[::-1])
    ImageDraw.Draw(image).polygon([tuple(map(int, corner)) for corner in corners], fill=1, outline=1)
    return ndimage.binary_dilation(np.array(image), iterations=CAVITY_ROOM_PX)


def hounsfield(path: Path) -> np.ndarray:
    """16-bit picture with value = HU + 1024 -> int16 HU [rows, cols]."""
    return (np.array(Image.open(path)).astype(np.int32) - 1024).astype(np.int16)


def covid20() -> Iterator[Slice]:
    """COVID-19 volumes at 256x256, contrast-equalised; the box is the volume's, from its lung masks."""
    return (item for item, _ in covid20_with_lungs())


def covid20_with_lungs() -> Iterator[tuple[Slice, Box | None]]:
    """The slices of covid20, each with the bounding box of its own lung mask, None where that is empty.

    Volumes 11 to 20 are stored upside down (README of the data; seen by eye: spine at the top, liver on the left).
    """
    folder = data_folder() / "covid20"
    volumes: dict[int, list[dict[str, str]]] = {}
    for row in rows_of(folder):
        volumes.setdefault(int(row["volume_index"]), []).append(row)
    for volume, rows in volumes.items():
        flip = slice(None, None, -1 if volume > 10 else 1)
        lungs = [palette(folder / "lungs" / row["file"])[flip] for row in rows]
        sets = labels.COVID20 if volume in labels.COVID20_PERHAPS_FLUID else labels.COVID20_DRY
        box = preprocess.with_margin(bounding_box(np.any(lungs, axis=0)), lungs[0].shape)
        for row, own in zip(rows, lungs, strict=True):
            grey = picture(folder / "ct" / row["file"])[flip]
            mask = palette(folder / "covid" / row["file"])[flip]
            unit = np.zeros(grey.shape, np.float32)
            inside = np.s_[box.top:box.bottom, box.left:box.right]
            unit[inside] = unit_from_grey(grey[inside])
            item = Slice("covid20", Path(row["file"]).stem, f"volume-{volume}", unit, labels.allowed(mask, sets), box)
            yield item, bounding_box(own) if own.any() else None


def unlabelled() -> Iterator[Slice]:
    """Lung-cropped pictures of the volumes of covid20, in its groups; stems coronacases lie upside down once upright."""
    folder = data_folder() / "unlabelled"
    for path in sorted(folder.glob("*.jpg")):
        stem = path.stem.rsplit("_", 1)[0]
        grey = upright(picture(path))
        if stem.startswith("coronacases"):
            grey = grey[::-1]
        yield Slice("unlabelled", path.stem, f"volume-{COVID20_STEMS.index(stem) + 1}", unit_from_grey(grey),
                    np.full(grey.shape, labels.UNKNOWN, np.uint8), whole(grey.shape))


def bounding_box(mask: np.ndarray) -> Box:
    """Smallest half-open box around the true pixels of [rows, cols]."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)
