"""Levers: what is left out is left out, a teacher teaches what it is sure of, and the table has a line for each."""

import numpy as np
import pytest
import torch

from training import levers, variants
from training.data import cache, labels, pseudo
from training.networks import raunet
from training.networks.ensemble import Ensemble
from training.recipes import LABELLED, Ours
from training.tests.made_up import SIDE, made_up
from training.train import Settings, train


@pytest.fixture(autouse=True)
def made_up_slices(monkeypatch):
    monkeypatch.setattr(cache, "load", made_up)


@pytest.fixture
def teacher(tmp_path):
    settings = Settings(model="U-Net", steps=1, size=32, last_size=32, batch=2, last_batch=2, fold="0/3", precision="fp32")
    train(settings, tmp_path / "teacher")
    return tmp_path / "teacher" / "network.pt"


class Halves(torch.nn.Module):
    """Surely consolidation where the picture is bright, undecided elsewhere."""

    def forward(self, image):
        logits = torch.zeros(len(image), 4, *image.shape[2:])
        logits[:, labels.CONSOLIDATION] = torch.where(image[:, 0] > 1, 9.0, 0.0)
        return logits


def test_a_teacher_labels_what_it_is_sure_of_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setattr(raunet, "load", lambda file: (Halves(), {"recipe": {"fold": "0/3"}}))
    given = made_up("unlabelled")
    taught = pseudo.pseudo([tmp_path], "0/3")
    assert len(taught) == len(given) / 4  # 12 slices: 0, 5 and 10
    image = given.images[5].astype(np.float32)
    both = (image > 1) & (image[:, ::-1] > 1)  # the slice and its mirror image agree
    either = (image > 1) | (image[:, ::-1] > 1)
    assert (taught.allowed[1][both] == labels.label_set(labels.CONSOLIDATION)).all() and both.any()
    assert (taught.allowed[1][~either] == labels.UNKNOWN).all()


def test_a_teacher_that_saw_what_the_student_is_judged_on_is_refused(teacher):
    with pytest.raises(ValueError, match="fold 0/3.*must leave out the same"):
        pseudo.pseudo([teacher], "1/3")


def test_taught_slices_of_held_out_groups_are_not_seen(teacher):
    taught = pseudo.pseudo([teacher], "0/3")
    ours = Ours.load((0, 3), 0, LABELLED, 1, pseudo_labelled=taught)
    seen = set(ours.data.groups[ours.data.sources == "unlabelled"])
    assert seen and seen < set(taught.groups)
    assert seen <= set(ours.data.groups[ours.data.sources == "covid20"])
    assert sum(ours.shares.values()) == pytest.approx(1)


def test_what_is_left_out_is_not_seen():
    ours = Ours.load((0, 3), 0, ("medseg", "effusion", "pairs"), jitter=0, negatives=True)
    assert set(ours.data.sources) == {"medseg", "effusion", "pairs", "series", "phantom"}
    assert sum(ours.shares.values()) == pytest.approx(1)
    jittered = Ours.load((0, 3), 0, ("medseg", "effusion", "pairs"), jitter=1, negatives=True)
    assert not torch.equal(ours.batch(3, 4, 32)[0], jittered.batch(3, 4, 32)[0])
    assert torch.equal(ours.batch(3, 4, 32)[1], jittered.batch(3, 4, 32)[1])


def test_fluid_is_not_painted_for_patients_who_are_held_out():
    folds = [Ours.load((k, 3), 0, LABELLED, 1, fluid=True) for k in range(3)]
    for ours in folds:
        painted = set(ours.data.groups[ours.data.sources == "fluid"])
        assert painted and painted == set(ours.data.groups[ours.data.sources == "effusion"])
        assert sum(ours.shares.values()) == pytest.approx(1) and ours.shares["fluid"] > 0


@pytest.mark.parametrize("sets", [("pairs",), ("covid20", "pairs")])
def test_a_volume_that_is_held_out_is_held_out_of_pairs_too_whichever_sets_are_seen(sets):
    seen = [set(Ours.load((k, 3), 0, sets, 1).data.groups) for k in range(3)]
    assert set.intersection(*seen) == set()


