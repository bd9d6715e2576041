"""Files of a run: network.pt, to judge and export (networks.raunet.load reads it), and state.pt, to go on from."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def write(content: dict[str, Any], path: Path) -> None:
    """Written beside and renamed, so that a stop in mid-write leaves the older file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    torch.save(content, beside)
    os.replace(beside, path)


ONNX = Path(__file__).resolve().parents[1]


def portable(start: str) -> str:
    """A path that says nothing of this machine: from onnx/ on, where all commands run, or the name alone."""
    path = Path(start)
    if not path.is_absolute():
        return start
    return str(path.relative_to(ONNX)) if path.is_relative_to(ONNX) else path.name


def write_network(weights: dict[str, Tensor], recipe: dict[str, Any], step: int, path: Path) -> None:
    """recipe: the run's settings, its model and width among them, kept for the model card."""
    if recipe.get("start"):
        recipe = recipe | {"start": portable(recipe["start"])}
    if recipe.get("teachers"):
        recipe = recipe | {"teachers": list(map(portable, recipe["teachers"]))}
    options = {key: recipe[key] for key in ("cardinality", "consolidation_hu") if recipe.get(key) is not None}
    write({"model": recipe["model"], "width": recipe["width"], "options": options, "state_dict": weights,
           "recipe": recipe, "step": step}, path)

