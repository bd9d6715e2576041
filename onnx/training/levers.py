"""What the levers bring that cost no training: python -m training.levers --runs runs/cv0 runs/cv1 ... --out levers.md

On the same runs and held-out folds, pooled Dice at the network's size: the weights of the last step, their moving
average, consolidation told by density (each fold's chosen on the others), the mean with the mirrored slice, which doubles
the time, and, with --beside, the mean with a second run of each fold, which doubles it too.
"""

import argparse
from pathlib import Path

import torch

from training import checkpoint
from training.calibrate import TITLES, HeldOut, choose_without, dice
from training.networks import raunet
from training.networks.ensemble import Ensemble
from training.report import number, table


def network_of(run: Path, weights: str) -> tuple[raunet.ResidualAttentionUNet, str]:
    """weights: "network", of the last step, or "average". Returns the network and the fold that it left out."""
    state = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
    settings = state["settings"]
    network = raunet.build(settings["model"], settings["width"], **checkpoint.options(settings))
    network.load_state_dict(state[weights])
    return network.eval(), settings["fold"]


def rows(runs: list[Path], beside: list[Path]) -> list[list[str]]:
    """Two lines a variant: its name and the pooled Dice of every event, as learnt and by density."""
    average = [network_of(run, "average") for run in runs]
    second = [network_of(run, "average") for run in beside]
    if second and [fold for _, fold in second] != [fold for _, fold in average]:
        raise ValueError("--beside must leave out the folds of --runs, in their order")
    variants = {
        "weights of the last step": [network_of(run, "network") for run in runs],
        "their average (EMA)": average,
        "average, mirrored too": [(Ensemble([network], mirrored=True), fold) for network, fold in average],
    }
    if second:
        variants["average, with that of a second run"] = [
            (Ensemble([network, other]), fold) for (network, fold), (other, _) in zip(average, second, strict=True)]
    out = []
    for name, networks in variants.items():
        folds = [HeldOut(network, fold) for network, fold in networks]
        plain = sum(fold.counts(None) for fold in folds)
        by_density = sum(fold.counts(choose_without(k, folds)) for k, fold in enumerate(folds))
        out += [[name, *map(number, dice(plain))], [f"{name}, by density", *map(number, dice(by_density))]]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of training.train, one a fold")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="likewise, second runs of the same folds")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file")
    given = parser.parse_args()
    text = table(["variant", *TITLES], rows(given.runs, given.beside)) + "\n"
    given.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
