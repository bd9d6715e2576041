"""Tables I and II of the paper beside ours: python -m training.tables --budget 60 --out runs/tables

Trains M, M-A, M-R and U-Net by the paper's recipe, with and without its augmentation, in two protocols:

  leaky, as printed   augmented pictures are shuffled and split: copies of a test picture were trained on
  honest, grouped     split by groups of patients first, tested on originals

All runs of a call take the same number of steps. The budget decides how many: first the steps (up to the paper's 100
epochs of the larger set), then the folds (up to 10). tables.md says what that left out of the paper's experiment.
Runs that are already finished in --out are kept, so a stopped call goes on where it was.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from training import augment, metrics
from training.networks import raunet
from training.recipes import Paper
from training.report import number, table
from training.train import Settings, fold_of, train

MODELS = ("M", "M-A", "M-R", "U-Net")
FOLDS, EPOCHS = 10, 100  # of the paper
# Tables I and II of the paper: model -> (Dice, accuracy, precision) with and without augmentation.
PAPER = {
    "M": ((0.94, 0.89, 0.95), (0.83, 0.79, 0.82)),
    "M-A": ((0.85, 0.82, 0.84), (0.79, 0.74, 0.77)),
    "M-R": ((0.84, 0.81, 0.83), (0.77, 0.76, 0.77)),
    "U-Net": ((0.82, 0.79, 0.83), (0.75, 0.70, 0.72)),
}
TRIAL_STEPS = 4  # to measure a model's speed
RESERVE = 0.9  # of the budget is planned, the rest is for judging and for a busy machine


@dataclass(frozen=True)
class Job:
    model: str
    sixfold: bool
    leaky: bool
    fold: int

    @property
    def name(self) -> str:
        return f"{self.model}-{'sixfold' if self.sixfold else 'plain'}-{'leaky' if self.leaky else 'honest'}-{self.fold}"

    def settings(self, given: argparse.Namespace, steps: int) -> Settings:
        return Settings(recipe="paper", model=self.model, width=given.width, fold=f"{self.fold}/{FOLDS}", size=given.size,
                        last_size=given.size, batch=given.batch, last_batch=given.batch, steps=steps,
                        sixfold=self.sixfold, leaky=self.leaky)


def jobs(folds: int) -> list[Job]:
    return [Job(model, sixfold, leaky, fold) for fold in range(folds) for leaky in (False, True)
            for sixfold in (True, False) for model in MODELS]


def seconds_per_step(given: argparse.Namespace) -> dict[str, float]:
    """Of every model, from a few steps of each; the first one warms up."""
    out = {}
    for model in MODELS:
        folder = given.out / "trial" / model
        settings = Job(model, False, False, 0).settings(given, TRIAL_STEPS)
        train(settings, folder)
        marks = [json.loads(line)["seconds"] for line in (folder / "log.jsonl").read_text().splitlines()]
        out[model] = (marks[-1] - marks[0]) / (len(marks) - 1)
    return out


def plan(given: argparse.Namespace, speed: dict[str, float]) -> tuple[int, int]:
    """Steps of every run, and folds, that fit the budget."""
    full = EPOCHS * -(-74 * 6 * (FOLDS - 1) // FOLDS // given.batch)
    once = sum(speed[job.model] for job in jobs(1))  # seconds for one step of every run of a fold
    affordable = given.budget * 60 * RESERVE / once
    if affordable <= full:
        return max(1, int(affordable)), 1
    return full, min(FOLDS, int(affordable // full))


def kept_plan(given: argparse.Namespace) -> tuple[int, int]:
    """Steps and folds, as the first call with this --out fixed them. Raises ValueError where that was for other networks."""
    asked = {key: getattr(given, key) for key in ("width", "size", "batch")}
    file = given.out / "plan.json"
    if file.exists():
        kept = json.loads(file.read_text())
        if any(kept[key] != value for key, value in asked.items()) or given.steps not in (None, kept["steps"]):
            raise ValueError(f"{given.out} holds runs of another plan, {kept}: use another --out")
        return kept["steps"], kept["folds"]
    steps, folds = (given.steps, 1) if given.steps else plan(given, seconds_per_step(given))
    given.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"steps": steps, "folds": folds, **asked}))
    return steps, folds


@torch.inference_mode()
def judge(folder: Path, settings: Settings) -> dict:
    """A run's network on its test part, at the size it was trained at: confusion and scores by event."""
    network, _ = raunet.load(folder / "network.pt")
    data = Paper.load(fold_of(settings.fold), settings.seed, settings.sixfold, settings.leaky)
    images, allowed = augment.resized(data.test_images, data.test_allowed, settings.size)
    confusion = np.zeros((4, 4), np.int64)
    scores: dict[str, list] = {event: [] for event in ("GGO", "consolidation", "infection")}
    for image, sets, group in zip(images, allowed.numpy(), data.test_groups, strict=True):
        predicted = network(image[None]).argmax(1)[0].numpy().astype(np.uint8)
        truth = np.log2(sets).astype(np.int64)
        confusion += np.bincount((4 * truth + predicted).ravel(), minlength=16).reshape(4, 4)
        for event in scores:
            scores[event].append(asdict(metrics.score(predicted, sets, metrics.EVENTS[event], group)))
    return {"confusion": confusion.tolist(), "scores": scores}


