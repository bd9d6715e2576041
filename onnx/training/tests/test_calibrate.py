"""The density of consolidation is chosen where it is, and set with nothing else moved."""

import numpy as np
import pytest
import torch

from training import calibrate, checkpoint
from training.data import cache
from training.networks import raunet
from training.tests.made_up import made_up


@pytest.fixture
def trained(tmp_path):
    torch.manual_seed(0)
    network = raunet.build("U-Net", 16).eval()
    checkpoint.write_network(network.state_dict(), {"model": "U-Net", "width": 16}, 7, tmp_path / "a.pt")
    return network, tmp_path / "a.pt"


def test_density_and_effusion_are_set_and_recorded(trained, tmp_path):
    network, file = trained
    calibrate.calibrated(file, -375.0, tmp_path / "b.pt", effusion=-2.5)
    moved, content = raunet.load(tmp_path / "b.pt")
    image = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        raw, told = network(image), moved(image)
    torch.testing.assert_close(told[:, 3], raw[:, 3] - 2.5)
    torch.testing.assert_close(told[:, 0], raw[:, 0])
    torch.testing.assert_close(told[:, 1:3].amax(1), raw[:, 1:3].logsumexp(1))
    assert content["options"] == {"consolidation_hu": -375.0} and content["step"] == 7
    assert (content["recipe"]["consolidation_hu"], content["recipe"]["effusion_offset"]) == (-375.0, -2.5)


def made_up_fold(consolidation_hu):
    """A held-out fold whose lesions are drawn as consolidation from a density on, and called GGO by the network."""
    fold = object.__new__(calibrate.HeldOut)
    ramp = np.linspace(-900, 200, 64).reshape(8, 8)
    allowed, logits = [], []
    for source, _ in calibrate.BALANCED:
        kind = np.where(ramp > consolidation_hu, 4, 2) if source == "medseg" else np.full((8, 8), 6)
        if source == "effusion":
            kind = np.full((8, 8), 8)
        slice_ = np.full((1, 4, 8, 8), -4, np.float32)
        slice_[:, 3 if source == "effusion" else 1] = 4
        allowed.append(kind.astype(np.uint8))
        logits.append(torch.from_numpy(slice_))
    fold.logits, fold.allowed = logits, np.stack(allowed)
    fold.density = [torch.from_numpy((ramp[None, None] + 1250).astype(np.float32) / 1500)] * len(logits)
    fold.sources = np.array([source for source, _ in calibrate.BALANCED])
    fold.counts = fold._counts
    return fold


def test_the_density_from_which_lesions_were_drawn_as_consolidation_is_found():
    dense, light = made_up_fold(-310), made_up_fold(-460)
    assert abs(calibrate.choose([dense]) + 310) <= 25 and abs(calibrate.choose([light]) + 460) <= 25
    assert calibrate.dice(dense.counts(calibrate.choose([dense])))[1] > 0.95 and calibrate.dice(dense.counts(None))[1] == 0
    assert calibrate.choose_without(0, [dense, light]) == calibrate.choose([light])


def test_two_networks_of_one_fold_or_one_that_saw_all_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "load", made_up)
    for name, fold in (("a", "0/3"), ("b", "0/3"), ("all", None)):
        checkpoint.write_network(raunet.build("U-Net", 16).state_dict(), {"model": "U-Net", "width": 16, "fold": fold}, 7,
                                 tmp_path / f"{name}.pt")
    with pytest.raises(ValueError, match="two networks left out the same fold"):
        calibrate.calibrate([tmp_path / "a.pt", tmp_path / "b.pt"], tmp_path)
    with pytest.raises(ValueError, match="saw slices of every group"):
        calibrate.calibrate([tmp_path / "a.pt", tmp_path / "all.pt"], tmp_path)


def test_a_slice_with_two_crops_counts_once(monkeypatch):
    def twice(source):
        data = made_up(source)
        return cache.join([data.where(np.repeat(np.arange(len(data)), 2 if source == "effusion" else 1))])

    network = raunet.build("U-Net", 16).eval()
    monkeypatch.setattr(cache, "load", made_up)
    once = calibrate.HeldOut(network, "0/3")
    monkeypatch.setattr(cache, "load", twice)
    np.testing.assert_array_equal(calibrate.HeldOut(network, "0/3").counts(None), once.counts(None))


def test_half_precision_halves_the_file_and_no_variance_overflows(tmp_path):
    network = raunet.build("M", 16).eval()
    network.stem[1].running_var.fill_(1e5)
    checkpoint.write_network(network.state_dict(), {"model": "M", "width": 16}, 7, tmp_path / "a.pt")
    calibrate.calibrated(tmp_path / "a.pt", -375.0, tmp_path / "b.pt", half=True)
    read = raunet.load(tmp_path / "b.pt")[0]
    assert (tmp_path / "b.pt").stat().st_size < 0.6 * (tmp_path / "a.pt").stat().st_size
    for name, value in network.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], value, rtol=1e-3, atol=1e-6)
