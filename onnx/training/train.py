"""Trains one network: python -m training.train --recipe ours --model M --width 16 --fold 0/5 --minutes 40

The run's folder (--out) holds settings.json, log.jsonl (one object a line: step, seconds, rate, cross_entropy and, where
it is in the loss, soft_dice), state.pt to go on from and network.pt, the averaged weights, to judge or export. Started
again with the same folder it goes on where it was; SIGTERM and SIGINT end it after the current step, with everything
saved.
"""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from training import checkpoint, losses
from training.data.pseudo import pseudo
from training.muon import Muon
from training.networks import raunet
from training.recipes import LABELLED, Ours, Paper

RUNS = Path(__file__).resolve().parent / "runs"
WARM_UP = 50  # steps
PAUSE = 30.0  # a step that took longer was paused from outside: it counts as this many seconds
SAVE_EVERY = 120.0  # seconds


@dataclass
class Settings:
    """Everything that decides the weights; a resumed run must have the same."""

    recipe: str = "ours"
    model: str = "M"
    width: int = 16
    cardinality: int | None = None  # branches of a ResNeXt block; None, here and below: as raunet.build has it
    attention_levels: tuple[int, ...] | None = None
    rounds: int | None = None
    chunk: int | None = None
    sigmoid: bool = False
    fold: str | None = None  # "k/n": leave out fold k of n
    seed: int = 0
    size: int = 369  # side of the training pictures ...
    last_size: int = 369  # ... and in the last part of the run
    last_share: float = 0.0  # how much of the run that part is
    batch: int = 8
    last_batch: int = 4
    optimizer: str = "muon"  # recipe ours: adamw or muon
    rate: float = 1e-2  # recipe ours
    ema: float = 0.998
    minutes: float | None = None  # budget of training time; or
    steps: int | None = None  # budget of steps; the rate falls to 0 at its end
    sets: tuple[str, ...] = ("medseg", "effusion", "pairs")  # recipe ours: of recipes.LABELLED
    jitter: float = 0.5  # recipe ours: of window, gamma and noise; 1 is that of augment.random_greys
    soft_dice: bool = True  # recipe ours: beside the cross entropy
    negatives: bool = False  # recipe ours: slices of whole series and of the phantom beside the labelled sets
    fluid: bool = False  # recipe ours: slices with painted effusions beside them
    teachers: tuple[str, ...] = ()  # recipe ours: network.pt files whose answers on `unlabelled` are seen too
    sixfold: bool = False  # recipe paper: offline augmentation
    leaky: bool = False  # recipe paper: augmentation before the split
    start: str | None = None  # network.pt to start from
    precision: str = "bf16"  # of the convolutions: bf16 or fp32; weights and losses are fp32


