"""A network of twice the width that begins where a trained one is: python -m training.widen A.pt --out B.pt

In every layer the channels of the narrow network come first, then new ones as a fresh network has them. What a new
channel says to an old one weighs 0, so the wide network answers as the narrow one does, and its new channels differ from
each other, as copies would not (Net2Net, Chen et al. 2016, copies). `training.train --width 32 --start B.pt` goes on.
"""

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import checkpoint
from training.networks import raunet
from training.networks.blocks import DecoderBlock
from training.networks.lsh_attention import LSHAttention

NEW_QUERIES = 0.1  # standard deviation of a query's new half, beside about 1 in the old one; with 0 it would not learn


@torch.no_grad()
def widen(narrow: Path, out: Path, seed: int = 0) -> None:
    """network.pt -> network.pt of twice the width, with its recipe; C groups become 2 C of the same size.

    With LSH attention it answers nearly, not quite, as the narrow one. A density (training.calibrate) is left out.
    """
    old, content = raunet.load(narrow)
    recipe = content["recipe"] | {"width": 2 * content["width"], "consolidation_hu": None}
    if recipe.get("cardinality"):
        recipe["cardinality"] *= 2
    torch.manual_seed(seed)
    new = raunet.build(recipe["model"], recipe["width"], **checkpoint.options(recipe))
    state = new.state_dict()  # shares memory with the network
    for name, value in old.state_dict().items():
        if not name.endswith("rotations"):
            place(state[name], value)
    for wide, narrow_one in zip(new.modules(), old.modules()):
        if isinstance(wide, nn.ConvTranspose2d):
            place(wide.weight.transpose(0, 1), narrow_one.weight.transpose(0, 1))
        elif isinstance(wide, DecoderBlock):  # its first convolution reads two tensors, one after the other
            for part, of_narrow in zip(wide.conv[0].weight.chunk(2, 1), narrow_one.conv[0].weight.chunk(2, 1)):
                place(part, of_narrow)
        elif isinstance(wide, LSHAttention):
            place_queries(wide, narrow_one)
    checkpoint.write_network(new.state_dict(), recipe, content["step"], out)


def place(wide: Tensor, narrow: Tensor) -> None:
    """Puts the old channels first. Weights are [outputs, inputs, ...]; groups share no input, so theirs stay as they are."""
    if narrow.ndim == 0:
        wide.copy_(narrow)
        return
    wide = wide[: len(narrow)]
    if narrow.ndim > 1:
        wide.zero_()
        wide = wide[:, : narrow.shape[1]]
    wide.copy_(narrow)


def place_queries(wide: LSHAttention, narrow: LSHAttention) -> None:
    """The old half of a query times sqrt(2), because q k / sqrt(d) has twice the d; the new half small. Same buckets."""
    d = narrow.rotations.shape[1]
    norm = wide.query[1]
    norm.weight[:d] *= math.sqrt(2)
    norm.bias[:d] *= math.sqrt(2)
    norm.weight[d:] = NEW_QUERIES
    halves = [narrow.rotations, F.normalize(wide.rotations[:, d:], dim=1)]
    wide.rotations.copy_(torch.cat(halves, 1) / math.sqrt(2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="network.pt of a run")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    widen(given.file, given.out)


if __name__ == "__main__":
    main()
