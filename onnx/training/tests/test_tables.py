"""The runner of tables I and II: equal steps for all, within the budget, and honest about the rest."""

import argparse

import pytest

from training import metrics, tables

SPEED = {"M": 0.4, "M-A": 0.2, "M-R": 0.3, "U-Net": 0.1}


def given(minutes):
    return argparse.Namespace(budget=minutes, batch=8, width=16, size=185)


def test_a_small_budget_is_spent_on_one_fold_with_equal_steps():
    steps, folds = tables.plan(given(10), SPEED)
    assert folds == 1
    spent = sum(SPEED[job.model] for job in tables.jobs(folds)) * steps
    assert 0.8 * 600 < spent <= 600


def test_a_large_budget_runs_the_papers_epochs_and_folds():
    steps, folds = tables.plan(given(1e6), SPEED)
    assert folds == 10
    assert steps * 8 == pytest.approx(100 * 400, rel=0.02)


def test_a_second_call_goes_on_with_the_plan_of_the_first_and_no_other(tmp_path):
    first = argparse.Namespace(out=tmp_path / "out", steps=150, budget=10, batch=8, width=16, size=185)
    assert tables.kept_plan(first) == (150, 1)
    assert tables.kept_plan(argparse.Namespace(**vars(first) | {"steps": None, "budget": 999})) == (150, 1)
    for other in ({"size": 369}, {"width": 32}, {"batch": 4}, {"steps": 151}):
        with pytest.raises(ValueError, match="another --out"):
            tables.kept_plan(argparse.Namespace(**vars(first) | other))


def test_every_model_runs_in_every_protocol():
    assert len(tables.jobs(1)) == 16
    assert len({job.name for job in tables.jobs(10)}) == 160


def test_the_tables_put_the_papers_numbers_beside_ours_and_name_what_is_missing():
    nan = float("nan")
    scores = {event: [vars(metrics.Score(f"g{i}", 5, 5, 5, nan, nan)) for i in range(4)]
              for event in ("GGO", "consolidation", "infection")}
    part = {"confusion": [[80, 5, 0, 0], [5, 5, 0, 0], [2, 0, 3, 0], [0, 0, 0, 0]], "scores": scores}
    done = {job: part for job in tables.jobs(1) if job.model != "M-R"}
    text = tables.markdown(tables.collect(done), "M-R did not run.")
    assert text.startswith("M-R did not run.")
    assert "| M | six-fold | 0.94 / 0.89 / 0.95 | 0.880 |" in text
    assert "| M - U-Net | none | GGO | +0.000 |" in text
    assert "| M-R |" not in text
