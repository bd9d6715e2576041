"""Class offsets: they move the balance by what was asked and nothing else."""

import numpy as np
import torch

from training import calibrate, checkpoint
from training.networks import raunet


def test_offsets_are_added_to_the_logits_and_recorded(tmp_path):
    torch.manual_seed(0)
    network = raunet.build("U-Net", 16).eval()
    checkpoint.write_network(network.state_dict(), {"model": "U-Net", "width": 16}, 7, tmp_path / "a.pt")
    calibrate.calibrated(tmp_path / "a.pt", (0, 0.5, 1.5, -2.5), tmp_path / "b.pt")
    moved, content = raunet.load(tmp_path / "b.pt")
    image = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        difference = moved(image) - network(image)
    torch.testing.assert_close(difference.mean((0, 2, 3)), torch.tensor([0, 0.5, 1.5, -2.5]), atol=1e-4, rtol=0)
    assert content["recipe"]["class_offsets"] == [0, 0.5, 1.5, -2.5] and content["step"] == 7


def made_up_fold(too_low):
    """A held-out fold whose GGO logits are `too_low` where GGO is, and right elsewhere."""
    fold = object.__new__(calibrate.HeldOut)
    allowed, logits = [], []
    for source, event in calibrate.BALANCED:
        bits = calibrate.EVENTS[event]
        lesion = np.zeros((8, 8), bool)
        lesion[2:6, 2:6] = True
        of_event = [c for c in range(1, 4) if bits >> c & 1][0]
        slice_ = np.zeros((4, 8, 8), np.float16)
        slice_[0] = 4
        slice_[of_event][lesion] = 4 - too_low if event == "GGO" else 6
        slice_[of_event][~lesion] = -4
        allowed.append(np.where(lesion, bits, 1).astype(np.uint8))
        logits.append(slice_)
    fold.logits, fold.allowed = logits, np.stack(allowed)
    fold.sources = np.array([source for source, _ in calibrate.BALANCED])
    fold.counts = fold._counts
    return fold


def test_a_class_that_is_called_too_seldom_is_raised_just_enough():
    offsets = calibrate.choose([made_up_fold(too_low=1.2)])
    assert offsets[0] == 0 and 1.5 <= offsets[1] <= 4
    assert calibrate.choose([made_up_fold(too_low=-1)])[1] == 0


def test_effusion_is_not_moved_by_a_patient_who_would_have_it_so():
    fold = made_up_fold(too_low=1.2)
    fold.logits[[source for source, _ in calibrate.BALANCED].index("effusion")][3] -= 4
    fold.counts = fold._counts
    assert calibrate.choose([fold])[3] == 0


def test_half_precision_halves_the_file_and_no_variance_overflows(tmp_path):
    network = raunet.build("M", 16).eval()
    network.stem[1].running_var.fill_(1e5)
    checkpoint.write_network(network.state_dict(), {"model": "M", "width": 16}, 7, tmp_path / "a.pt")
    calibrate.calibrated(tmp_path / "a.pt", (0, 0, 0, 0), tmp_path / "b.pt", half=True)
    read = raunet.load(tmp_path / "b.pt")[0]
    assert (tmp_path / "b.pt").stat().st_size < 0.6 * (tmp_path / "a.pt").stat().st_size
    for name, value in network.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], value, rtol=1e-3, atol=1e-6)
