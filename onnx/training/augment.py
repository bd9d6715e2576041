"""Augmentation: ours, drawn anew for every batch, and the paper's, six versions of every slice made beforehand.

image float32 [N,1,H,W] in 0..1; allowed uint8 [N,H,W], label sets; what a warp brings in from outside is UNKNOWN.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.labels import BACKGROUND, UNKNOWN, label_set

ROTATION = math.radians(15)
ZOOM = (0.75, 1.3)  # of the lung box: a per-slice box shows the lungs larger than a per-series box
STRETCH = 0.12  # of one axis against the other: boxes become squares
SHIFT = 0.08  # of the half side
ELASTIC = 0.035  # of the half side, on a grid of 5x5 points


def uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def warp(image: Tensor, allowed: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Samples both at grid [N,h,w,2] (x, y in -1..1): image bilinear with the edge continued, labels nearest."""
    image = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    sets = F.grid_sample(allowed.float().unsqueeze(1), grid, mode="nearest", align_corners=False).squeeze(1)
    sets = sets.round().to(torch.uint8)
    return image, sets.masked_fill(sets == 0, UNKNOWN)  # a real label set is never empty


def random_grid(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Flips (left-right), rotation, zoom, stretch, shift and elastic warp: [n,size,size,2]."""
    angle = uniform(generator, (n,), -ROTATION, ROTATION)
    zoom = torch.exp(uniform(generator, (n,), math.log(ZOOM[0]), math.log(ZOOM[1])))
    stretch = torch.exp(uniform(generator, (n,), -STRETCH, STRETCH))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    shift = uniform(generator, (n, 2), -SHIFT, SHIFT)
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    theta = torch.stack([
        torch.stack([cos * stretch * mirror, -sin * stretch, shift[:, 0]], 1),
        torch.stack([sin / stretch * mirror, cos / stretch, shift[:, 1]], 1),
    ], 1)
    grid = F.affine_grid(theta, [n, 1, size, size], align_corners=False)
    nudge = torch.randn((n, 2, 5, 5), generator=generator) * ELASTIC
    return grid + F.interpolate(nudge, (size, size), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def random_greys(image: Tensor, generator: torch.Generator, strength: Tensor) -> Tensor:
    """Window, gamma and noise, scaled by strength [N]: 1 for pictures of unknown window, less for real HU. Blur or
    sharpening as without it: kernels differ in every set."""
    n = len(image)

    def draw(low: float, high: float) -> Tensor:
        return (uniform(generator, (n,), low, high) * strength).view(-1, 1, 1, 1)

    image = (image - 0.5) * torch.exp(draw(-0.2, 0.2)) + 0.5 + draw(-0.08, 0.08)
    image = image.clamp(0, 1) ** torch.exp(draw(-0.3, 0.3))
    blurred = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    image = image + (blurred - image) * uniform(generator, (n, 1, 1, 1), -0.6, 1.0).clamp(min=-0.5)
    noise = torch.randn(image.shape, generator=generator) * draw(0, 0.04).abs()
    return (image + noise).clamp(0, 1)


def online(image: Tensor, allowed: Tensor, size: int, strength: Tensor,
           generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Our augmentation: image [N,1,size,size] and label sets [N,size,size]."""
    image, allowed = warp(image, allowed, random_grid(len(image), size, generator))
    return random_greys(image, generator, strength), allowed


def resized(image: Tensor, allowed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """No augmentation, only the size."""
    theta = torch.eye(2, 3).expand(len(image), 2, 3)
    return warp(image, allowed, F.affine_grid(theta, [len(image), 1, size, size], align_corners=False))


def paper_sixfold(image: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's offline augmentation (section III-B): the slice itself, rotated by 90, 180 and 270 degrees, scaled by
    0.5 and by 1.5. [N,...] -> [6N,...], all versions of a slice N apart. Scaled slices keep the frame: 0.5 is set in
    black background, of 1.5 the middle is kept.
    """
    images = [torch.rot90(image, k, (2, 3)) for k in range(4)]
    labels = [torch.rot90(allowed, k, (1, 2)) for k in range(4)]
    for scale in (0.5, 1.5):
        theta = (torch.eye(2, 3) / scale).expand(len(image), 2, 3)
        grid = F.affine_grid(theta, list(image.shape), align_corners=False)
        images.append(F.grid_sample(image, grid, align_corners=False))
        sets = warp(image, allowed, grid)[1]
        labels.append(sets.masked_fill(sets == UNKNOWN, label_set(BACKGROUND)))
    return torch.cat(images), torch.cat(labels)
