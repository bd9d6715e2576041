"""Segments a DICOM series with one network: python -m training.series --model FILE --series DIR

Lung box, window and grid are the service's. Its turning upright, its choice of the slices that show lung and its clean-up
are not done, and every slice counts for the median slice distance: volumes differ from those of the service.

Prints the volume of each class. --truth FOLDER compares with the masks of the shared data's `effusion` set, matched by
SOP instance UID; --overlays FOLDER writes every --step-th slice with its mask (real patients: for looking at only).
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from training import preprocess
from training.data.labels import CLASSES, EFFUSION
from training.data.sources import palette
from training.predict import load_network
from training.report import COLOURS, tinted


def read_series(folder: Path) -> tuple[np.ndarray, list[str], tuple[float, float], float]:
    """HU int16 [slices, rows, cols] from foot to head, SOP instance UIDs, pixel spacing mm, slice distance mm."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = pydicom.dcmread(path, force=True)
            if "PixelData" in data and "ImagePositionPatient" in data:
                found.append(data)
    if not found:
        raise ValueError(f"no CT slices in {folder}")
    found.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    hu = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in found]
    distance = np.median(np.diff([float(d.ImagePositionPatient[2]) for d in found])) if len(found) > 1 else 0.0
    spacing = tuple(float(v) for v in found[0].PixelSpacing)
    return np.round(hu).astype(np.int16), [str(d.SOPInstanceUID) for d in found], spacing, float(distance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--series", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="folder with slices.csv and mask/, like data/effusion")
    parser.add_argument("--overlays", type=Path)
    parser.add_argument("--step", type=int, default=4)
    given = parser.parse_args()
    network = load_network(given.model)
    hu, uids, spacing, distance = read_series(given.series)
    box = preprocess.lung_box(hu, spacing)
    if box is None:
        raise SystemExit(f"{given.series}: no lung found, this is no chest CT")
    masks = np.stack([preprocess.mask_back(network(preprocess.to_tensor(s, box)).argmax(0).astype(np.uint8), box, s.shape)
                      for s in hu])
    millilitre = spacing[0] * spacing[1] * distance / 1000
    print(f"{len(hu)} slices, box {tuple(box)}, " + ", ".join(
        f"{CLASSES[c]} {(masks == c).sum() * millilitre:.1f} mL" for c in (1, 2, 3)))
    if given.truth:
        with open(given.truth / "slices.csv", newline="") as file:
            rows = {row["sop_instance_uid"]: row["file"] for row in csv.DictReader(file)}
        there = [i for i, uid in enumerate(uids) if uid in rows]
        truth = np.stack([palette(given.truth / "mask" / rows[uids[i]]) for i in there]) == 1
        answer = masks[there] == EFFUSION
        print(f"effusion on {len(there)} labelled slices: Dice {2 * (truth & answer).sum() / (truth.sum() + answer.sum()):.3f}, "
              f"true {truth.sum()} px, found {answer.sum()} px")
    if given.overlays:
        given.overlays.mkdir(parents=True, exist_ok=True)
        for i in range(0, len(hu), given.step):
            image = tinted(preprocess.windowed(hu[i]), np.zeros(hu[i].shape, bool), (0, 0, 0))
            for label, colour in COLOURS.items():
                image = tinted(hu[i], masks[i] == label, colour, image)
            Image.fromarray(image).save(given.overlays / f"{i:03d}.png")


if __name__ == "__main__":
    main()
