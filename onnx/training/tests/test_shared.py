"""What the readers must find in the real data: pytest -m shared."""

from pathlib import Path

import numpy as np
import pytest

from training import predict, preprocess
from training.data import cache, labels, negatives, sources
from training.data.folds import fold_of_groups, slices_per_group

pytestmark = pytest.mark.shared


def test_medseg_has_its_slices_labels_and_shares():
    slices = list(sources.medseg())
    assert len(slices) == 74
    ggo = sum((s.allowed == labels.MEDSEG[1]).sum() for s in slices) / sum(s.allowed.size for s in slices)
    assert ggo == pytest.approx(0.096, abs=0.01)
    same = {s.group for s in slices if s.name in ("010", "043")}
    assert len(same) == 1, "one slice labelled twice must be one group"


@pytest.mark.parametrize("source", ["medseg", "effusion", "unlabelled"])
def test_slices_are_upright(source):
    """The spine makes the middle of the lower third brighter than that of the upper one. (covid20 is equalised too
    locally for this; its volumes were looked at.)"""
    brighter = []
    for item in list(cache.READERS[source]())[::7]:
        crop = item.unit[item.box.top:item.box.bottom, item.box.left:item.box.right]
        middle = crop[:, int(crop.shape[1] * 0.42):int(crop.shape[1] * 0.58)]
        third = len(crop) // 3
        brighter.append(np.percentile(middle[-third:], 85) > np.percentile(middle[:third], 85))
    assert np.mean(brighter) > 0.8


def test_the_lung_box_of_every_effusion_patient_holds_all_of_the_effusion():
    for item in sources.effusion():
        outside = item.allowed == labels.EFFUSIONS[1]
        outside[item.box.top:item.box.bottom, item.box.left:item.box.right] = False
        assert not outside.any(), item.name


def test_unlabelled_slices_stay_with_the_volumes_they_come_from():
    covid20 = [(s.source, s.group, s.name) for s in sources.covid20()]
    of_group = fold_of_groups(slices_per_group(covid20), 5)
    assert {s.group for s in sources.unlabelled()} <= set(of_group)


def test_real_slices_have_soft_tissue_and_lung_where_the_window_puts_them():
    soft = (40 - preprocess.WINDOW_HU[0]) / 1500
    for item in list(sources.medseg())[::5]:
        tissue = item.unit[item.unit > 0.7]
        assert np.median(tissue) == pytest.approx(soft, abs=0.09), item.name


def test_masks_laid_on_the_unlabelled_pictures_cover_the_brighter_lung():
    """If a mask lay on the wrong slice, or mirrored, its pixels would be no denser than the lung around."""
    found = list(cache.READERS["pairs"]())
    assert len(found) > 120
    denser = []
    for item in found:
        lesion = item.allowed == labels.COVID20[1]
        lung = (item.unit < 0.5) & ~lesion
        if lesion.sum() > 100:
            denser.append(np.median(item.unit[lesion]) > np.median(item.unit[lung]) + 0.05)
    assert np.mean(denser) > 0.95


def test_the_whole_series_teach_background_only_and_stay_with_their_patient():
    found = list(negatives.series())
    assert {s.group for s in found} == {"series_A0001", "effusion-LUNG1-016"}
    for item in found:
        assert set(np.unique(item.allowed)) <= {labels.label_set(labels.BACKGROUND), labels.UNKNOWN}, item.name


@pytest.mark.parametrize("window", [(-1250, 250), (-1350, 150)])
def test_a_windowed_picture_is_answered_like_its_16_bit_slice(window):
    """Two slices of each patient with effusion as 8-bit pictures cropped to the lungs: their greys tell the window."""
    low, high = window
    network = predict.load_network(Path(__file__).resolve().parents[2] / "raunet-w16.onnx")
    answers = {"16-bit": [], "8-bit": []}
    truths = []
    for item in [item for i, item in enumerate(sources.effusion()) if i % 16 in (3, 8)]:
        inside = np.s_[item.box.top:item.box.bottom, item.box.left:item.box.right]
        hu = preprocess.unwindowed(item.unit[inside])
        grey = np.clip(np.round((hu - low) / (high - low) * 255), 0, 255).astype(np.uint8)
        truths.append(item.allowed[inside] == labels.EFFUSIONS[1])
        answers["16-bit"].append(predict.segment(network, item.unit[inside], sources.whole(hu.shape)) == labels.EFFUSION)
        answers["8-bit"].append(predict.segment_picture(network, grey, transposed=False) == labels.EFFUSION)
    pooled = {name: 2 * sum((a & t).sum() for a, t in zip(found, truths, strict=True))
              / sum(a.sum() + t.sum() for a, t in zip(found, truths, strict=True)) for name, found in answers.items()}
    print(f"effusion, 16 slices, window {window}: {pooled}")
    assert pooled["8-bit"] > pooled["16-bit"] - 0.1
