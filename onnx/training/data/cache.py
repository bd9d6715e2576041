"""All slices at the network's size in one file, so that training never decodes a picture."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training import preprocess
from training.data import negatives
from training.data.fluid import fluid
from training.data.pairs import pairs
from training.data.sources import Slice, covid20, effusion, medseg, unlabelled
from training.preprocess import SIZE, Box

FOLDER = Path(__file__).resolve().parent.parent / ".cache"
VERSION = 7  # raise it whenever a reader or the preprocessing changes
TIGHT_BELOW = 0.9  # a slice's own lungs fill less than this of the series' box: keep a tight crop of it too

READERS = {"medseg": medseg, "effusion": effusion, "covid20": covid20, "pairs": pairs, "unlabelled": unlabelled,
           "series": negatives.series, "phantom": negatives.phantom, "fluid": fluid}


@dataclass
class Dataset:
    """Slices of one or several sources, in the order of their readers."""

    images: np.ndarray  # float16 [n, SIZE, SIZE], 0..1
    allowed: np.ndarray  # uint8 [n, SIZE, SIZE], label sets
    sources: np.ndarray  # str [n]
    names: np.ndarray  # str [n]
    groups: np.ndarray  # str [n]

    def __len__(self) -> int:
        return len(self.images)

    def where(self, keep: np.ndarray) -> "Dataset":
        return Dataset(self.images[keep], self.allowed[keep], self.sources[keep], self.names[keep], self.groups[keep])

    def whole(self) -> "Dataset":
        """Every slice once, without the tighter crop that some have beside the series' box."""
        slices = np.char.add(np.char.add(self.sources, "/"), self.names)
        return self.where(np.sort(np.unique(slices, return_index=True)[1]))


def at_network_size(item: Slice, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Image float16 and label sets uint8, both [SIZE, SIZE], of the box. Labels by the nearest pixel."""
    unit = item.unit[box.top:box.bottom, box.left:box.right]
    allowed = item.allowed[box.top:box.bottom, box.left:box.right]
    rows = (2 * np.arange(SIZE) + 1) * box.height // (2 * SIZE)
    cols = (2 * np.arange(SIZE) + 1) * box.width // (2 * SIZE)
    return preprocess.resize(unit, (SIZE, SIZE)).astype(np.float16), allowed[rows][:, cols]


def crops(item: Slice) -> list[Box]:
    """The series' box, which the service uses, and a tighter one where this slice's own lungs are much smaller."""
    if item.source not in ("effusion", "covid20"):
        return [item.box]
    hu = item.unit * 1500 - 1250
    found = preprocess.slice_lung(hu, (1.0, 1.0) if item.source == "effusion" else (1.5, 1.5))
    if found is None:
        return [item.box]
    tight = preprocess.with_margin(found.box, item.unit.shape)
    area = tight.height * tight.width / (item.box.height * item.box.width)
    return [item.box, tight] if area < TIGHT_BELOW else [item.box]


def load(source: str) -> Dataset:
    """One source from the cache, which is made on first use."""
    path = FOLDER / f"{source}-{VERSION}.npz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rows = [(*at_network_size(item, box), source, item.name, item.group)
                for item in READERS[source]() for box in crops(item)]
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        part = FOLDER / f"{path.stem}-{os.getpid()}.npz"  # two trainings may make it at once
        np.savez(part, **dict(zip(("images", "allowed", "sources", "names", "groups"), columns, strict=True)))
        part.replace(path)
    with np.load(path) as file:
        return Dataset(**{key: file[key] for key in file.files})


def join(parts: list[Dataset]) -> Dataset:
    return Dataset(*(np.concatenate([getattr(p, f) for p in parts])
                     for f in ("images", "allowed", "sources", "names", "groups")))
