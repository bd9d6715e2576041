"""The report: what is counted where, and on which slices."""

import json

import numpy as np
import pytest

from training import checkpoint, evaluate, report
from training.data import labels
from training.data.sources import Slice
from training.networks import raunet
from training.preprocess import Box


def made_up(source, name, group):
    """A slice with a lesion in a lung, brighter than the body; a whole slice has a thing as bright behind the chest."""
    mask = np.zeros((80, 80), np.uint8)
    mask[20:40, 20:40] = 1
    image = np.zeros((80, 80), np.float32)
    image[4:76, 4:76] = 0.8
    image[15:55, 12:68] = 0.2
    image[mask == 1] = 1
    if source == "effusion":
        image[68:74, 20:40] = 1
    sets = {"medseg": labels.MEDSEG, "effusion": labels.EFFUSIONS, "covid20": labels.COVID20}[source]
    return Slice(source, name, group, image, labels.allowed(mask, sets), Box(0, 0, 80, 80))


def says(label):
    """A network that calls the brightest places `label`."""
    def run(image):
        p = np.zeros((4, *image.shape), np.float32)
        p[label] = image > 0.9
        p[0] = 1 - p[label]
        return p
    return run


SLICES = [made_up("medseg", f"{i:03d}", f"medseg-{i // 2}") for i in range(10)] + [
    made_up("effusion", f"e{i}", f"effusion-{i // 5}") for i in range(10)] + [
    made_up("covid20", f"c{i}", f"volume-{i // 5}") for i in range(10)]


def judged(name, label):
    result = evaluate.Result(name, [])
    evaluate.judge(says(label), SLICES, result)
    return result


def test_each_set_is_judged_on_what_its_labels_decide():
    ggo = judged("ggo", labels.GGO)
    found = {key: np.mean([s.tp > 0 for s in scores]) for key, scores in ggo.scores.items()}
    assert found == {("medseg", "GGO"): 1, ("medseg", "consolidation"): 0, ("medseg", "infection"): 1,
                     ("effusion", "effusion"): 0, ("covid20", "infection"): 1}
    assert judged("e", labels.EFFUSION).flood["medseg"][0] == pytest.approx(1 / 16, abs=0.005)


def test_whole_slices_in_hu_are_judged_without_what_lies_outside_of_the_chest_as_they_are_predicted():
    scores = judged("e", labels.EFFUSION).scores["effusion", "effusion"]
    assert all(s.tp > 300 and s.fp < 40 for s in scores)


def test_the_report_compares_the_first_model_with_the_others(tmp_path):
    results = [judged("ggo", labels.GGO), judged("effusion", labels.EFFUSION)]
    content = json.loads(json.dumps(evaluate.summary(results, "test")))
    assert content["models"]["ggo"]["events"]["medseg/GGO"]["dice_pooled"]["value"] == pytest.approx(1, abs=0.02)
    pair = content["paired_bootstrap_dice_pooled"]["ggo - effusion"]
    assert pair["medseg/GGO"]["low"] > 0.9 and pair["effusion/effusion"]["high"] < -0.9
    text = report.markdown(content)
    assert "| medseg/GGO | 10 / 5 |" in text and "## Paired bootstrap: ggo - effusion" in text
    report.plots(results, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"boxes.png", "confusion.png", "extremes.txt"}


def test_held_out_slices_are_those_of_the_fold():
    parts = [evaluate.of_fold(SLICES, f"{k}/2") for k in range(2)]
    assert sum(map(len, parts)) == len(SLICES)
    assert not {s.group for s in parts[0]} & {s.group for s in parts[1]}


def written(file, **recipe):
    checkpoint.write_network(raunet.build("U-Net", 16).state_dict(), {"model": "U-Net", "width": 16} | recipe, 1, file)
    return file


def test_no_network_is_called_honest_on_slices_that_it_saw(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "READERS", {source: lambda: [] for source in evaluate.LABELLED})
    fold0 = written(tmp_path / "0.pt", fold="0/5")
    everything = written(tmp_path / "all.pt", fold=None)
    leaky = written(tmp_path / "leaky.pt", fold="0/5", leaky=True)
    for files, fold, message in (([everything], None, "saw slices of every group"), ([leaky], None, "saw slices of every group"),
                                 ([everything], "0/5", "must leave out the same"), ([fold0], "1/5", "left out fold 0/5"),
                                 ([fold0, fold0], None, "would count twice")):
        with pytest.raises(ValueError, match=message):
            evaluate.evaluate({"M": files}, tmp_path / "out", fold)


def test_the_side_by_side_picture_is_three_wide(tmp_path):
    from PIL import Image

    report.side_by_side(SLICES[0], np.zeros((80, 80), np.uint8), tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").size == (240, 80)
