"""Measures against cases small enough to count by hand."""

import numpy as np
import pytest

from training import metrics
from training.data.labels import MEDSEG, label_set
from training.metrics import Score

GGO, INFECTION, EFFUSION = (metrics.EVENTS[name] for name in ("GGO", "infection", "effusion"))


def test_counts_of_one_slice():
    allowed = np.full((4, 5), MEDSEG[0], np.uint8)
    allowed[0, :4] = MEDSEG[1]
    allowed[1, :2] = MEDSEG[2]
    predicted = np.zeros((4, 5), np.uint8)
    predicted[0, :2] = 1  # two right
    predicted[1, 0] = 1  # consolidation called GGO
    predicted[3, 3] = 3  # effusion on background: no lesion
    ggo = metrics.score(predicted, allowed, GGO, "g")
    assert (ggo.tp, ggo.fp, ggo.fn) == (2, 1, 2)
    infection = metrics.score(predicted, allowed, INFECTION, "g")
    assert (infection.tp, infection.fp, infection.fn) == (3, 0, 3)


def test_an_event_that_the_labels_leave_open_is_not_scored():
    either = np.full((4, 4), label_set(1, 2), np.uint8)
    either[2:] = label_set(0, 3)
    answer = np.ones((4, 4), np.uint8)
    assert metrics.score(answer, either, INFECTION, "g").tp == 8
    assert metrics.score(answer, np.full((4, 4), MEDSEG[0], np.uint8), EFFUSION, "g") is None


def test_pooled_and_per_slice_dice():
    nan = float("nan")
    scores = [Score("a", 10, 0, 10, nan, nan), Score("b", 1, 1, 0, nan, nan), Score("c", 0, 0, 0, nan, nan),
              Score("d", 0, 4, 0, nan, nan)]
    m = metrics.measures(scores)
    assert m["dice_pooled"] == pytest.approx(22 / 37)
    assert m["dice_slice"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert m["dice_slice_empty1"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 0) / 4)
    assert m["precision"] == pytest.approx(11 / 16) and m["recall"] == pytest.approx(11 / 21)
    assert m["volume_error"] == pytest.approx((5 - 10) / 21)


def test_surface_distances_of_shifted_squares():
    a, b = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    a[10:20, 10:20] = b[10:20, 15:25] = True
    hd95, nsd = metrics.surface_distances(a, b)
    assert hd95 == pytest.approx(5)
    assert metrics.surface_distances(a, a) == (0, 1)
    assert 0 < nsd < 1
    assert metrics.surface_distances(a, b * False) == pytest.approx((np.nan, 0), nan_ok=True)
    assert np.isnan(metrics.surface_distances(a * False, b * False)).all()


def test_intervals_resample_groups_not_slices():
    nan = float("nan")
    one_group = [Score("a", tp, 1, 1, nan, nan) for tp in range(20)]
    entry = metrics.with_intervals(one_group)["dice_pooled"]
    assert entry["low"] == entry["value"] == entry["high"]
    many = [Score(str(tp), tp, 5, 5, nan, nan) for tp in range(20)]
    entry = metrics.with_intervals(many)["dice_pooled"]
    assert entry["low"] < entry["value"] < entry["high"]


def test_the_paired_bootstrap_sees_a_small_but_constant_difference():
    nan = float("nan")
    rng = np.random.default_rng(0)
    hard = rng.integers(10, 90, 30)
    better = [Score(str(i), int(h) + 2, 20, 100 - int(h) - 2, nan, nan) for i, h in enumerate(hard)]
    worse = [Score(str(i), int(h), 20, 100 - int(h), nan, nan) for i, h in enumerate(hard)]
    result = metrics.paired(better, worse)
    assert result["low"] > 0 and result["share_not_better"] == 0
    with pytest.raises(ValueError, match="same slices"):
        metrics.paired(better, worse[::-1])


def test_micro_dice_is_the_accuracy_and_flatters():
    confusion = np.array([[857, 0, 0], [96, 0, 0], [47, 0, 0]])  # everything called background
    printed = metrics.as_printed(confusion)
    assert printed["micro_dice"] == printed["accuracy"] == printed["accuracy_all_background"] == pytest.approx(0.857)
    assert printed["macro_dice_lesions"] == 0
