"""Files of a run: network.pt, to judge and export (networks.raunet.load reads it), and state.pt, to go on from."""

import os
from collections.abc import Mapping
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


def write_text(text: str, path: Path) -> None:
    """Likewise."""
    beside = path.with_suffix(".part")
    beside.write_text(text)
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
    write({"model": recipe["model"], "width": recipe["width"], "options": options(recipe), "state_dict": weights,
           "recipe": recipe, "step": step}, path)


OPTIONS = ("cardinality", "attention_levels", "rounds", "chunk", "sigmoid", "consolidation_hu")


def options(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What raunet.build is told beside model and width."""
    return {key: recipe[key] for key in OPTIONS if recipe.get(key) is not None and recipe[key] is not False}


def left_out(recipe: Mapping[str, Any]) -> str | None:
    """The fold "k/n" whose groups the weights never saw; None: they saw slices of every group."""
    return None if recipe.get("leaky") else recipe.get("fold")


def must_leave_out(fold: str | None, file: Path, recipe: Mapping[str, Any]) -> None:
    """Raises ValueError for a network that saw slices of the fold: nothing that is judged there may learn from it."""
    if fold not in (None, left_out(recipe)):
        seen = f"left out fold {left_out(recipe)}" if left_out(recipe) else "saw slices of every group"
        raise ValueError(f"{file} {seen}; it must leave out the same as this run: fold {fold}")
