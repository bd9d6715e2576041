"""A widened network begins where the narrow one is, and all of it can learn."""

import pytest
import torch

from training import checkpoint, widen
from training.networks import raunet


def trained(file, model, **options):
    """Weights, norms and statistics of their own, as after a training."""
    torch.manual_seed(3)
    network = raunet.build(model, 16, **options).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    network(torch.rand(2, 1, 64, 64))
    recipe = {"model": model, "width": 16, "seed": 5, "start": None} | options
    checkpoint.write_network(network.state_dict(), recipe, 10, file)
    return network.eval()


def widened(tmp_path, model, **options):
    narrow = trained(tmp_path / "narrow.pt", model, **options)
    widen.widen(tmp_path / "narrow.pt", tmp_path / "wide.pt")
    return narrow, *raunet.load(tmp_path / "wide.pt")


@pytest.mark.parametrize(("model", "options"), [("M-A", {}), ("U-Net", {}), ("M-A", {"cardinality": 2})])
def test_without_attention_the_answer_is_the_same(tmp_path, model, options):
    narrow, wide, content = widened(tmp_path, model, **options)
    image = torch.rand(1, 1, 53, 70)
    with torch.inference_mode():
        torch.testing.assert_close(wide(image), narrow(image), atol=1e-5, rtol=0)
    assert (content["width"], content["recipe"]["seed"]) == (32, 5)


def test_with_attention_the_answer_is_nearly_the_same(tmp_path):
    narrow, wide, _ = widened(tmp_path, "M")
    image = torch.rand(1, 1, 128, 128)
    with torch.inference_mode():
        expected, got = narrow(image), wide(image)
    assert (got - expected).pow(2).mean() < 0.01 * expected.var()


def test_old_buckets_are_kept_while_new_queries_are_small(tmp_path):
    """With queries of the narrow network alone, hashes and scores of the wide attention are those of the narrow one."""
    narrow, wide, _ = widened(tmp_path, "M")
    of_narrow, of_wide = narrow.decoder[0].attention, wide.decoder[0].attention
    with torch.inference_mode():
        of_wide.query[1].weight[of_narrow.rotations.shape[1]:] = 0
        of_wide.query[1].bias[of_narrow.rotations.shape[1]:] = 0
        x = torch.randn(1, 128, 16, 16)
        wide_x = torch.cat([x, torch.randn(1, 128, 16, 16)], 1)
        torch.testing.assert_close(of_wide(wide_x)[:, :128], of_narrow(x), atol=1e-4, rtol=0)


def test_every_new_weight_gets_a_gradient_once_the_old_channels_listen(tmp_path):
    _, wide, _ = widened(tmp_path, "M")
    optimizer = torch.optim.SGD(wide.train().parameters(), 0.1)
    for _ in range(2):  # in the first step only what leads from new to old channels has one
        optimizer.zero_grad()
        wide(torch.rand(2, 1, 64, 64)).square().mean().backward()
        optimizer.step()
    without = [name for name, p in wide.named_parameters() if p.ndim > 1 and not p.grad.flatten(1).abs().amax(1).all()]
    assert not without
