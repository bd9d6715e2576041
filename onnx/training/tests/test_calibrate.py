"""Class offsets: they move the balance by what was asked and nothing else."""

import torch

from training import calibrate, checkpoint
from training.networks import raunet


def test_offsets_are_added_to_the_logits_and_recorded(tmp_path):
    torch.manual_seed(0)
    network = raunet.build("U-Net", 16).eval()
    checkpoint.write_network(network.state_dict(), {"model": "U-Net", "width": 16}, 7, tmp_path / "a.pt")
    calibrate.calibrated(tmp_path / "a.pt", [0, 0.5, 1.5, -2.5], tmp_path / "b.pt")
    moved, content = raunet.load(tmp_path / "b.pt")
    image = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        difference = moved(image) - network(image)
    torch.testing.assert_close(difference.mean((0, 2, 3)), torch.tensor([0, 0.5, 1.5, -2.5]), atol=1e-4, rtol=0)
    assert content["recipe"]["class_offsets"] == [0, 0.5, 1.5, -2.5] and content["step"] == 7
