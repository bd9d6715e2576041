"""Judges networks on slices they have not seen, at native size: report.json, report.md and plots in --out.

  python -m training.evaluate --model M=runs/fold0/network.pt --out runs/report
  python -m training.evaluate --model M=a0.pt,a1.pt --model U-Net=b0.pt,b1.pt --out DIR     several folds, pooled

Each network.pt is tested on the fold that its run left out, each slice as training.predict answers it, with its series'
lung box. An .onnx file knows no fold: say --fold k/n (or --all-seen to look at training data, which is then said in the
report). The first model is compared with each of the others by a paired bootstrap over groups, as far as both saw the
same folds.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

import numpy as np

from training import checkpoint, metrics, preprocess, report
from training.data import labels
from training.data.cache import READERS
from training.data.folds import held_out
from training.data.sources import Slice
from training.networks import raunet
from training.predict import Network, chest_cavities, load_network, segment
from training.recipes import LABELLED
from training.train import fold_of

# Which events each source can decide (spec/model.md, partial labels).
EVENTS_OF = {
    "medseg": ("GGO", "consolidation", "infection"),
    "covid20": ("infection",),
    "pairs": ("infection",),
    "effusion": ("effusion",),
}


@dataclass
class Result:
    """A model's answers, by (source, event)."""

    name: str
    files: list[str]
    scores: dict[tuple[str, str], list[metrics.Score]] = field(default_factory=lambda: defaultdict(list))
    slices: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    confusion: np.ndarray = field(default_factory=lambda: np.zeros((3, 3), np.int64))  # medseg; effusion as background
    flood: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # share of pixels called effusion


def of_fold(slices: list[Slice], fold: str | None) -> list[Slice]:
    """The slices of fold k of n; all of them for None."""
    if fold is None:
        return slices
    return list(compress(slices, held_out([(s.source, s.group, s.name) for s in slices], fold_of(fold))))


def fold_in(file: Path, given: str | None) -> str | None:
    """The fold that a file left out: of an .onnx file what the caller says, of a .pt file what its recipe says."""
    if file.suffix == ".onnx":
        return given
    recipe = raunet.load(file)[1]["recipe"]
    checkpoint.must_leave_out(given, file, recipe)
    return checkpoint.left_out(recipe)


def cavities_of(slices: list[Slice]) -> dict[str, np.ndarray]:
    """Where training.predict looks for lesions in the slices of whole series, by name: bool [rows, cols]."""
    series = defaultdict(list)
    for item in slices:
        series[item.group].append(item)
    return {item.name: cavity for items in series.values()
            for item, cavity in zip(items, chest_cavities([preprocess.unwindowed(item.unit) for item in items]), strict=True)}


def judge(network: Network, slices: list[Slice], result: Result, pictures: Path | None = None) -> None:
    """Adds a network's answers on the slices to the result; writes side-by-side pictures where a folder is given."""
    cavities = cavities_of([item for item in slices if item.source == "effusion"])
    for item in slices:
        predicted = segment(network, item.unit, item.box) * cavities.get(item.name, True)
        for event in EVENTS_OF[item.source]:
            score = metrics.score(predicted, item.allowed, metrics.EVENTS[event], item.group)
            if score:
                result.scores[item.source, event].append(score)
                result.slices[item.source, event].append(f"{item.source}/{item.name}")
        inside = predicted[item.box.top:item.box.bottom, item.box.left:item.box.right]
        result.flood[item.source].append(float((inside == labels.EFFUSION).mean()))
        if item.source == "medseg":
            truth = np.select([item.allowed == labels.MEDSEG[1], item.allowed == labels.MEDSEG[2]], [1, 2], 0)
            found = np.where(predicted == labels.EFFUSION, 0, predicted)
            result.confusion += np.bincount((3 * truth + found).ravel(), minlength=9).reshape(3, 3)
        if pictures:
            report.side_by_side(item, predicted, pictures / f"{result.name}-{item.source}-{item.name}.png")


def summary(results: list[Result], protocol: str) -> dict:
    """Everything the report says, as plain values."""
    models = {}
    for result in results:
        models[result.name] = {
            "files": result.files,
            "events": {f"{source}/{event}": {"slices": len(scores), "groups": len({s.group for s in scores}),
                                             **metrics.with_intervals(scores)}
                       for (source, event), scores in result.scores.items()},
            "medseg_as_printed": metrics.as_printed(result.confusion) if result.confusion.any() else None,
            "medseg_confusion": result.confusion.tolist(),
            "share_called_effusion": {source: float(np.mean(v)) for source, v in result.flood.items()},
        }
    first, *others = results
    paired = {f"{first.name} - {other.name}": {f"{source}/{event}": metrics.paired(scores, other.scores[source, event])
                                               for (source, event), scores in first.scores.items()}
              for other in others
              if all(other.slices[key] == names for key, names in first.slices.items())}
    return {"protocol": protocol, "models": models, "paired_bootstrap_dice_pooled": paired}


def evaluate(models: dict[str, list[Path]], out: Path, fold: str | None = None, all_seen: bool = False,
             pictures: bool = False, logs: Sequence[Path] = ()) -> None:
    """Judges each model, its files pooled, and writes the report. fold: of files that do not say theirs.

    Raises ValueError where the fold of a file is not known, or contradicts what it says.
    """
    slices = [item for source in LABELLED for item in READERS[source]()]
    results, folds = [], set()
    folder = out / "pictures" if pictures else None
    (folder or out).mkdir(parents=True, exist_ok=True)
    for name, files in models.items():
        result, judged = Result(name, list(map(str, files))), set()
        for file in files:
            left_out = None if all_seen else fold_in(file, fold)
            if left_out is None and not all_seen:
                raise ValueError(f"{file} saw slices of every group, or does not say (.onnx: --fold): --all-seen looks at those")
            if left_out in judged and not all_seen:
                raise ValueError(f"{file} left out fold {left_out} as another file of {name} did: its slices would count twice")
            judged.add(left_out)
            judge(load_network(file), of_fold(slices, left_out), result, folder)
        results.append(result)
        folds |= judged
    protocol = ("ALL SLICES, SEEN IN TRAINING: no measure of quality" if all_seen
                else f"honest: grouped, held-out folds {', '.join(sorted(folds))}, native size")
    content = summary(results, protocol)
    (out / "report.json").write_text(json.dumps(content, indent=1) + "\n")
    text = report.markdown(content)
    (out / "report.md").write_text(text)
    report.plots(results, out, logs)
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FILE[,FILE...]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fold", help="k/n that an .onnx file left out; a .pt file says it itself")
    parser.add_argument("--all-seen", action="store_true", help="test on all slices, seen in training or not")
    parser.add_argument("--pictures", action="store_true", help="picture, truth and answer of every slice, in --out")
    parser.add_argument("--logs", type=Path, nargs="+", default=(), help="log.jsonl of trainings: their learning curves")
    given = parser.parse_args()
    models = {name: list(map(Path, files.split(","))) for name, _, files in (text.partition("=") for text in given.model)}
    try:
        evaluate(models, given.out, given.fold, given.all_seen, given.pictures, given.logs)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
