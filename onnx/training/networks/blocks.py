"""The building blocks of the paper's figures, one class each."""

import torch
from torch import Tensor, nn


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions of the U-Net (section II-A): y = f(W_2 f(W_1 x)), f = ReLU after batch normalisation."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # [N,outputs,H,W]
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),  # [N,outputs,H,W]
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Stem(nn.Sequential):
    """ResNeXt's first convolution, 3x3 and without its stride."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # [N,outputs,H,W]
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class ResNeXtBlock(nn.Module):
    """Aggregated residual block (section II-B, Fig. 3): y = ReLU(sum_{j=1..C} T_j(x) + x).

    T_j is 1x1, 3x3, 1x1, each on its own slice of the channels; the sum over the C branches (the cardinality) is one
    grouped convolution between two dense ones (Xie et al. 2017, Fig. 3c). The bottleneck has half the channels of the
    output, as in ResNeXt-50. Where the channel count changes, the identity is a 1x1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, cardinality: int):
        super().__init__()
        inner = outputs // 2
        self.branches = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False),  # [N,inner,H,W]
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, padding=1, groups=cardinality, bias=False),  # [N,inner,H,W]
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, outputs, 1, bias=False),  # [N,outputs,H,W]
            nn.BatchNorm2d(outputs),
        )
        self.identity = (
            nn.Identity()
            if inputs == outputs
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:  # [N,inputs,H,W] -> [N,outputs,H,W]
        return torch.relu(self.branches(x) + self.identity(x))


class ResNeXtStage(nn.Sequential):
    """Two ResNeXt blocks: what the paper puts in place of an encoder's two convolutions."""

    def __init__(self, inputs: int, outputs: int, cardinality: int):
        super().__init__(ResNeXtBlock(inputs, outputs, cardinality), ResNeXtBlock(outputs, outputs, cardinality))


class DecoderBlock(nn.Module):
    """Decoder block (section II-A, Fig. 1): y = conv([attention(skip), up(x)]).

    `up` is the 2x2 transposed convolution that doubles the size and halves the channels; an odd skip size is met by its
    output padding.
    """

    def __init__(self, inputs: int, outputs: int, attention: nn.Module):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.attention = attention
        self.conv = ConvBlock(2 * outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:  # [N,inputs,H/2,W/2], [N,outputs,H,W] -> [N,outputs,H,W]
        x = self.up(x, output_size=skip.shape[2:])  # [N,outputs,H,W]
        return self.conv(torch.cat([self.attention(skip), x], 1))
