"""The full run, one command: python -m training.full --out runs/full

  1. every fold of the grouped cross validation by the recipe `ours`          OUT/fold0 ...
  2. the density of consolidation, that of a fold chosen on the others        OUT/calibrated
  3. the table of the cross validation, all measures, plots                   OUT/evaluation
  4. the same training on every slice                                         OUT/all
  5. the density chosen on all folds set in it                                OUT/raunet-w<width>.pt
  6. ONNX with its contract and self-check, parity checked                    OUT/raunet-w<width>.onnx

The defaults train to convergence at the size that the service uses: hours on a GPU, days on two cores. Resumable: started
again with the same arguments it goes on where it was; SIGTERM ends it after the current step.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from training import calibrate, evaluate, export
from training.train import Settings, train


def full(settings: Settings, folds: int, out: Path) -> Path | None:
    """settings: of every training; `fold` is set here. Returns the ONNX file; None: a signal asked to stop."""
    runs = [(replace(settings, fold=f"{k}/{folds}"), out / f"fold{k}") for k in range(folds)]
    for one, folder in [*runs, (settings, out / "all")]:
        print(f"{folder}: {'all slices' if one.fold is None else f'without fold {one.fold}'}", flush=True)
        if train(one, folder).progress < 1:
            return None
    consolidation_hu = calibrate.calibrate([folder / "network.pt" for _, folder in runs], out / "calibrated")
    evaluate.evaluate({settings.model: [out / "calibrated" / f"fold{k}.pt" for k in range(folds)]}, out / "evaluation",
                      logs=[folder / "log.jsonl" for _, folder in runs])
    file = out / f"raunet-w{settings.width}.onnx"
    calibrate.calibrated(out / "all" / "network.pt", consolidation_hu, file.with_suffix(".pt"))
    export.export(file.with_suffix(".pt"), file, version="0.0.0-full")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30_000, help="of every training, default %(default)s")
    parser.add_argument("--width", type=int, default=16, help="default %(default)s")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures, default %(default)s; 369 in the last third")
    parser.add_argument("--batch", type=int, default=8, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-negatives", action="store_true", help="without the slices of data/negatives.py, which need the built service")
    parser.add_argument("--threads", type=int, help="CPU threads")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    settings = Settings(width=given.width, size=given.size, last_share=1 / 3, batch=given.batch, last_batch=given.batch,
                        steps=given.steps, seed=given.seed, negatives=not given.no_negatives)
    file = full(settings, given.folds, given.out.resolve())
    if file is None:
        sys.exit("stopped; start it again to go on")
    print(f"To ship it: python -m training.export --checkpoint {file.with_suffix('.pt')} --out {file.name} --version X.Y.Z --default")


if __name__ == "__main__":
    main()
