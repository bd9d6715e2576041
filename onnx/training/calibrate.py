"""Moves the balance between the classes by a constant added to each class's logit, in the bias of the last layer.

  python -m training.calibrate --folds runs/cv0/network.pt runs/cv1/network.pt ... --out runs/calibrated
  python -m training.calibrate --network IN.pt --offsets 0 0.5 1.5 -2.5 --out OUT.pt

Partial labels and the mix of the sets leave the trained balance of GGO and consolidation off. Effusion's is left alone:
its best offset turns from patient to patient, and eight are too few to choose it on. The first form chooses the offsets
on out-of-fold predictions: each fold's network gets those chosen on the other folds (OUT/fold0.pt ..., honest to judge,
in half precision), and it prints those of all folds together, for a network that was trained on everything; the second
form sets them.
"""

import argparse
from collections.abc import Sequence
from functools import cache as remembered
from pathlib import Path

import numpy as np
import torch
from torch import nn

from training import checkpoint
from training.data import cache
from training.data.labels import CLASSES, CONSOLIDATION, GGO
from training.metrics import EVENTS
from training.networks import raunet
from training.recipes import LABELLED, split, tensors
from training.train import fold_of

# What is balanced: the mean pooled Dice of these.
BALANCED = (("medseg", "GGO"), ("medseg", "consolidation"), ("medseg", "infection"), ("effusion", "effusion"),
            ("pairs", "infection"))
TITLES = [f"{source}, {event}" for source, event in BALANCED]
STRIDE = 4  # every fourth row and column is enough to count by
MOVED = (GGO, CONSOLIDATION)  # classes
STEP, REACH = 0.5, 4.0  # of the search, in logits

Offsets = tuple[float, ...]  # one a class
NO_OFFSETS = (0.0,) * len(CLASSES)


def calibrated(source: Path, offsets: Offsets, out: Path, half: bool = False) -> None:
    """network.pt -> network.pt with the offsets (one a class, in logits) in its last bias and in its recipe.

    half: weight matrices in half precision, for files that are kept to judge by: half the bytes. (Running variances
    would overflow.)
    """
    network, content = raunet.load(source)
    with torch.no_grad():
        network.head.bias += torch.tensor(offsets)
    recipe = content["recipe"] | {"class_offsets": list(offsets)}
    weights = {name: value.half() if half and value.ndim > 1 else value
               for name, value in network.state_dict().items()}
    checkpoint.write_network(weights, recipe, content["step"], out)


class HeldOut:
    """Logits of a network on the slices of its held-out fold "k/n"."""

    @torch.inference_mode()
    def __init__(self, network: nn.Module, fold: str):
        data = cache.join([cache.load(source) for source in LABELLED])
        held_out = data.where(split(data, fold_of(fold))[1])
        data = held_out.where(np.isin(held_out.sources, [source for source, _ in BALANCED]))
        self.logits, self.allowed, self.sources = [], data.allowed[:, ::STRIDE, ::STRIDE], data.sources
        for i in range(len(data)):
            image, _ = tensors(data, np.array([i]))
            self.logits.append(network(image)[0, :, ::STRIDE, ::STRIDE].numpy())
        self.counts = remembered(self._counts)

    @classmethod
    def of_file(cls, file: Path) -> "HeldOut":
        network, content = raunet.load(file)
        return cls(network, content["recipe"]["fold"])

    def _counts(self, offsets: Offsets) -> np.ndarray:
        """True positive, false positive and false negative pixels of every balanced event: [events, 3]."""
        moved = np.float32(offsets)[:, None, None]
        found = np.stack([(logits + moved).argmax(0) for logits in self.logits])
        out = []
        for source, event in BALANCED:
            there = self.sources == source
            allowed, bits = self.allowed[there], EVENTS[event]
            truth = (allowed & ~np.uint8(bits)) == 0
            decided = truth | ((allowed & bits) == 0)
            called = (bits >> found[there] & 1).astype(bool) & decided
            out.append([(called & truth).sum(), (called & ~truth).sum(), (truth & ~called).sum()])
        return np.array(out)


def dice(counts: np.ndarray) -> np.ndarray:
    """Pooled Dice of every balanced event from its counts [events, 3]."""
    tp, fp, fn = counts.T
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def choose_without(k: int, folds: list[HeldOut]) -> Offsets:
    """Offsets for fold k, chosen on the others."""
    return choose(folds[:k] + folds[k + 1:])


def choose(folds: list[HeldOut]) -> Offsets:
    """Offsets of the best mean pooled Dice over the balanced events, one class after the other until none moves."""

    def balance(offsets: Offsets) -> float:
        return float(dice(sum(fold.counts(offsets) for fold in folds)).mean())

    best = NO_OFFSETS
    while True:
        before = best
        for c in MOVED:
            steps = np.arange(-REACH, REACH + STEP, STEP)
            best = max((best, *((*best[:c], float(at), *best[c + 1:]) for at in steps)), key=balance)
        if best == before:
            return best


def calibrate(files: Sequence[Path], out: Path) -> Offsets:
    """network.pt of each fold -> out/fold0.pt ..., each with the offsets chosen on the others. Returns those of all together."""
    out.mkdir(parents=True, exist_ok=True)
    folds = [HeldOut.of_file(file) for file in files]
    for k, file in enumerate(files):
        offsets = choose_without(k, folds)
        print(f"{file}: {offsets}, chosen on the other folds", flush=True)
        calibrated(file, offsets, out / f"fold{k}.pt", half=True)
    return choose(folds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--folds", type=Path, nargs="+", help="network.pt of each fold's run")
    what.add_argument("--network", type=Path)
    parser.add_argument("--offsets", type=float, nargs=len(CLASSES), metavar="LOGIT", help="with --network")
    parser.add_argument("--out", type=Path, required=True, help="a folder with --folds, a file with --network")
    given = parser.parse_args()
    if given.network:
        if given.offsets is None:
            parser.error("--network needs --offsets")
        calibrated(given.network, tuple(given.offsets), given.out)
        return
    if len(given.folds) < 2:
        parser.error("--folds needs two or more: the offsets of one are chosen on the others")
    print(f"all folds: {calibrate(given.folds, given.out)}")


if __name__ == "__main__":
    main()
