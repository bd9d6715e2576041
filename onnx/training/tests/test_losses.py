"""Losses over label sets."""

import pytest
import torch
import torch.nn.functional as F

from training.data.labels import UNKNOWN, label_set
from training.losses import marginal_cross_entropy, soft_dice


def logits(seed=0, shape=(2, 4, 9, 7)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3


def test_one_hot_labels_give_the_papers_cross_entropy():
    classes = torch.randint(0, 4, (2, 9, 7), generator=torch.Generator().manual_seed(1))
    ours = marginal_cross_entropy(logits(), (1 << classes).to(torch.uint8))
    torch.testing.assert_close(ours, F.cross_entropy(logits(), classes))


def test_an_open_label_asks_only_for_the_sum_of_its_classes():
    x = logits()
    allowed = torch.full((2, 9, 7), label_set(1, 2), dtype=torch.uint8)
    expected = -x.softmax(1)[:, 1:3].sum(1).log().mean()
    torch.testing.assert_close(marginal_cross_entropy(x, allowed), expected)


def test_pixels_that_may_be_anything_weigh_nothing():
    x = logits().requires_grad_()
    allowed = torch.full((2, 9, 7), UNKNOWN, dtype=torch.uint8)
    allowed[:, 0] = label_set(3)
    loss = marginal_cross_entropy(x, allowed) + soft_dice(x, allowed)
    loss.backward()
    assert x.grad[:, :, 0].abs().sum() > 0
    assert x.grad[:, :, 1:].abs().sum() == 0


def test_a_batch_without_any_label_has_loss_zero_and_a_finite_gradient():
    x = logits().requires_grad_()
    allowed = torch.full((2, 9, 7), UNKNOWN, dtype=torch.uint8)
    loss = marginal_cross_entropy(x, allowed) + soft_dice(x, allowed)
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(x.grad).all()


def test_soft_dice_of_a_perfect_answer_is_near_zero_and_of_a_wrong_one_near_one():
    classes = torch.zeros((1, 32, 32), dtype=torch.long)
    classes[:, 8:20, 4:16] = 2
    allowed = (1 << classes).to(torch.uint8)
    right = F.one_hot(classes, 4).permute(0, 3, 1, 2) * 50.0
    assert soft_dice(right, allowed) < 0.01
    assert soft_dice(right.roll(1, 1), allowed) > 0.95


@pytest.mark.parametrize("elsewhere", [0, 3])
def test_dice_of_a_class_leaves_out_pixels_that_may_or_may_not_have_it(elsewhere):
    """medseg's background may be effusion: calling it so must not change the Dice loss of GGO."""
    allowed = torch.full((1, 16, 16), label_set(0, 3), dtype=torch.uint8)
    allowed[:, :4] = label_set(1)
    answer = torch.full((1, 16, 16), elsewhere, dtype=torch.long)
    answer[:, :4] = 1
    assert soft_dice(F.one_hot(answer, 4).permute(0, 3, 1, 2) * 50.0, allowed) < 0.01