def collect(done: dict[Job, dict]) -> dict:
    """(protocol, augmentation, model) -> pooled measures over the folds that ran."""
    out = {}
    for key in {(job.leaky, job.sixfold, job.model) for job in done}:
        parts = [done[job] for job in sorted(done, key=lambda j: j.fold) if (job.leaky, job.sixfold, job.model) == key]
        scores = {event: [metrics.Score(**s) for part in parts for s in part["scores"][event]]
                  for event in parts[0]["scores"]}
        out[key] = {"printed": metrics.as_printed(np.sum([part["confusion"] for part in parts], axis=0)),
                    "scores": scores, "folds": len(parts)}
    return out


def markdown(results: dict, left_out: str) -> str:
    lines = [left_out]
    for leaky, title in ((True, "Leaky, as printed"), (False, "Honest, grouped")):
        rows = []
        for sixfold in (True, False):
            for model in MODELS:
                entry = results.get((leaky, sixfold, model))
                if entry is None:
                    continue
                printed = entry["printed"]
                paper = " / ".join(f"{v:.2f}" for v in PAPER[model][0 if sixfold else 1])
                dice = [number(metrics.measures(entry["scores"][event])["dice_pooled"]) for event in entry["scores"]]
                rows.append([model, "six-fold" if sixfold else "none", paper,
                             *(number(printed[k]) for k in ("micro_dice", "macro_dice_with_background",
                                                            "macro_precision", "accuracy_all_background")), *dice])
        lines += [f"## {title}", table(["model", "augmentation", "paper: Dice / accuracy / precision",
                                        "micro Dice = accuracy", "Dice, mean of classes with background", "precision",
                                        "accuracy of all-background", "GGO pooled", "consolidation pooled",
                                        "infection pooled"], rows)]
    rows = []
    for sixfold in (True, False):
        ours = results.get((False, sixfold, "M"))
        for other in MODELS[1:]:
            theirs = results.get((False, sixfold, other))
            if ours and theirs and ours["folds"] == theirs["folds"]:
                for event in ours["scores"]:
                    p = metrics.paired(ours["scores"][event], theirs["scores"][event])
                    rows.append([f"M - {other}", "six-fold" if sixfold else "none", event, f"{p['difference']:+.3f}",
                                 f"{p['low']:+.3f} to {p['high']:+.3f}", number(p["share_not_better"])])
    lines += ["## M against the others, honest: pooled Dice, paired bootstrap over groups",
              table(["pair", "augmentation", "event", "difference", "95 %", "share of resamples <= 0"], rows)]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, required=True, help="minutes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="of every run, on one fold, instead of what the budget allows")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=185, help="side of the pictures; the paper's is 369")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    began = time.monotonic()
    try:
        steps, folds = kept_plan(given)
    except ValueError as error:
        parser.error(str(error))

    done: dict[Job, dict] = {}
    waiting = jobs(folds)
    for job in list(waiting):
        folder = given.out / job.name
        result = folder / "result.json"
        if not result.exists():
            if time.monotonic() - began > given.budget * 60:
                break
            settings = job.settings(given, steps)
            if train(settings, folder).progress < 1:
                break
            result.write_text(json.dumps(judge(folder, settings)))
            print(f"{job.name}: done after {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
        done[job] = json.loads(result.read_text())
        waiting.remove(job)
    epochs = steps * given.batch / (74 * 6 * 0.9)
    left_out = (f"Width {given.width}, {given.size}x{given.size} (paper: 369x369), {steps} steps of {given.batch} in every run, "
                f"{epochs:.1f} epochs of the augmented pictures (paper: {EPOCHS}), {folds} of {FOLDS} folds. "
                + (f"Not run for want of time: {', '.join(job.name for job in waiting)}." if waiting else "All planned runs ran."))
    text = markdown(collect(done), left_out)
    (given.out / "tables.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
