"""Markdown, plots and pictures of an evaluation."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from training.data import labels
from training.data.sources import Slice

if TYPE_CHECKING:
    from training.evaluate import Result

MEASURES = {"dice_pooled": "pooled Dice", "dice_slice": "Dice per slice", "dice_slice_empty1": "same, empty = 1",
            "precision": "precision", "recall": "recall", "hd95_px": "HD95 px", "nsd_2px": "NSD 2 px",
            "volume_error": "volume error"}
COLOURS = {labels.GGO: (90, 200, 120), labels.CONSOLIDATION: (220, 70, 60), labels.EFFUSION: (70, 130, 230)}
EITHER = (240, 160, 40)  # truth: GGO or consolidation, not told apart
EXTREMES = 4  # worst and best slices of an event that the report names


def number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def with_interval(entry: dict[str, float]) -> str:
    return f"{number(entry['value'])} ({number(entry['low'])} to {number(entry['high'])})"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(content: dict) -> str:
    """The report: per model and event all measures with 95 % intervals (bootstrap over groups)."""
    parts = [f"Protocol: {content['protocol']}. In brackets: 95 % interval, bootstrap over groups."]
    for name, model in content["models"].items():
        rows = [[event, f"{e['slices']} / {e['groups']}", *(with_interval(e[m]) for m in MEASURES)]
                for event, e in model["events"].items()]
        parts += [f"## {name}", table(["set / event", "slices / groups", *MEASURES.values()], rows)]
        printed = model["medseg_as_printed"]
        if printed:
            parts.append("One set of masks, read as different papers read it (medseg): "
                         + ", ".join(f"{key} {number(value)}" for key, value in printed.items()))
        parts.append("Share of the lung box called effusion: "
                     + ", ".join(f"{source} {share:.4f}" for source, share in model["share_called_effusion"].items()))
    for pair, events in content["paired_bootstrap_dice_pooled"].items():
        rows = [[event, f"{e['difference']:+.3f}", f"{e['low']:+.3f} to {e['high']:+.3f}", number(e["share_not_better"])]
                for event, e in events.items()]
        parts += [f"## Paired bootstrap: {pair}",
                  table(["set / event", "difference of pooled Dice", "95 %", "share of resamples <= 0"], rows)]
    return "\n\n".join(parts) + "\n"


def plots(results: list["Result"], folder: Path, logs: Sequence[Path] = ()) -> None:
    """boxes.png: Dice per slice; confusion.png: medseg; curves.png: the losses in the log.jsonl of trainings, if given."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    keys = sorted({key for result in results for key in result.scores})
    figure, axes = pyplot.subplots(1, len(keys), figsize=(3 * len(keys), 4), sharey=True, squeeze=False)
    for axis, key in zip(axes[0], keys, strict=True):
        dice = [[2 * s.tp / (2 * s.tp + s.fp + s.fn) for s in r.scores[key] if s.tp + s.fn] for r in results]
        axis.boxplot(dice, tick_labels=[r.name for r in results])
        axis.set_title("/".join(key))
    axes[0][0].set_ylabel("Dice per slice, empty truth left out")
    save(figure, folder / "boxes.png")

    figure, axes = pyplot.subplots(1, len(results), figsize=(4 * len(results), 4), squeeze=False)
    names = ["background", "GGO", "consolidation"]
    for axis, result in zip(axes[0], results, strict=True):
        share = result.confusion / np.maximum(1, result.confusion.sum(1, keepdims=True))
        axis.imshow(share, vmin=0, vmax=1, cmap="Blues")
        for (row, col), value in np.ndenumerate(share):
            axis.text(col, row, f"{value:.2f}", ha="center", color="white" if value > 0.5 else "black")
        axis.set(title=result.name, xticks=range(3), xticklabels=names, yticks=range(3), yticklabels=names,
                 xlabel="answer", ylabel="truth")
    save(figure, folder / "confusion.png")

    if logs:
        figure, axis = pyplot.subplots(figsize=(7, 4))
        losses = {log.parent.name: losses_of(log) for log in logs}
        lengths = [len(values) for values in losses.values()]
        width = max(1, min(max(lengths) // 20, min(lengths)))  # steps that are averaged, the same for all runs
        for name, values in losses.items():
            axis.plot(np.arange(width, len(values) + 1), np.convolve(values, np.ones(width) / width, "valid"), label=name)
        axis.set(xlabel="step", ylabel=f"training loss, mean of {width} steps")
        axis.legend(ncols=2, fontsize="small")
        save(figure, folder / "curves.png")

    lines = []
    for result in results:
        for key, scores in result.scores.items():
            dice = [(2 * s.tp / (2 * s.tp + s.fp + s.fn), name)
                    for s, name in zip(scores, result.slices[key], strict=True) if s.tp + s.fn]
            dice.sort()
            for title, picked in (("worst", dice[:EXTREMES]), ("best", dice[::-1][:EXTREMES])):
                lines.append(f"{result.name} {'/'.join(key)} {title}: " + ", ".join(f"{n} {d:.2f}" for d, n in picked))
    (folder / "extremes.txt").write_text("\n".join(lines) + "\n")


def losses_of(log: Path) -> np.ndarray:
    """What a run of training.train made small, by step."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return np.array([e["cross_entropy"] + e.get("soft_dice", 0) for e in entries])


def save(figure, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def tinted(unit: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], image: np.ndarray | None = None) -> np.ndarray:
    """Grey slice 0..1 [rows, cols] (or an RGB made of it) with a colour over the mask: uint8 [rows, cols, 3]."""
    out = np.repeat((unit * 255)[..., None], 3, 2) if image is None else image.astype(float)
    out[mask] = 0.55 * out[mask] + 0.45 * np.array(colour)
    return out.astype(np.uint8)


def side_by_side(item: Slice, predicted: np.ndarray, path: Path) -> None:
    """Picture, truth and answer of a slice, cropped to its box. Real patients: for looking at, not for publishing."""
    crop = np.s_[item.box.top:item.box.bottom, item.box.left:item.box.right]
    unit, allowed, found = item.unit[crop], item.allowed[crop], predicted[crop]
    plain = tinted(unit, np.zeros(unit.shape, bool), EITHER)
    truth, answer = plain, plain
    for label, colour in COLOURS.items():
        truth = tinted(unit, allowed == labels.label_set(label), colour, truth)
        answer = tinted(unit, found == label, colour, answer)
    truth = tinted(unit, allowed == labels.label_set(labels.GGO, labels.CONSOLIDATION), EITHER, truth)
    Image.fromarray(np.hstack([plain, truth, answer])).save(path)
