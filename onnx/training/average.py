"""Averages networks that went on from the same weights: python -m training.average A.pt B.pt --out C.pt

Trainings of one recipe with different seeds end in the same valley when they begin from one network; the mean of their
weights lies deeper in it than each of them (model soups, Wortsman et al. 2022). Two cores so train one network. The
network that they began from lies there too, and may be one of the files.
"""

import argparse
from pathlib import Path

import torch

from training import checkpoint
from training.networks import raunet


def average(files: list[Path], out: Path) -> None:
    """network.pt of several runs -> network.pt with the mean of weights and batch statistics, and each run's recipe.

    A density (training.calibrate) is not averaged but left out: it is to be chosen for the mean.
    Raises ValueError where they are not the same network, or did not start from the same weights.
    """
    networks, contents = zip(*map(raunet.load, files), strict=True)
    starts = {content["recipe"]["start"] for content in contents}
    begun_from = {content["recipe"]["start"] for file, content in zip(files, contents, strict=True)
                  if checkpoint.portable(str(file)) not in starts}  # all but their common start itself
    built = [(c["model"], c["width"], c["options"] | {"consolidation_hu": None}) for c in contents]
    if any(other != built[0] for other in built) or len(begun_from) > 1:
        raise ValueError("only runs of one network that started from the same weights can be averaged")
    for file, content in zip(files, contents, strict=True):
        checkpoint.must_leave_out(checkpoint.left_out(contents[0]["recipe"]), file, content["recipe"])
    states = [network.state_dict() for network in networks]
    mean = {name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
            for name, value in states[0].items()}
    recipe = contents[0]["recipe"] | {"consolidation_hu": None, "average_of": [content["recipe"] for content in contents]}
    checkpoint.write_network(mean, recipe, sum(content["step"] for content in contents), out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="network.pt of a run")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        average(given.files, given.out)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
