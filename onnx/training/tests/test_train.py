"""Training: resumable, seeded, stoppable. Made-up slices stand in for the cache."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from training import checkpoint
from training.data import cache, labels
from training.data.cache import Dataset
from training.muon import Muon, orthogonal
from training.networks import raunet
from training.networks.lsh_attention import LSHAttention
from training.recipes import LABELLED, Ours, Paper, split
from training.tests.made_up import SIDE, made_up
from training.train import Settings, parse, train


@pytest.fixture(autouse=True)
def made_up_slices(monkeypatch):
    monkeypatch.setattr(cache, "load", made_up)


SHORT = Settings(steps=6, size=32, batch=2, last_size=48, last_batch=2, last_share=0.4, fold="0/3", precision="fp32")


def weights(folder):
    return raunet.load(folder / "network.pt")[0].state_dict()


def test_the_cardinality_asked_for_is_trained_and_kept_with_the_weights(tmp_path):
    train(replace(SHORT, model="M-A", steps=1, cardinality=2), tmp_path)
    network = raunet.load(tmp_path / "network.pt")[0]
    assert {module.groups for module in network.modules() if isinstance(module, torch.nn.Conv2d)} == {1, 2}


@pytest.mark.parametrize("recipe, optimizer", [("ours", "adamw"), ("ours", "muon"), ("paper", "adamw")])
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, recipe, optimizer):
    settings = replace(SHORT, recipe=recipe, optimizer=optimizer)
    train(settings, tmp_path / "whole")

    broken = tmp_path / "broken"
    from training import train as module

    class StopAfterTwo(module.Run):
        def train_step(self):
            entry = super().train_step()
            if self.step in (2, 4):
                os.kill(os.getpid(), signal.SIGTERM)
            return entry

    original = module.Run
    module.Run = StopAfterTwo
    try:
        assert train(settings, broken).step == 2
        assert train(settings, broken).step == 4
    finally:
        module.Run = original
    assert train(settings, broken).step == 6

    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(broken)[name]), name
    steps = [json.loads(line)["step"] for line in (broken / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_steps_that_a_killed_run_logged_but_did_not_save_are_logged_once(tmp_path):
    settings = replace(SHORT, model="U-Net")
    train(replace(settings), tmp_path / "whole")
    log, state = tmp_path / "whole" / "log.jsonl", torch.load(tmp_path / "whole" / "state.pt", weights_only=True)
    torch.save(state | {"step": 3}, tmp_path / "whole" / "state.pt")
    log.write_text(log.read_text() + '{"step": 7, "sec')
    train(settings, tmp_path / "whole")
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_start_that_saw_the_held_out_groups_is_refused(tmp_path):
    train(replace(SHORT, model="U-Net", steps=1), tmp_path / "fold0")
    train(replace(SHORT, model="U-Net", steps=1, fold=None), tmp_path / "all")
    train(replace(SHORT, recipe="paper", model="U-Net", steps=1, leaky=True), tmp_path / "leaky")
    for other in ("all", "leaky"):
        with pytest.raises(ValueError, match="saw slices of every group; it must leave out the same"):
            train(replace(SHORT, model="U-Net", start=str(tmp_path / other / "network.pt")), tmp_path / "next")
    with pytest.raises(ValueError, match="left out fold 0/3"):
        train(replace(SHORT, model="U-Net", fold="1/3", start=str(tmp_path / "fold0" / "network.pt")), tmp_path / "next")
    train(replace(SHORT, model="U-Net", steps=1, fold=None, start=str(tmp_path / "fold0" / "network.pt")), tmp_path / "next")


def test_the_options_of_the_network_are_trained_and_kept_with_the_weights(tmp_path):
    asked = parse(["--steps", "1", "--attention-levels", "3", "--rounds", "3", "--chunk", "16", "--sigmoid"])[0]
    train(replace(SHORT, model="M", steps=1, **{key: getattr(asked, key) for key in
                                                ("attention_levels", "rounds", "chunk", "sigmoid")}), tmp_path)
    network = raunet.load(tmp_path / "network.pt")[0]
    [attention] = [module for module in network.modules() if isinstance(module, LSHAttention)]
    assert (len(attention.rotations), attention.chunk, network.sigmoid) == (3, 16, True)
    assert network.decoder[0].attention is attention


def test_epochs_are_of_the_papers_recipe(capsys):
    with pytest.raises(SystemExit):
        parse(["--recipe", "ours", "--epochs", "3"])
    assert "--epochs counts the pictures of the recipe paper" in capsys.readouterr().err


def test_a_folder_of_other_settings_is_refused(tmp_path):
    train(replace(SHORT, steps=1), tmp_path)
    with pytest.raises(ValueError, match="other settings"):
        train(replace(SHORT, steps=2), tmp_path)


def test_seeds_decide_what_is_seen():
    data = Ours.load((0, 3), 0, LABELLED, 1)
    assert torch.equal(data.batch(5, 4, 32)[0], Ours.load((0, 3), 0, LABELLED, 1).batch(5, 4, 32)[0])
    assert not torch.equal(data.batch(5, 4, 32)[0], data.batch(6, 4, 32)[0])
    assert not torch.equal(data.batch(5, 4, 32)[0], Ours.load((0, 3), 1, LABELLED, 1).batch(5, 4, 32)[0])


def test_no_group_is_on_both_sides_of_any_split():
    data = cache.join([cache.load(source) for source in ("medseg", "effusion", "covid20", "pairs")])
    tested = []
    for k in range(5):
        train_on, test_on = split(data, (k, 5))
        assert not set(data.groups[train_on]) & set(data.groups[test_on])
        tested += list(test_on)
    assert sorted(tested) == list(range(len(data)))


def test_negatives_are_seen_in_every_fold_unless_they_are_of_a_patient_held_out(monkeypatch):
    load = cache.load

    def with_negatives(source):
        if source not in ("series", "phantom"):
            return load(source)
        background = np.full((2, SIDE, SIDE), labels.label_set(labels.BACKGROUND), np.uint8)
        groups = {"series": ["effusion-0", "series-1"], "phantom": ["phantom-1", "phantom-2"]}[source]
        return Dataset(np.zeros((2, SIDE, SIDE), np.float16), background, np.array([source] * 2), np.array(["a", "b"]),
                       np.array(groups))

    monkeypatch.setattr(cache, "load", with_negatives)
    folds = [Ours.load((k, 5), 0, LABELLED, 1, negatives=True).data for k in range(5)]
    assert all({"series-1", "phantom-1", "phantom-2"} <= set(data.groups) for data in folds)
    seen = [("effusion-0" in data.groups[data.sources == "effusion"], "effusion-0" in data.groups[data.sources == "series"])
            for data in folds]
    assert sorted(seen) == [(False, False)] + [(True, True)] * 4
    plain = Ours.load((0, 5), 0, LABELLED, 1).data
    assert set(plain.sources) == {"medseg", "effusion", "covid20", "pairs"}


def test_honest_paper_recipe_augments_the_training_part_only_and_the_leaky_one_before_the_split():
    honest = Paper.load((0, 3), 0, sixfold=True, leaky=False)
    assert len(honest.test_images) + len(honest.images) / 6 == 12
    leaky = Paper.load((0, 3), 0, sixfold=True, leaky=True)
    assert len(leaky.images) + len(leaky.test_images) == 72


def test_an_epoch_of_the_papers_recipe_sees_every_picture_once():
    paper = Paper.load(None, 0, sixfold=False, leaky=False)
    batches = [paper.batch(step, 5, SIDE)[0] for step in range(paper.steps_per_epoch(5))]
    assert sum(len(b) for b in batches) == 12
    sums = sorted(float(image.sum()) for b in batches for image in b)
    np.testing.assert_allclose(sums, sorted(float(i.sum()) for i in paper.images), rtol=1e-4)


def test_the_papers_recipe_gives_every_pixel_one_class():
    paper = Paper.load(None, 0, sixfold=True, leaky=False)
    assert {bin(value).count("1") for value in paper.allowed.unique().tolist()} == {1}


def test_a_network_tells_where_it_began_but_nothing_of_the_machine(tmp_path):
    train(SHORT, tmp_path / "first")
    train(replace(SHORT, start=str(tmp_path / "first" / "network.pt")), tmp_path / "second")
    assert raunet.load(tmp_path / "second" / "network.pt")[1]["recipe"]["start"] == "network.pt"
    assert str(tmp_path).encode() not in (tmp_path / "second" / "network.pt").read_bytes()
    assert checkpoint.portable(str(checkpoint.ONNX / "checkpoints" / "a.pt")) == "checkpoints/a.pt"
    assert checkpoint.portable("runs/a.pt") == "runs/a.pt"


@pytest.mark.parametrize("shape", [(16, 144), (64, 16), (8, 8)])
def test_muon_turns_a_matrix_into_the_nearest_orthogonal_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    assert found.shape == matrix.shape
    assert torch.linalg.svdvals(found).sub(0.95).abs().max() < 0.3
    assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), 0) > 0.97


def test_muon_takes_steps_of_the_size_of_adamws_and_leaves_nothing_out():
    network = raunet.build(width=8)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = Muon(network.parameters(), lr=0.01, weight_decay=0)
    generator = torch.Generator().manual_seed(1)
    for p in network.parameters():
        p.grad = torch.randn(p.shape, generator=generator)
    optimizer.step()
    for name, p in network.named_parameters():
        step = (p.detach() - before[name]).square().mean().sqrt()
        assert 0.0005 < step < 0.011, (name, step)