def fold_of(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    k, n = map(int, text.split("/"))
    if not 0 <= k < n:
        raise ValueError(f"fold {text}: k/n with 0 <= k < n")
    return k, n


class Run:
    """One training, at some step of it."""

    def __init__(self, settings: Settings, folder: Path):
        self.settings, self.folder = settings, folder
        torch.manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = self.fresh().train()
        if settings.start:
            start, content = raunet.load(Path(settings.start))
            checkpoint.must_leave_out(settings.fold, Path(settings.start), content["recipe"])
            self.network.load_state_dict(start.state_dict())
        self.average = self.fresh().eval()
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = self.fresh_optimizer()
        fold = fold_of(settings.fold)
        taught = pseudo(list(map(Path, settings.teachers)), settings.fold) if settings.teachers else None
        self.data = (Ours.load(fold, settings.seed, settings.sets, settings.jitter, settings.negatives, settings.fluid, taught)
                     if settings.recipe == "ours" else Paper.load(fold, settings.seed, settings.sixfold, settings.leaky))
        self.step, self.seconds = 0, 0.0
        state = folder / "state.pt"
        if state.exists():
            self.resume(torch.load(state, map_location=self.device, weights_only=True))

    def fresh(self) -> nn.Module:
        network = raunet.build(self.settings.model, self.settings.width, **checkpoint.options(asdict(self.settings)))
        return network.to(self.device, memory_format=torch.channels_last)  # faster on CPU and GPU alike

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        parameters, rate = self.network.parameters(), self.settings.rate
        if self.settings.recipe == "paper":
            return torch.optim.Adam(parameters)
        kind = {"adamw": torch.optim.AdamW, "muon": Muon}[self.settings.optimizer]
        return kind(parameters, rate, weight_decay=1e-2)

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the budget is spent."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        return self.seconds / 60 / self.settings.minutes

    def train_step(self) -> dict[str, float]:
        s, progress = self.settings, self.progress
        last = progress >= 1 - s.last_share
        image, allowed = self.data.batch(self.step, s.last_batch if last else s.batch, s.last_size if last else s.size)
        image = image.to(self.device, memory_format=torch.channels_last)
        allowed = allowed.to(self.device)
        if s.recipe == "ours":
            rate = s.rate * (1 - progress) ** 0.9 * min(1, (self.step + 1) / WARM_UP)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=s.precision == "bf16"):
            logits = self.network(image)
        logits = logits.float()
        loss = losses.marginal_cross_entropy(logits, allowed)
        entry = {"cross_entropy": loss.item()}
        if s.recipe == "ours" and s.soft_dice:
            dice = losses.soft_dice(logits, allowed)
            entry["soft_dice"] = dice.item()
            loss = loss + dice
        if not torch.isfinite(loss):
            raise FloatingPointError(f"loss {loss.item()} at step {self.step}: try a lower --rate or --precision fp32")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self.follow(min(s.ema, self.step / (self.step + 10)) if s.recipe == "ours" else 0.0)
        return entry

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Exponential moving average of the weights and of the batch normalisation's statistics."""
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def save(self) -> None:
        checkpoint.write({"settings": asdict(self.settings), "step": self.step, "seconds": self.seconds,
                          "network": self.network.state_dict(), "average": self.average.state_dict(),
                          "optimizer": self.optimizer.state_dict()}, self.folder / "state.pt")
        recipe = asdict(self.settings) | {"minutes_done": round(self.seconds / 60, 1)}
        checkpoint.write_network(self.average.state_dict(), recipe, self.step, self.folder / "network.pt")

    def resume(self, state: dict) -> None:
        if Settings(**state["settings"]) != self.settings:
            raise ValueError(f"{self.folder} holds a run with other settings: {state['settings']}. Use another --out.")
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def train(settings: Settings, folder: Path) -> Run:
    """Trains until the budget is spent or a signal asks to stop. Returns the run at its last step."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(settings, folder)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n")
    forget_after(run.step, folder / "log.jsonl")
    stop = []
    former = {number: signal.signal(number, lambda number, _: stop.append(number))
              for number in (signal.SIGTERM, signal.SIGINT)}
    saved = time.monotonic()
    try:
        with open(folder / "log.jsonl", "a", buffering=1) as log:
            while run.progress < 1 and not stop:
                began = time.monotonic()
                entry = run.train_step()
                run.seconds += min(time.monotonic() - began, PAUSE)
                log.write(json.dumps({"step": run.step, "seconds": round(run.seconds, 2),
                                      "rate": run.optimizer.param_groups[0]["lr"],
                                      **{k: round(v, 5) for k, v in entry.items()}}) + "\n")
                show(run, entry)
                if time.monotonic() - saved > SAVE_EVERY:
                    run.save()
                    saved = time.monotonic()
        run.save()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return run


def forget_after(step: int, log: Path) -> None:
    """Drops what a killed run logged after it was last saved: those steps are taken again."""
    if log.exists():
        lines = log.read_text().splitlines(keepends=True)
        checkpoint.write_text("".join(line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step), log)


def show(run: Run, entry: dict[str, float]) -> None:
    if sys.stderr.isatty():
        bar = "#" * int(40 * min(1, run.progress))
        text = " ".join(f"{k} {v:.3f}" for k, v in entry.items())
        print(f"\r[{bar:40}] step {run.step} {run.seconds / 60:.1f} min {text} ", end="", file=sys.stderr, flush=True)


def parse(arguments: list[str] | None = None) -> tuple[Settings, Path]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    d = Settings()
    parser.add_argument("--recipe", choices=("paper", "ours"), default=d.recipe)
    parser.add_argument("--model", choices=("M", "M-A", "M-R", "U-Net"), default=d.model)
    parser.add_argument("--width", type=int, default=d.width)
    parser.add_argument("--cardinality", type=int, help="branches of a ResNeXt block, a divisor of width / 2, the default")
    parser.add_argument("--attention-levels", type=int, nargs="*", help="0 to 3: where the skips are attended to, default 2 3")
    parser.add_argument("--rounds", type=int, help="hash rounds of the attention, default 2")
    parser.add_argument("--chunk", type=int, help="its chunk length, default 64")
    parser.add_argument("--sigmoid", action="store_true", help="the paper's last activation")
    parser.add_argument("--fold", help="k/n: leave fold k of n out, by groups; default: train on everything")
    parser.add_argument("--seed", type=int, default=d.seed)
    parser.add_argument("--size", type=int, default=d.size, help="side of the training pictures, default %(default)s")
    parser.add_argument("--last-size", type=int, default=d.last_size, help="their side in the last part of the run")
    parser.add_argument("--last-share", type=float, default=d.last_share, help="how much of the run that part is, 0 to 1")
    parser.add_argument("--batch", type=int, default=d.batch)
    parser.add_argument("--last-batch", type=int, default=d.last_batch)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default=d.optimizer, help="recipe ours")
    parser.add_argument("--rate", type=float, default=d.rate, help="recipe ours, default %(default)s")
    parser.add_argument("--ema", type=float, default=d.ema)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--epochs", type=int, help="recipe paper: passes over the (augmented) pictures")
    parser.add_argument("--sets", nargs="+", choices=LABELLED, default=d.sets, help="recipe ours, default %(default)s")
    parser.add_argument("--jitter", type=float, default=d.jitter, help="of window, gamma and noise; recipe ours, default %(default)s")
    parser.add_argument("--no-soft-dice", dest="soft_dice", action="store_false", help="recipe ours: cross entropy alone")
    parser.add_argument("--negatives", action="store_true", help="recipe ours: lesion-free slices, see data/negatives.py")
    parser.add_argument("--fluid", action="store_true", help="recipe ours: slices with painted effusions, see data/fluid.py")
    parser.add_argument("--teachers", nargs="+", default=d.teachers, metavar="FILE",
                        help="recipe ours: network.pt, or several as one, whose sure answers on `unlabelled` are learnt too")
    parser.add_argument("--sixfold", action="store_true", help="recipe paper: its offline six-fold augmentation")
    parser.add_argument("--leaky", action="store_true", help="recipe paper: augment before splitting, as printed")
    parser.add_argument("--start", help="network.pt of another run to start from")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default=d.precision)
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--out", type=Path, help="folder of the run, default runs/<recipe>-<model>-w<width>-<fold>")
    given = vars(parser.parse_args(arguments))
    out, threads, epochs = (given.pop(key) for key in ("out", "threads", "epochs"))
    if threads:
        torch.set_num_threads(threads)
    tuples = {key: tuple(given[key]) for key in ("sets", "teachers", "attention_levels") if given[key] is not None}
    settings = Settings(**given | tuples)
    if epochs is not None:
        if settings.recipe != "paper":
            parser.error("--epochs counts the pictures of the recipe paper; the recipe ours takes --steps or --minutes")
        data = Paper.load(fold_of(settings.fold), settings.seed, settings.sixfold, settings.leaky)
        settings.steps = epochs * data.steps_per_epoch(settings.batch)
    fold = (settings.fold or "all").replace("/", "of")
    return settings, out or RUNS / f"{settings.recipe}-{settings.model}-w{settings.width}-{fold}"


def main() -> None:
    settings, folder = parse()
    try:
        run = train(settings, folder)
    except ValueError as error:
        sys.exit(str(error))
    state = "done" if run.progress >= 1 else "stopped; start it again to go on"
    print(f"{state}: {run.step} steps, {run.seconds / 60:.1f} minutes, {folder / 'network.pt'}")


if __name__ == "__main__":
    main()
