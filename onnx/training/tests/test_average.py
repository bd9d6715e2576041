"""The average of networks: the mean of what they are, and only of what belongs together."""

import pytest
import torch

from training import average, checkpoint
from training.networks import raunet

RECIPE = {"model": "U-Net", "width": 16, "start": "runs/first/network.pt"}


def written(file, seed, **recipe):
    torch.manual_seed(seed)
    network = raunet.build("U-Net", 16).train()
    network(torch.rand(2, 1, 32, 32))  # batch statistics of its own
    checkpoint.write_network(network.state_dict(), RECIPE | {"seed": seed} | recipe, 10, file)
    return file


def test_every_weight_and_statistic_is_the_mean_and_both_recipes_are_kept(tmp_path):
    files = [written(tmp_path / f"{seed}.pt", seed) for seed in (1, 2)]
    average.average(files, tmp_path / "mean.pt")
    one, other, mean = (raunet.load(file)[0].state_dict() for file in (*files, tmp_path / "mean.pt"))
    for name, value in mean.items():
        torch.testing.assert_close(value.double(), (one[name].double() + other[name].double()) / 2, atol=1e-6, rtol=0)
    content = raunet.load(tmp_path / "mean.pt")[1]
    assert [recipe["seed"] for recipe in content["recipe"]["average_of"]] == [1, 2] and content["step"] == 20


def test_runs_that_began_elsewhere_are_refused(tmp_path):
    files = [written(tmp_path / "a.pt", 1), written(tmp_path / "b.pt", 2, start="runs/second/network.pt")]
    with pytest.raises(ValueError, match="same weights"):
        average.average(files, tmp_path / "mean.pt")


def test_runs_that_left_out_other_folds_are_refused(tmp_path):
    files = [written(tmp_path / f"{k}.pt", k, fold=f"{k}/5") for k in (0, 1)]
    with pytest.raises(ValueError, match="left out fold 1/5; it must leave out the same"):
        average.average(files, tmp_path / "mean.pt")


def test_a_run_is_averaged_with_the_network_that_it_began_from_whose_density_is_left_out(tmp_path):
    first = written(tmp_path / "first.pt", 1, consolidation_hu=-375.0)
    files = [written(tmp_path / "next.pt", 2, start=str(first)), first]
    average.average(files, tmp_path / "mean.pt")
    mean = raunet.load(tmp_path / "mean.pt")[0]
    assert mean.density is None
    one, other = (raunet.load(file)[0].head.bias for file in files)
    torch.testing.assert_close(mean.head.bias, (one + other) / 2)
