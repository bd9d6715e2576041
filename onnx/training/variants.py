"""What each part of the recipe brings, at equal steps: python -m training.variants --fold 0/5 --out runs/variants

Trains variants of the recipe that differ in one thing each and judges them on the held-out fold, by pooled Dice at the
network's size: as they learnt it, and with consolidation told by the density that suits each best (networks.density).
That is chosen on the fold itself, which flatters all variants alike. `self-training` needs --start, which is its teacher
too; `distillation` needs --teachers, which it learns from as one. Variants that are already trained in --out are not trained again, so two calls with other --variants
share the work, and a third one writes the table. SIGTERM ends it after the current step.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.calibrate import TITLES, HeldOut, choose, dice
from training.recipes import LABELLED
from training.report import number, table
from training.train import Settings, train

VARIANTS: dict[str, dict[str, Any]] = {
    "recipe": {},
    "adamw": {"optimizer": "adamw", "rate": 2e-3},
    "no-soft-dice": {"soft_dice": False},
    "no-jitter": {"jitter": 0.0},
    "full-jitter": {"jitter": 1.0},
    "no-pairs": {"sets": ("medseg", "effusion")},
    "covid20": {"sets": LABELLED},
    "no-negatives": {"negatives": False},
    "fluid": {"fluid": True},
    "cardinality-2": {"cardinality": 2},
    "width-32": {"width": 32},
    "M-A": {"model": "M-A"},
    "M-R": {"model": "M-R"},
    "U-Net": {"model": "U-Net"},
}
TAUGHT = {"self-training": "--start", "distillation": "--teachers"}  # need these
SHAPE = {"model", "width", "cardinality"}  # variants of these are other networks, which cannot begin from the recipe's


def rows(runs: dict[str, Path]) -> list[list[str]]:
    """Two lines a variant: its name and the pooled Dice of every balanced event, as learnt and by density."""
    out = []
    for name, run in runs.items():
        held_out = HeldOut.of_file(run / "network.pt")
        for title, consolidation_hu in ((name, None), (f"{name}, by density", choose([held_out]))):
            scores = dice(held_out.counts(consolidation_hu))
            out.append([title, *map(number, scores), number(scores.mean())])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fold", required=True, help="k/n: leave fold k of n out, by groups, and judge on it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", choices=(*VARIANTS, *TAUGHT), help="default: all; with --start all of one shape")
    parser.add_argument("--steps", type=int, default=300, help="default %(default)s")
    parser.add_argument("--size", type=int, default=192, help="default %(default)s")
    parser.add_argument("--batch", type=int, default=4, help="default %(default)s")
    parser.add_argument("--rate", type=float, default=Settings.rate, help="default %(default)s")
    parser.add_argument("--start", help="network.pt of a run without the same fold to start from; default: from scratch")
    parser.add_argument("--teachers", nargs="+", metavar="FILE", help="network.pt files of runs without the same fold")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    known = dict(VARIANTS)
    if given.start:
        known = {name: change for name, change in known.items() if not SHAPE & change.keys()}
        known["self-training"] = {"teachers": (given.start,)}
    if given.teachers:
        known["distillation"] = {"teachers": tuple(given.teachers)}
    names = given.variants or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error("; ".join(f"{name} needs {TAUGHT[name]}" if name in TAUGHT else
                               f"{name} is another network than that of --start" for name in unknown))
    recipe = Settings(fold=given.fold, steps=given.steps, size=given.size, last_size=given.size, batch=given.batch,
                      last_batch=given.batch, rate=given.rate, ema=0.98, negatives=True, start=given.start)
    for name in names:
        if train(replace(recipe, **known[name]), given.out / name).progress < 1:
            sys.exit(f"stopped at {name}; start it again to go on")
    header = ["variant", *TITLES, "mean"]
    start = f"from {given.start}" if given.start else "from scratch"
    text = "\n\n".join([f"Fold {given.fold} left out; {given.steps} steps of {given.batch} at {given.size}x{given.size}, {start}.",
                        table(header, rows({name: given.out / name for name in names}))]) + "\n"
    (given.out / "variants.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
