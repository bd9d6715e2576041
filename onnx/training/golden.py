"""Writes onnx/golden: made-up CT slices with the lung box and the tensor that every implementation must find.

Run `python -m training.golden` after a deliberate change of preprocess.py; pytest and jest read the same files.
The slices are ellipses and a fixed pattern: no patient is in them.
"""

import gzip
import json
from pathlib import Path

import numpy as np

from training import preprocess

FOLDER = Path(__file__).resolve().parent.parent / "golden"
STRIDE = 8  # of the tensor, every 8th row and column is stored
AIR, PADDING, LUNG, FLUID, SOFT, BONE = -1000, -2048, -850, 10, 40, 700


def chest(rows: int, cols: int, spacing: tuple[float, float], *, scale: float = 1.0, shift_mm: float = 0.0,
          white_right: bool = False, couch_gap_mm: float = 12.0, lungs: bool = True) -> np.ndarray:
    """One axial slice, int16 HU [rows, cols]. shift_mm moves the body along the columns; scale shrinks the lungs."""
    y = (np.arange(rows)[:, None] - rows / 2) * spacing[0]
    x = (np.arange(cols)[None, :] - cols / 2) * spacing[1]
    body_x = x - shift_mm

    def ellipse(cx, cy, rx, ry):
        return ((body_x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    hu = np.full((rows, cols), AIR)
    couch_top = 105 + couch_gap_mm
    couch = (y >= couch_top) & (y < couch_top + 24) & (np.abs(x) <= 150)
    hollow = (y >= couch_top + 4) & (y < couch_top + 20) & (np.abs(x) <= 146)
    hu[couch] = 120
    hu[hollow] = -930
    hu[ellipse(0, 0, 160, 108)] = -100
    hu[ellipse(0, 0, 148, 96)] = SOFT
    if lungs:
        hu[ellipse(-72, 0, 56 * scale, 78 * scale)] = FLUID if white_right else LUNG
        hu[ellipse(74, 4, 54 * scale, 76 * scale)] = LUNG
        hu[ellipse(84, 40, 18 * scale, 14 * scale)] = -420 + 300  # consolidation
        hu[ellipse(60, -30, 20 * scale, 16 * scale)] = -600  # ground glass
        hu[ellipse(20, 10, 45, 40)] = SOFT  # heart
        hu[ellipse(0, -40, 8, 8)] = AIR  # trachea: enclosed air, too small to count alone
    else:
        hu[ellipse(40, -50, 20, 12)] = AIR  # bowel gas
    hu[ellipse(0, 78, 18, 16)] = BONE
    rr, cc = np.mgrid[:rows, :cols]
    hu = hu + (rr * 7 + cc * 13 + rr * cc) % 41 - 20  # a fixed grain instead of noise
    hu[x * 0 + y * 0 + x**2 + y**2 > 190**2] = PADDING
    return hu.astype(np.int16)


def stacks() -> dict[str, tuple[list[np.ndarray], tuple[float, float]]]:
    """Name of the case -> (slices, spacing mm)."""
    even, oblong, fine = (1.5, 1.5), (1.6, 1.3), (1.0, 1.0)
    return {
        "chest": ([chest(240, 272, even)], even),
        "oblong-pixels": ([chest(212, 304, oblong)], oblong),
        "couch-touches-body": ([chest(256, 272, even, couch_gap_mm=-4)], even),
        "right-lung-white": ([chest(240, 272, even, white_right=True)], even),
        "body-cut-by-the-edge": ([chest(240, 200, even, shift_mm=32)], even),
        "small-lungs": ([chest(300, 340, fine, scale=0.6)], fine),
        "series": ([chest(240, 272, even, scale=s, shift_mm=d, lungs=s > 0)
                    for s, d in [(0, 0), (0.5, 4), (1.0, 0), (0.8, -6)]], even),
        "no-lung": ([chest(240, 272, even, lungs=False)], even),
    }


def formula_mask() -> np.ndarray:
    """Class map uint8 [SIZE, SIZE] used for the way back: ((7 row + 13 column) div 40) mod 4."""
    r, c = np.mgrid[:preprocess.SIZE, :preprocess.SIZE]
    return ((7 * r + 13 * c) // 40 % 4).astype(np.uint8)


def write(name: str, array: np.ndarray) -> str:
    (FOLDER / name).write_bytes(gzip.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), mtime=0))
    return name


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    cases = []
    for name, (slices, spacing) in stacks().items():
        box = preprocess.lung_box(slices, spacing)
        per_slice = [preprocess.slice_lung(s, spacing) for s in slices]
        case = {"name": name, "slices": len(slices), "rows": slices[0].shape[0], "cols": slices[0].shape[1],
                "spacingMm": list(spacing), "hu": write(f"{name}.hu.i16.gz", np.stack(slices)),
                "perSlice": [s and {"box": list(s.box), "bodyCentre2": s.body_centre2} for s in per_slice],
                "box": box and list(box)}
        if box:
            tensor = preprocess.to_tensor(slices[len(slices) // 2], box)
            case["tensorSlice"] = len(slices) // 2
            case["tensor"] = write(f"{name}.tensor.f32.gz", tensor[::STRIDE, ::STRIDE])
            case["maskBack"] = write(f"{name}.mask.u8.gz", preprocess.mask_back(formula_mask(), box, slices[0].shape))
        cases.append(case)
    (FOLDER / "cases.json").write_text(json.dumps({"stride": STRIDE, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
