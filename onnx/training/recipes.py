"""What a training step sees: the paper's recipe and ours.

Every batch is a function of (seed, step) alone, so a resumed run sees what an unbroken one would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training import augment
from training.data import cache, labels
from training.data.cache import Dataset
from training.data.folds import held_out

LABELLED = ("medseg", "effusion", "covid20", "pairs")
SHARES = {"medseg": 0.45, "effusion": 0.3, "covid20": 0.1, "pairs": 0.15}  # of a batch, among the sets that are seen
NEGATIVES = {"series": 0.08, "phantom": 0.08}  # with --negatives, of the whole batch; SHARES share the rest
FLUID = {"fluid": 0.12}  # with --fluid: likewise
PSEUDO = {"unlabelled": 0.15}  # with --teachers: likewise
# Effusion differs from muscle by 40 HU: where HU are known, jitter less.
GREY_JITTER = {"medseg": 1.0, "effusion": 0.5, "covid20": 1.0, "pairs": 1.0, "unlabelled": 1.0, "series": 0.5,
               "phantom": 0.5, "fluid": 0.5}


def split(data: Dataset, fold: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Grouped split: indices to train on and to test on. fold None: train on everything."""
    if fold is None:
        return np.arange(len(data)), np.array([], int)
    test = np.array(held_out(list(zip(data.sources, data.groups, data.names, strict=True)), fold))
    return np.flatnonzero(~test), np.flatnonzero(test)


@dataclass
class Ours:
    """All labelled sets, partial labels, drawn by their shares and warped anew each time."""

    data: Dataset
    seed: int
    shares: dict[str, float]
    jitter: float

    @classmethod
    def load(cls, fold: tuple[int, int] | None, seed: int, sets: Sequence[str], jitter: float,
             negatives: bool = False, fluid: bool = False, pseudo_labelled: Dataset | None = None) -> "Ours":
        """sets: of LABELLED; jitter: of the greys, times GREY_JITTER; pseudo_labelled: slices of `unlabelled`."""
        extra = (NEGATIVES if negatives else {}) | (FLUID if fluid else {}) | (PSEUDO if pseudo_labelled else {})
        rest = (1 - sum(extra.values())) / sum(SHARES[source] for source in sets)
        shares = {source: SHARES[source] * rest for source in sets} | extra
        # All sets, seen or not: the folds are made of all of them.
        data = cache.join([pseudo_labelled if source in PSEUDO else cache.load(source) for source in (*LABELLED, *extra)])
        data = data.where(split(data, fold)[0])
        return cls(data.where(np.isin(data.sources, list(shares))), seed, shares, jitter)

    def batch(self, step: int, count: int, size: int) -> tuple[Tensor, Tensor]:
        """image float32 [count,1,size,size] and label sets uint8 [count,size,size] of a step."""
        rng = np.random.default_rng([self.seed, step])
        sources = rng.choice(list(self.shares), count, p=list(self.shares.values()))
        picked = np.array([rng.choice(np.flatnonzero(self.data.sources == source)) for source in sources])
        image, allowed = tensors(self.data, picked)
        strength = torch.tensor([GREY_JITTER[source] * self.jitter for source in sources], dtype=torch.float32)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return augment.online(image, allowed, size, strength, generator)


@dataclass
class Paper:
    """medseg alone, mask value 0 taken as background, every slice once an epoch; sixfold: offline augmentation.

    leaky: the augmented pictures are shuffled and split, as the paper's text reads; its test part holds rotated and
    scaled copies of slices that were trained on.
    """

    images: Tensor  # [n,1,SIZE,SIZE]
    allowed: Tensor  # [n,SIZE,SIZE]
    test_images: Tensor
    test_allowed: Tensor
    test_groups: list[str]
    seed: int

    @classmethod
    def load(cls, fold: tuple[int, int] | None, seed: int, sixfold: bool, leaky: bool) -> "Paper":
        data = cache.load("medseg")
        image, allowed = tensors(data, np.arange(len(data)))
        allowed = torch.where(allowed == labels.MEDSEG[0], labels.label_set(labels.BACKGROUND), allowed).to(torch.uint8)
        if leaky and fold is not None:
            groups = list(data.groups)
            if sixfold:
                image, allowed = augment.paper_sixfold(image, allowed)
                groups *= 6
            order = np.random.default_rng(seed).permutation(len(image))
            test = np.isin(np.arange(len(image)), order[fold[0]::fold[1]])
            train, test = np.flatnonzero(~test), np.flatnonzero(test)
            return cls(image[train], allowed[train], image[test], allowed[test], [groups[i] for i in test], seed)
        train, test = split(data, fold)
        test_image, test_allowed, test_groups = image[test], allowed[test], list(data.groups[test])
        image, allowed = image[train], allowed[train]
        if sixfold:
            image, allowed = augment.paper_sixfold(image, allowed)
        return cls(image, allowed, test_image, test_allowed, test_groups, seed)

    def steps_per_epoch(self, count: int) -> int:
        return -(-len(self.images) // count)

    def batch(self, step: int, count: int, size: int) -> tuple[Tensor, Tensor]:
        """image float32 [<=count,1,size,size] and label sets uint8 of a step; epochs follow one another."""
        epoch, at = divmod(step, self.steps_per_epoch(count))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.images))
        picked = order[at * count:(at + 1) * count]
        return augment.resized(self.images[picked], self.allowed[picked], size)


def tensors(data: Dataset, picked: np.ndarray) -> tuple[Tensor, Tensor]:
    """Slices of the cache -> image float32 [n,1,SIZE,SIZE], label sets uint8 [n,SIZE,SIZE]."""
    return torch.from_numpy(data.images[picked].astype(np.float32)).unsqueeze(1), torch.from_numpy(data.allowed[picked])
