"""Slices that teach what is no lesion, where the labelled sets are silent: whole series, and the demo's phantom.

The labelled sets begin and end with the lungs, so a network that saw only them calls kidneys, stomach and shoulders
consolidation, and they show few plain vessels.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training import preprocess
from training.data import labels
from training.data.sources import Slice, chest_cavity, data_folder
from training.series import read_series

# Our own reading, by eye, of the two whole series: slices counted from the feet, half-open.
FREE = {  # no lesion and no fluid anywhere: below, in healthy parts of, and above the lungs
    "series_A0001": (range(0, 35), range(56, 64)),
    "series_LUNG1-016": (range(0, 5), range(76, 82)),
}
CAVITY_ONLY = {"series_A0001": range(35, 56)}  # the mass: nothing is said within the chest cavity
GROUP = {"series_LUNG1-016": "effusion-LUNG1-016"}  # the same patient

SEEDS = (1, 2, 3, 4)  # of the phantom; the demo and its tests use another one
STEP = 3  # every third slice
PHANTOM = """
const { chest, DEFAULT_CHEST } = require(process.argv[1] + '/dist/demo/phantom/chest');
const [seed, lesions, step] = [Number(process.argv[2]), process.argv[3] === 'true', Number(process.argv[4])];
const phantom = chest({ ...DEFAULT_CHEST, seed, lesions });
for (let k = 0; k < DEFAULT_CHEST.slices; k += step) {
  const { hu, truth } = phantom.slice(k);
  process.stdout.write(Buffer.concat([Buffer.from(hu.buffer), Buffer.from(truth.buffer)]));
}
"""
SIDE = 512  # rows and columns of the phantom
SPACING_MM = 400 / SIDE
REPOSITORY = Path(__file__).resolve().parents[3]


def series() -> Iterator[Slice]:
    """Slices of the two whole series of the shared data in HU, upright; box and greys as the service makes them."""
    for name, free in FREE.items():
        stack, _, spacing, _ = read_series(data_folder() / "dicom" / name)
        box = preprocess.lung_box(stack, spacing)
        if box is None:
            raise ValueError(f"{name}: no lung found")
        background = labels.label_set(labels.BACKGROUND)
        for k, hu in enumerate(stack):
            sets = np.full(hu.shape, background, np.uint8)
            if k in CAVITY_ONLY.get(name, ()):
                sets[chest_cavity(hu, np.zeros(hu.shape, bool))] = labels.UNKNOWN
            elif not any(k in part for part in free):
                continue
            yield Slice("series", f"{name}_{k:03d}", GROUP.get(name, name), preprocess.windowed(hu).astype(np.float32),
                        sets, box)


def phantom() -> Iterator[Slice]:
    """Slices of the demo's phantom with its truth, half of them without lesions, so that its looks tell nothing.

    Needs the built service (npm ci && npm run build).
    """
    for seed in SEEDS:
        for lesions in (False, True):
            run = subprocess.run(["node", "-e", PHANTOM, str(REPOSITORY), str(seed), str(lesions).lower(), str(STEP)],
                                 capture_output=True, check=False)
            if run.returncode:
                raise RuntimeError(f"no phantom (npm ci && npm run build first): {run.stderr.decode()[-500:]}")
            pixels = SIDE * SIDE
            slices = np.frombuffer(run.stdout, np.uint8).reshape(-1, 3 * pixels)
            stack = slices[:, : 2 * pixels].copy().view("<i2").reshape(-1, SIDE, SIDE)
            truth = slices[:, 2 * pixels:].reshape(-1, SIDE, SIDE)
            box = preprocess.lung_box(stack, (SPACING_MM, SPACING_MM))
            for k, (hu, mask) in enumerate(zip(stack, truth, strict=True)):
                yield Slice("phantom", f"{seed}-{lesions}-{STEP * k:03d}", f"phantom-{seed}",
                            preprocess.windowed(hu).astype(np.float32), (1 << mask).astype(np.uint8), box)
