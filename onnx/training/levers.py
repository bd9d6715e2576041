"""What the levers bring that cost no training: python -m training.levers --runs runs/cv0 runs/cv1 ... --out levers.md

On the same runs and held-out folds, pooled Dice at the network's size: the weights of the last step, their moving
average, class offsets (each fold's chosen on the others), and the mean with the mirrored slice, which doubles the time.
"""

import argparse
from pathlib import Path

import torch

from training.calibrate import NO_OFFSETS, TITLES, HeldOut, choose_without, dice
from training.networks import raunet
from training.report import number, table


def held_out(run: Path, weights: str, flips: bool = False) -> HeldOut:
    """weights: "network", of the last step, or "average"."""
    state = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
    settings = state["settings"]
    network = raunet.build(settings["model"], settings["width"])
    network.load_state_dict(state[weights])
    return HeldOut(network.eval(), settings["fold"], flips)


def rows(runs: list[Path]) -> list[list[str]]:
    """One line a variant: its name and the pooled Dice of every event."""
    out = []
    for name, weights, flips in (("weights of the last step", "network", False), ("their average (EMA)", "average", False),
                                 ("average, mirrored too", "average", True)):
        folds = [held_out(run, weights, flips) for run in runs]
        plain = sum(fold.counts(NO_OFFSETS) for fold in folds)
        moved = sum(fold.counts(choose_without(k, folds)) for k, fold in enumerate(folds))
        out += [[name, *map(number, dice(plain))], [f"{name}, class offsets", *map(number, dice(moved))]]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of training.train, one a fold")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file")
    given = parser.parse_args()
    text = table(["variant", *TITLES], rows(given.runs)) + "\n"
    given.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
