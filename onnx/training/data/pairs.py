"""The infection masks of covid20 laid on the pictures of `unlabelled`, which show the same slices in true greys.

Both folders hold slices of the same volumes: covid20 whole, but equalised beyond any window, with masks; unlabelled
without masks, cropped to the bounding box of the lungs. Along a volume both are numbered slice by slice, so one offset
ties them; it is found as the one under which the pictures look most alike.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from training import preprocess
from training.data import labels
from training.data.sources import Slice, covid20_with_lungs, unlabelled, whole
from training.preprocess import Box

THUMBNAIL = 72  # pixels; enough to tell neighbouring slices apart
LIKENESS = 0.45  # lowest normalised cross-correlation of a pair; the equalisation keeps it well below 1
BRIGHTEST = 0.7  # of thumbnails: the equalisation differs most in the soft tissue


def thumbnail(unit: np.ndarray) -> np.ndarray:
    """Float [rows, cols] -> unit vector, so that a product of two is their normalised cross-correlation."""
    small = preprocess.resize(np.minimum(unit, BRIGHTEST), (THUMBNAIL, THUMBNAIL)).ravel()
    small -= small.mean()
    return small / np.linalg.norm(small)


def best_offset(numbers: list[int], likeness: np.ndarray) -> int:
    """numbers: of the covid20 slices; likeness [those, pictures 1..n]. The picture of slice i is numbers[i] - offset."""
    n = likeness.shape[1]

    def total(offset: int) -> float:
        return sum(row[number - offset - 1] for number, row in zip(numbers, likeness, strict=True)
                   if 1 <= number - offset <= n)

    return max(range(min(numbers) - n, max(numbers)), key=total)


def pairs() -> Iterator[Slice]:
    """Pictures of `unlabelled` that have a mask in covid20, upright, with label sets at the picture's size."""
    pictures: dict[str, dict[int, Slice]] = defaultdict(dict)
    for item in unlabelled():
        pictures[item.group][int(item.name.rsplit("_", 1)[1])] = item
    volumes: dict[str, list[tuple[Slice, Box]]] = defaultdict(list)
    for item, lungs in covid20_with_lungs():
        if lungs is not None:
            volumes[item.group].append((item, lungs))
    for group, slices in volumes.items():
        shown = pictures[group]
        of_picture = np.stack([thumbnail(shown[k].unit) for k in range(1, len(shown) + 1)], 1)
        likeness = np.stack([thumbnail(s.unit[b.top:b.bottom, b.left:b.right]) for s, b in slices]) @ of_picture
        numbers = [int(s.name) for s, _ in slices]
        offset = best_offset(numbers, likeness)
        for (item, box), number, row in zip(slices, numbers, likeness, strict=True):
            picture = shown.get(number - offset)
            if picture is not None and row[number - offset - 1] >= LIKENESS:
                allowed = item.allowed[box.top:box.bottom, box.left:box.right]
                rows = (2 * np.arange(picture.unit.shape[0]) + 1) * box.height // (2 * picture.unit.shape[0])
                cols = (2 * np.arange(picture.unit.shape[1]) + 1) * box.width // (2 * picture.unit.shape[1])
                yield Slice("pairs", picture.name, group, picture.unit, allowed[rows][:, cols], whole(picture.unit.shape))
