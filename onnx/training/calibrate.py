"""Moves the balance between the classes: python -m training.calibrate --network IN.pt --offsets 0 0.5 1.5 -2.5 --out OUT.pt

Adds a constant to each class's logit, in the bias of the last layer: a class with a higher offset is called more often.
Partial labels and oversampling leave the trained balance off (effusion is a quarter of the slices drawn, in training, of
which most show some). Choose the offsets on a held-out fold, never on what the network was trained on.
"""

import argparse
from pathlib import Path

import torch

from training import checkpoint
from training.data.labels import CLASSES
from training.networks import raunet


def calibrated(source: Path, offsets: list[float], out: Path) -> None:
    """network.pt -> network.pt with the offsets (one a class, in logits) in its last bias and in its recipe."""
    network, content = raunet.load(source)
    with torch.no_grad():
        network.head.bias += torch.tensor(offsets)
    recipe = content["recipe"] | {"class_offsets": offsets}
    checkpoint.write_network(network.state_dict(), recipe, content["step"], out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--offsets", type=float, nargs=len(CLASSES), required=True, metavar="LOGIT")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    calibrated(given.network, given.offsets, given.out)


if __name__ == "__main__":
    main()
