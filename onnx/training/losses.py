"""Losses for labels that leave the class open (spec/model.md, "Data and partial labels").

logits [N,C,H,W]; allowed uint8 [N,H,W], bit c set where class c is possible. One-hot labels are the special case of
a single bit.
"""

import torch
from torch import Tensor

# Soft Dice is taken for each event that the labels can decide: a lesion class, and infection = GGO or consolidation.
EVENTS = (0b0010, 0b0100, 0b1000, 0b0110)


def members(allowed: Tensor, classes: int) -> Tensor:
    """Label sets -> bool [N,C,H,W]: may the pixel have the class?"""
    bits = torch.arange(classes, device=allowed.device).view(1, -1, 1, 1)
    return (allowed.unsqueeze(1).int() >> bits & 1).bool()


def marginal_cross_entropy(logits: Tensor, allowed: Tensor) -> Tensor:
    """Mean over pixels of -log sum_{c in S} p_c; pixels that may be anything (S = all classes) are left out.

    For one-hot labels this is the paper's cross entropy (section II-D).
    """
    possible = members(allowed, logits.shape[1])
    known = ~possible.all(1)
    inside = logits.masked_fill(~possible, -torch.inf).logsumexp(1)
    loss = logits.logsumexp(1) - inside
    return (loss * known).sum() / known.sum().clamp(min=1)


def soft_dice(logits: Tensor, allowed: Tensor) -> Tensor:
    """1 - mean soft Dice over the events of the batch, pooled over its pixels.

    An event E is decided where S lies within E (it happened) or apart from E (it did not); other pixels are left out.
    Events that happen nowhere in the batch are left out too.
    """
    p = logits.softmax(1)
    losses = []
    for event in EVENTS:
        happened = (allowed & ~event & 0xFF) == 0
        if not happened.any():
            continue
        decided = happened | ((allowed & event) == 0)
        classes = [c for c in range(logits.shape[1]) if event >> c & 1]
        chance = p[:, classes].sum(1) * decided
        overlap = (chance * happened).sum()
        losses.append(1 - (2 * overlap + 1) / (chance.sum() + happened.sum() + 1))
    return torch.stack(losses).mean() if losses else logits.sum() * 0