def test_the_table_has_a_line_for_each_variant_and_a_second_call_trains_nothing_anew(teacher, tmp_path, monkeypatch):
    call = ["variants", "--fold", "0/3", "--steps", "2", "--size", "32", "--batch", "2", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*call, "--variants", "recipe", "no-soft-dice"])
    variants.main()
    before = (tmp_path / "out" / "recipe" / "log.jsonl").read_text()
    monkeypatch.setattr("sys.argv", [*call, "--variants", "recipe", "adamw"])
    variants.main()
    lines = (tmp_path / "out" / "variants.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| recipe", "| recipe, by density", "| adamw",
                                                             "| adamw, by density"]
    assert (tmp_path / "out" / "recipe" / "log.jsonl").read_text() == before
    assert "soft_dice" not in (tmp_path / "out" / "no-soft-dice" / "log.jsonl").read_text()


def test_from_a_start_all_variants_of_its_shape_are_trained_and_others_refused(teacher, tmp_path, monkeypatch, capsys):
    trained = []

    def note(settings, folder):
        trained.append(folder.name)
        return train(Settings(model="U-Net", steps=1, size=32, last_size=32, batch=2, last_batch=2, fold="0/3"), folder)

    monkeypatch.setattr(variants, "train", note)
    call = ["variants", "--fold", "0/3", "--out", str(tmp_path), "--start", str(teacher)]
    monkeypatch.setattr("sys.argv", call)
    variants.main()
    assert {"recipe", "adamw", "self-training"} <= set(trained)
    assert not {"width-32", "cardinality-2", "M-R", "distillation"} & set(trained)
    monkeypatch.setattr("sys.argv", [*call, "--variants", "width-32"])
    with pytest.raises(SystemExit):
        variants.main()
    assert "width-32 is another network" in capsys.readouterr().err


@pytest.mark.parametrize(("variant", "option"), [("self-training", "--start"), ("distillation", "--teachers")])
def test_a_student_without_a_teacher_is_refused(tmp_path, monkeypatch, capsys, variant, option):
    monkeypatch.setattr("sys.argv", ["variants", "--fold", "0/3", "--out", str(tmp_path), "--variants", variant])
    with pytest.raises(SystemExit):
        variants.main()
    assert f"{variant} needs {option}" in capsys.readouterr().err


def test_teachers_answer_as_one_and_a_network_for_all_slices_may_learn_from_each_fold(monkeypatch, tmp_path):
    class Never(Halves):
        def forward(self, image):
            return -super().forward(image)

    networks = {"a": (Halves(), {"recipe": {"fold": "0/3"}}), "b": (Never(), {"recipe": {"fold": "1/3"}})}
    monkeypatch.setattr(raunet, "load", lambda file: networks[file.name])
    alone = pseudo.pseudo([tmp_path / "a"], None)
    both = pseudo.pseudo([tmp_path / "a", tmp_path / "b"], None)
    assert (alone.allowed != labels.UNKNOWN).any() and (both.allowed == labels.UNKNOWN).all()


def test_levers_without_training_have_two_lines_each_and_second_runs_must_leave_out_the_same_folds(tmp_path):
    def runs(seed):
        for k in range(2):
            train(Settings(model="U-Net", steps=2, size=32, last_size=32, batch=2, last_batch=2, fold=f"{k}/2", seed=seed,
                           precision="fp32"), tmp_path / f"{seed}-{k}")
        return [tmp_path / f"{seed}-{k}" for k in range(2)]

    first, second = runs(1), runs(2)
    names = [row[0] for row in levers.rows(first, second)]
    assert names[6:] == ["average, with that of a second run", "average, with that of a second run, by density"]
    assert len(levers.rows(first, [])) == 6
    with pytest.raises(ValueError, match="in their order"):
        levers.rows(first, second[::-1])


def test_an_ensemble_is_the_mean_of_its_members_and_of_the_mirrored_slice():
    class Left(torch.nn.Module):  # 1 in the left half
        def forward(self, image):
            out = torch.zeros_like(image)
            out[..., : image.shape[3] // 2] = 1
            return out

    image = torch.rand(2, 1, 4, 4)
    assert torch.equal(Ensemble([Left(), torch.nn.Identity()])(image), (Left()(image) + image) / 2)
    assert (Ensemble([Left()], mirrored=True)(image) == 0.5).all()
