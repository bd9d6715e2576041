"""The four networks: sizes, switches, determinism, and that each can learn a slice by heart."""

import pytest
import torch
import torch.nn.functional as F

from training.networks import raunet
from training.networks.blocks import ResNeXtBlock
from training.networks.lsh_attention import LSHAttention
from training.tests import phantom

MODELS = ("M", "M-A", "M-R", "U-Net")


def count(network, kind):
    return sum(isinstance(module, kind) for module in network.modules())


@pytest.mark.parametrize(
    ("model", "blocks", "attentions"), [("M", 10, 2), ("M-A", 10, 0), ("M-R", 0, 2), ("U-Net", 0, 0)]
)
def test_the_ablations_switch_the_resnext_blocks_and_the_attention(model, blocks, attentions):
    network = raunet.build(model)
    assert count(network, ResNeXtBlock) == blocks
    assert count(network, LSHAttention) == attentions


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [(369, 369), (185, 185), (97, 131), (16, 16)])
def test_logits_have_the_size_of_the_image(model, size):
    with torch.inference_mode():
        assert raunet.build(model).eval()(torch.rand(2, 1, *size)).shape == (2, 4, *size)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("width", [16, 32, 64])
def test_all_widths_run_and_quadruple_the_weights(model, width):
    network = raunet.build(model, width)
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, 1, 33, 33)).shape == (1, 4, 33, 33)
    weights = sum(p.numel() for p in network.parameters())
    smallest = sum(p.numel() for p in raunet.build(model, 16).parameters())
    assert weights == pytest.approx(smallest * (width / 16) ** 2, rel=0.05)


def test_attention_may_sit_at_all_four_levels():
    network = raunet.build(attention_levels=(0, 1, 2, 3), rounds=4, chunk=32)
    assert count(network, LSHAttention) == 4
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, 1, 100, 75)).shape == (1, 4, 100, 75)


@pytest.mark.parametrize(
    "options",
    [{"model": "V-Net"}, {"attention_form": "full"}, {"attention_levels": (4,)}, {"width": 16, "cardinality": 3}],
)
def test_a_switch_that_does_not_exist_is_refused(options):
    with pytest.raises(ValueError):
        raunet.build(**options)


def test_with_the_papers_sigmoid_the_chances_are_the_sigmoids_divided_by_their_sum():
    torch.manual_seed(0)
    plain = raunet.build("U-Net").eval()
    sigmoid = raunet.build("U-Net", sigmoid=True).eval()
    sigmoid.load_state_dict(plain.state_dict())
    image = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        chances = plain(image).sigmoid()
        torch.testing.assert_close(sigmoid(image).softmax(1), chances / chances.sum(1, keepdim=True))


def learn(model, steps=80, size=64):
    """Trains on one phantom slice; returns the network, the image [1,1,H,W] and the mask [1,H,W]."""
    torch.manual_seed(0)
    image, mask = (torch.from_numpy(a)[None] for a in phantom.slice_and_mask(size))
    network = raunet.build(model).train()
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(image[None]), mask).backward()
        optimizer.step()
        schedule.step()
    return network.eval(), image[None], mask


@pytest.mark.parametrize("model", MODELS)
def test_one_slice_is_learnt_by_heart_to_a_dice_above_095_in_every_class(model):
    network, image, mask = learn(model)
    with torch.inference_mode():
        found = network(image).argmax(1)
    for c in range(4):
        dice = 2 * ((found == c) & (mask == c)).sum() / ((found == c).sum() + (mask == c).sum())
        assert dice > 0.95, f"class {c}: {dice:.3f}"


def test_the_same_seed_trains_the_same_weights():
    one, other = (learn("M", steps=3, size=48)[0].state_dict() for _ in range(2))
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def test_a_checkpoint_brings_back_the_network(tmp_path):
    network = raunet.build("M", 16, rounds=3).eval()
    file = tmp_path / "net.pt"
    state = {"model": "M", "width": 16, "options": {"rounds": 3}, "state_dict": network.state_dict(), "step": 7}
    torch.save(state | {"recipe": {}}, file)
    loaded, checkpoint = raunet.load(file)
    image = torch.rand(1, 1, 50, 50)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image), network(image), rtol=0, atol=0)
    assert checkpoint["step"] == 7
