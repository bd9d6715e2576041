"""Chooses the density from which a lesion is called consolidation (networks.density), and sets it in a network.

  python -m training.calibrate --folds runs/cv0/network.pt runs/cv1/network.pt ... --out runs/calibrated
  python -m training.calibrate --network IN.pt --consolidation-hu -375 --effusion -3 --out OUT.pt

The first form chooses on out-of-fold predictions: each fold's network gets the density chosen on the other folds
(OUT/fold0.pt ..., honest to judge, weights in half precision), and it prints that of all folds together, for a network that
was trained on everything; the second form sets it. Effusion's balance against the rest can be moved by hand alone: its
best turns from patient to patient, and eight are too few to choose it on.
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
from training.data.labels import EFFUSION
from training.metrics import EVENTS
from training.networks import raunet
from training.networks.density import LesionDensity, density
from training.recipes import LABELLED, split, tensors
from training.train import fold_of

# What is balanced: the mean pooled Dice of these.
BALANCED = (("medseg", "GGO"), ("medseg", "consolidation"), ("medseg", "infection"), ("effusion", "effusion"),
            ("pairs", "infection"))
TITLES = [f"{source}, {event}" for source, event in BALANCED]
STRIDE = 4  # every fourth row and column is enough to count by
CHOICES_HU = tuple(map(float, range(-600, -99, 25)))


def calibrated(source: Path, consolidation_hu: float, out: Path, effusion: float = 0.0, half: bool = False) -> None:
    """network.pt -> network.pt that tells consolidation by density.

    effusion: added to the last bias of that class, in logits. Both are kept in its recipe. half: weight matrices in half
    precision, for files that are kept to judge by: half the bytes. (Running variances would overflow.)
    """
    network, content = raunet.load(source)
    with torch.no_grad():
        network.head.bias[EFFUSION] += effusion
    recipe = content["recipe"] | {"consolidation_hu": consolidation_hu, "effusion_offset": effusion}
    weights = {name: value.half() if half and value.ndim > 1 else value
               for name, value in network.state_dict().items()}
    checkpoint.write_network(weights, recipe, content["step"], out)


class HeldOut:
    """Logits of a network, and the density of what it takes for lesions, on the slices of its held-out fold "k/n"."""

    @torch.inference_mode()
    def __init__(self, network: nn.Module, fold: str):
        data = cache.join([cache.load(source) for source in LABELLED])
        held_out = data.where(split(data, fold_of(fold))[1])
        data = held_out.where(np.isin(held_out.sources, [source for source, _ in BALANCED])).whole()
        self.fold = fold
        self.logits, self.density = [], []  # of each slice: [1,4,h,w], [1,1,h,w]
        self.allowed, self.sources = data.allowed[:, ::STRIDE, ::STRIDE], data.sources
        for i in range(len(data)):
            image, _ = tensors(data, np.array([i]))
            logits = network(image)
            self.logits.append(logits[..., ::STRIDE, ::STRIDE].clone())
            self.density.append(density(logits, image)[..., ::STRIDE, ::STRIDE].clone())
        self.counts = remembered(self._counts)

    @classmethod
    def of_file(cls, file: Path) -> "HeldOut":
        network, content = raunet.load(file)
        network.density = None  # it is what is to be chosen
        fold = checkpoint.left_out(content["recipe"])
        if fold is None:
            raise ValueError(f"{file} saw slices of every group: there is none to choose its density on")
        return cls(network, fold)

    def _counts(self, consolidation_hu: float | None) -> np.ndarray:
        """True positive, false positive and false negative pixels of every balanced event: [events, 3]. None: as learnt."""
        logits = self.logits
        if consolidation_hu is not None:
            by_density = LesionDensity(consolidation_hu)
            logits = [by_density.kinds(*one) for one in zip(logits, self.density, strict=True)]
        found = torch.cat(logits).argmax(1).numpy()
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


def choose_without(k: int, folds: list[HeldOut]) -> float:
    """Density for fold k, chosen on the others."""
    return choose(folds[:k] + folds[k + 1:])


def choose(folds: list[HeldOut]) -> float:
    """consolidation_hu of the best mean pooled Dice over the balanced events."""
    return max(CHOICES_HU, key=lambda hu: float(dice(sum(fold.counts(hu) for fold in folds)).mean()))


def calibrate(files: Sequence[Path], out: Path) -> float:
    """network.pt of each fold -> out/fold0.pt ..., each with the density chosen on the others. Returns that of all together."""
    out.mkdir(parents=True, exist_ok=True)
    folds = [HeldOut.of_file(file) for file in files]
    if len({fold.fold for fold in folds}) < len(folds):
        raise ValueError("two networks left out the same fold: the density of one would be chosen on slices of its own")
    for k, file in enumerate(files):
        hu = choose_without(k, folds)
        print(f"{file}: consolidation from {hu:g} HU, chosen on the other folds", flush=True)
        calibrated(file, hu, out / f"fold{k}.pt", half=True)
    return choose(folds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--folds", type=Path, nargs="+", help="network.pt of each fold's run")
    what.add_argument("--network", type=Path)
    parser.add_argument("--consolidation-hu", type=float, metavar="HU", help="with --network")
    parser.add_argument("--effusion", type=float, default=0.0, metavar="LOGIT", help="with --network: added to effusion's last bias")
    parser.add_argument("--out", type=Path, required=True, help="a folder with --folds, a file with --network")
    given = parser.parse_args()
    if given.network:
        if given.consolidation_hu is None:
            parser.error("--network needs --consolidation-hu")
        calibrated(given.network, given.consolidation_hu, given.out, given.effusion)
        return
    if len(given.folds) < 2:
        parser.error("--folds needs two or more: the density of one is chosen on the others")
    try:
        print(f"all folds: consolidation from {calibrate(given.folds, given.out):g} HU")
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
