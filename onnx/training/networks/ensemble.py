"""Several networks asked as one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of the members' logits; mirrored: and of those of the slice turned left to right."""

    def __init__(self, members: Sequence[nn.Module], mirrored: bool = False):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.mirrored = mirrored

    def forward(self, image: Tensor) -> Tensor:  # [N,1,H,W] -> logits [N,classes,H,W]
        logits = [member(image) for member in self.members]
        if self.mirrored:
            logits += [member(image.flip(3)).flip(3) for member in self.members]
        return torch.stack(logits).mean(0)
