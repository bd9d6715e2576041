"""The full run, short: every part after the other, and from where it was stopped."""

import json
import os
import signal

import numpy as np
import pytest

from training import evaluate, full
from training import train as training
from training.data import cache
from training.data.sources import Slice
from training.networks import raunet
from training.preprocess import SIZE, Box
from training.tests.made_up import LABELLED, made_up
from training.train import Settings

TINY = Settings(model="U-Net", steps=2, size=32, last_size=32, batch=2, last_batch=2, precision="fp32")


def slices(source):
    data = made_up(source, 4, 96)
    return [Slice(source, name, group, image.astype(np.float32), allowed, Box(0, 0, 96, 96))
            for name, group, image, allowed in zip(data.names, data.groups, data.images, data.allowed, strict=True)]


@pytest.fixture(autouse=True)
def made_up_slices(monkeypatch):
    monkeypatch.setattr(cache, "load", lambda source: made_up(source, 4, SIZE))
    monkeypatch.setattr(evaluate, "READERS", {source: lambda source=source: slices(source) for source in LABELLED})


def test_folds_density_table_and_the_model_that_saw_everything_come_out(tmp_path, monkeypatch):
    class StopAtOnce(training.Run):
        def train_step(self):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().train_step()

    with monkeypatch.context() as patch:
        patch.setattr(training, "Run", StopAtOnce)
        assert full.full(TINY, 2, tmp_path) is None

    file = full.full(TINY, 2, tmp_path)
    report = json.loads((tmp_path / "evaluation" / "report.json").read_text())
    assert report["protocol"].endswith("0/2, 1/2, native size")
    assert report["models"]["U-Net"]["events"]["medseg/GGO"]["slices"] == 4
    assert (tmp_path / "evaluation" / "curves.png").exists()
    _, shipped = raunet.load(file.with_suffix(".pt"))
    assert (shipped["recipe"]["fold"], shipped["step"]) == (None, 2)
    assert shipped["options"] == {"consolidation_hu": shipped["recipe"]["consolidation_hu"]}
    [model] = json.loads((tmp_path / "contract.json").read_text())["models"]
    assert (model["file"], model["network"]) == ("raunet-w16.onnx", "U-Net")
