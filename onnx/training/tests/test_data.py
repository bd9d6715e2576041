"""Label sets, groups, pictures, augmentation."""

from collections import Counter

import numpy as np
import pytest
import torch

from training import augment
from training.data import labels
from training.data.folds import fold_of_groups, slices_per_group
from training.data.pairs import best_offset
from training.data.pictures import unit_from_grey, upright
from training.data.sources import COVID20_STEMS


def test_each_sets_mask_values_become_the_classes_they_leave_open():
    mask = np.array([[0, 1], [2, 0]], np.uint8)
    np.testing.assert_array_equal(labels.allowed(mask, labels.MEDSEG), [[0b1001, 0b0010], [0b0100, 0b1001]])
    np.testing.assert_array_equal(labels.allowed(mask % 2, labels.EFFUSIONS), [[0b0111, 0b1000], [0b0111, 0b0111]])
    np.testing.assert_array_equal(labels.allowed(mask % 2, labels.COVID20), [[0b1001, 0b0110], [0b1001, 0b1001]])


def test_a_mask_value_that_the_set_does_not_have_is_an_error():
    with pytest.raises(KeyError):
        labels.allowed(np.array([[3]], np.uint8), labels.MEDSEG)


def test_every_group_lies_in_one_fold_and_every_source_is_spread_over_all():
    names = [("medseg", f"medseg-{i // 3}", f"{i}") for i in range(70)]
    names += [("effusion", f"effusion-P{i // 16}", f"{i}") for i in range(128)]
    of_group = fold_of_groups(slices_per_group(names + names[:40]), 5)
    assert set(of_group) == {group for _, group, _ in names}
    load = Counter((group.split("-")[0], of_group[group]) for _, group, _ in names)
    assert max(load["medseg", k] for k in range(5)) - min(load["medseg", k] for k in range(5)) <= 3
    assert all(load["effusion", k] for k in range(5))


def test_the_split_depends_on_nothing_but_the_groups():
    sizes = {f"medseg-{i}": 1 + i % 4 for i in range(30)}
    backwards = dict(reversed(sizes.items()))
    assert fold_of_groups(sizes, 5) == fold_of_groups(backwards, 5)


def test_slices_shown_twice_do_not_move_a_group_to_another_fold():
    names = [("covid20", f"volume-{i // 4}", f"{i}") for i in range(40)]
    assert slices_per_group(names) == slices_per_group(names + [("pairs", "volume-3", f"p{i}") for i in range(30)])


@pytest.mark.parametrize("true", [-3, 0, 39])
def test_the_offset_between_two_numberings_is_found_despite_lookalike_neighbours(true):
    numbers = list(range(10, 60, 5))
    likeness = np.random.default_rng(0).random((len(numbers), 70)) * 0.3
    for row, number in zip(likeness, numbers, strict=True):
        for near, value in ((-1, 0.55), (0, 0.6), (1, 0.55)):
            if 0 <= number - true - 1 + near < 70:
                row[number - true - 1 + near] += value
    assert best_offset(numbers, likeness) == true


def test_the_twenty_volumes_have_twenty_names():
    assert len(set(COVID20_STEMS)) == 20


def test_upright_swaps_rows_and_columns_and_is_its_own_inverse():
    stored = np.arange(12).reshape(3, 4)
    assert upright(stored)[1, 2] == stored[2, 1]
    np.testing.assert_array_equal(upright(upright(stored)), stored)


@pytest.mark.parametrize(("low", "high"), [(-1250, 250), (-1400, 300), (-1100, 100), (-1024, 1500)])
def test_a_pictures_own_greys_undo_its_window(low, high):
    rng = np.random.default_rng(0)
    hu = np.full((300, 400), -860.0)  # lung
    hu[:, 150:260] = 40  # mediastinum
    hu[:12, :120] = -950  # trachea
    hu[40:120, 300:380] = -500  # ground glass
    hu += rng.normal(0, 15, hu.shape)
    grey = np.clip((hu - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)
    unit = unit_from_grey(grey)
    assert unit[60:100, 320:360].mean() == pytest.approx((-500 + 1250) / 1500, abs=0.04)
    assert unit[200:, 160:250].mean() == pytest.approx((40 + 1250) / 1500, abs=0.03)


def greys(hu, low, high):
    noisy = hu + np.random.default_rng(0).normal(0, 15, hu.shape)
    return np.clip((noisy - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("window", [(-1350, 150), (-1200, 200), (-1250, 250)])
def test_soft_tissue_is_neither_the_bone_that_the_window_cuts_off_nor_the_fat(window):
    hu = np.full((300, 400), -860.0)
    hu[:, 150:230] = 40  # muscle and blood
    hu[:, 230:320] = -100  # more fat
    hu[280:, :] = 700  # spine: white, of one grey
    hu[:12, :120] = -950
    unit = unit_from_grey(greys(hu, *window))
    assert unit[20:270, 150:230].mean() == pytest.approx((40 + 1250) / 1500, abs=0.03)
    assert unit[20:270, :150].mean() == pytest.approx((-860 + 1250) / 1500, abs=0.03)


def test_fat_is_not_taken_for_air_in_a_picture_without_air():
    hu = np.full((300, 400), 20.0)  # both lungs full of fluid
    hu[:, :40] = -100
    unit = unit_from_grey(greys(hu, -1350, 150))
    assert unit[:, 40:].mean() == pytest.approx((20 + 1250) / 1500, abs=0.03)
    assert unit[:, :40].mean() == pytest.approx((-100 + 1250) / 1500, abs=0.03)


def test_a_picture_of_one_grey_does_not_fail():
    assert np.isfinite(unit_from_grey(np.full((20, 20), 255, np.uint8))).all()
    assert np.isfinite(unit_from_grey(np.zeros((20, 20), np.uint8))).all()


def picture_and_labels():
    image = torch.zeros(1, 1, 64, 64)
    image[0, 0, 10:30, 20:50] = 1
    allowed = torch.full((1, 64, 64), labels.label_set(0), dtype=torch.uint8)
    allowed[0, 10:30, 20:50] = labels.label_set(2)
    return image, allowed


def test_labels_move_with_the_picture_and_nothing_is_known_outside_of_it():
    image, allowed = picture_and_labels()
    warped, sets = augment.warp(image, allowed, augment.random_grid(1, 64, torch.Generator().manual_seed(3)))
    lesion = sets[0] == labels.label_set(2)
    assert lesion.sum() > 50
    assert warped[0, 0][lesion].mean() > 0.9
    assert (sets == 0).sum() == 0
    assert (sets == labels.UNKNOWN).sum() > 0


def test_the_same_seed_draws_the_same_augmentation():
    image, allowed = picture_and_labels()
    draws = [augment.online(image, allowed, 48, torch.ones(1), torch.Generator().manual_seed(s)) for s in (5, 5, 6)]
    assert torch.equal(draws[0][0], draws[1][0]) and torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(draws[0][0], draws[2][0])


def test_the_papers_augmentation_makes_six_of_one_with_labels_in_place():
    image, allowed = picture_and_labels()
    images, sets = augment.paper_sixfold(image, allowed)
    assert len(images) == len(sets) == 6
    for picture, labelled in zip(images[:, 0], sets, strict=True):
        assert torch.equal(picture > 0.5, labelled == labels.label_set(2)) or (
            (picture > 0.5) ^ (labelled == labels.label_set(2))).float().mean() < 0.02
    lesion = [(s == labels.label_set(2)).sum().item() for s in sets]
    assert lesion[:4] == [600] * 4
    assert lesion[4] == pytest.approx(150, abs=30) and lesion[5] > 800
