"""Measures of spec/model.md, on class maps at native size, with bootstrap intervals over groups.

An event is a set of classes: a lesion class, or infection = GGO or consolidation. Where a label leaves an event open
the pixel does not count for it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from training.data.labels import CONSOLIDATION, EFFUSION, GGO, label_set

EVENTS = {
    "GGO": label_set(GGO),
    "consolidation": label_set(CONSOLIDATION),
    "infection": label_set(GGO, CONSOLIDATION),
    "effusion": label_set(EFFUSION),
}
TOLERANCE_PX = 2  # of the normalised surface distance
RESAMPLES = 1000


@dataclass
class Score:
    """One event on one slice, in pixels. hd95 and nsd are nan where a surface is missing."""

    group: str
    tp: int
    fp: int
    fn: int
    hd95: float
    nsd: float


def score(predicted: np.ndarray, allowed: np.ndarray, event: int, group: str) -> Score | None:
    """predicted: classes uint8 [rows, cols]; allowed: label sets, same shape. None where no label decides the event."""
    truth = (allowed & ~np.uint8(event)) == 0
    decided = truth | ((allowed & event) == 0)
    if not (truth.any() or decided.mean() > 0.5):
        return None
    found = ((event >> predicted.astype(np.int64)) & 1).astype(bool) & decided
    hd95, nsd = surface_distances(found, truth)
    return Score(group, int((found & truth).sum()), int((found & ~truth).sum()), int((truth & ~found).sum()), hd95, nsd)


def surface(mask: np.ndarray) -> np.ndarray:
    """Pixels of the mask with a 4-neighbour outside of it; the picture's edge is outside."""
    return mask & ~ndimage.binary_erosion(mask)


def surface_distances(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """95th percentile Hausdorff distance in pixels, and the share of both surfaces within TOLERANCE_PX of the other.

    Both empty: (nan, nan). One empty: (nan, 0): no distance, and no surface found.
    """
    if not a.any() and not b.any():
        return np.nan, np.nan
    if not a.any() or not b.any():
        return np.nan, 0.0
    edge_a, edge_b = surface(a), surface(b)
    from_a = ndimage.distance_transform_edt(~edge_b)[edge_a]
    from_b = ndimage.distance_transform_edt(~edge_a)[edge_b]
    near = (from_a <= TOLERANCE_PX).sum() + (from_b <= TOLERANCE_PX).sum()
    hd95 = max(np.percentile(from_a, 95), np.percentile(from_b, 95))
    return float(hd95), float(near / (from_a.size + from_b.size))


def mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean over the values that are not nan."""
    there = ~np.isnan(values)
    total = weights[there].sum()
    return float((values[there] * weights[there]).sum() / total) if total else np.nan


def measures(scores: list[Score], weights: np.ndarray | None = None) -> dict[str, float]:
    """All measures of one event over slices. weights: how often each slice counts (bootstrap); default once."""
    w = np.ones(len(scores)) if weights is None else weights
    tp, fp, fn = (np.array([getattr(s, f) for s in scores], float) for f in ("tp", "fp", "fn"))
    with np.errstate(divide="ignore", invalid="ignore"):
        dice = 2 * tp / (2 * tp + fp + fn)  # nan where truth and prediction are empty
        pooled = 2 * (w * tp).sum() / (w * (2 * tp + fp + fn)).sum()
        precision = (w * tp).sum() / (w * (tp + fp)).sum()
        recall = (w * tp).sum() / (w * (tp + fn)).sum()
        volume = (w * (fp - fn)).sum() / (w * (tp + fn)).sum()
    return {
        "dice_pooled": float(pooled),
        "dice_slice": mean(np.where(tp + fn > 0, dice, np.nan), w),  # empty truth left out
        "dice_slice_empty1": mean(np.where(tp + fp + fn > 0, dice, 1.0), w),  # nothing there, nothing found: 1
        "precision": float(precision),
        "recall": float(recall),
        "hd95_px": mean(np.array([s.hd95 for s in scores]), w),
        "nsd_2px": mean(np.array([s.nsd for s in scores]), w),
        "volume_error": float(volume),  # (predicted - true) / true, pooled
    }


def group_weights(groups: list[str], seed: int = 0) -> np.ndarray:
    """Bootstrap over groups: how often each slice is drawn, [RESAMPLES, slices]. Same groups, same draws."""
    names, index = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    return rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)[:, index].astype(float)


def with_intervals(scores: list[Score]) -> dict[str, dict[str, float]]:
    """measure -> value, and the 95 % interval of the bootstrap over groups."""
    drawn = [measures(scores, w) for w in group_weights([s.group for s in scores])]
    out = {}
    for name, value in measures(scores).items():
        sample = np.array([d[name] for d in drawn])
        low, high = np.nanpercentile(sample, [2.5, 97.5]) if np.isfinite(sample).any() else (np.nan, np.nan)
        out[name] = {"value": value, "low": float(low), "high": float(high)}
    return out


def paired(ours: list[Score], theirs: list[Score], measure: str = "dice_pooled") -> dict[str, float]:
    """Difference ours - theirs on the same slices, its 95 % interval, and the share of resamples where it is <= 0."""
    if [s.group for s in ours] != [s.group for s in theirs]:
        raise ValueError("paired bootstrap needs both models' scores on the same slices in the same order")
    weights = group_weights([s.group for s in ours])
    sample = np.array([measures(ours, w)[measure] - measures(theirs, w)[measure] for w in weights])
    low, high = np.nanpercentile(sample, [2.5, 97.5])
    return {"difference": measures(ours)[measure] - measures(theirs)[measure], "low": float(low), "high": float(high),
            "share_not_better": float(np.nanmean(sample <= 0))}


def as_printed(confusion: np.ndarray) -> dict[str, float]:
    """What a paper may mean by "Dice", from pixel counts [true class, predicted class] pooled over everything.

    micro_dice: over all pixels and classes, which for one class a pixel is the accuracy. macro: mean over classes.
    """
    tp = np.diag(confusion).astype(float)
    true, found = confusion.sum(1), confusion.sum(0)
    there = true > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        dice = 2 * tp / (true + found)
        precision = np.where(found > 0, tp / found, 0)
    return {
        "micro_dice": float(tp.sum() / confusion.sum()),
        "macro_dice_with_background": float(dice[there].mean()),
        "macro_dice_lesions": float(dice[1:][there[1:]].mean()) if there[1:].any() else np.nan,
        "accuracy": float(tp.sum() / confusion.sum()),
        "accuracy_all_background": float(true[0] / confusion.sum()),
        "macro_precision": float(precision[there].mean()),
    }
