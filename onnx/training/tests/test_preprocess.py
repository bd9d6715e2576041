"""The preprocessing of the contract: the golden cases that the service reads too, and the rules behind them."""

import gzip
import json

import numpy as np
import pytest
import torch

from training import golden, preprocess
from training.preprocess import Box

CONTENT = json.loads((golden.FOLDER / "cases.json").read_text())
CASES = {case["name"]: case for case in CONTENT["cases"]}


def read(name, kind, shape):
    return np.frombuffer(gzip.decompress((golden.FOLDER / name).read_bytes()), kind).reshape(shape)


def slices(case):
    return read(case["hu"], "<i2", (case["slices"], case["rows"], case["cols"]))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_golden_series_has_its_golden_lung_box(case):
    spacing = tuple(case["spacingMm"])
    stack = slices(case)
    found = [preprocess.slice_lung(hu, spacing) for hu in stack]
    assert [s and {"box": list(s.box), "bodyCentre2": s.body_centre2} for s in found] == case["perSlice"]
    box = preprocess.lung_box(stack, spacing)
    assert (box and list(box)) == case["box"]


@pytest.mark.parametrize("case", [c for c in CASES.values() if c["box"]], ids=[n for n, c in CASES.items() if c["box"]])
def test_a_golden_slice_gives_its_golden_tensor_and_takes_a_mask_back(case):
    box = Box(*case["box"])
    tensor = preprocess.to_tensor(slices(case)[case["tensorSlice"]], box)
    assert tensor.shape == (369, 369) and tensor.dtype == np.float32
    stride = CONTENT["stride"]
    side = len(range(0, 369, stride))
    np.testing.assert_allclose(tensor[::stride, ::stride], read(case["tensor"], "<f4", (side, side)), atol=1e-5)
    back = preprocess.mask_back(golden.formula_mask(), box, (case["rows"], case["cols"]))
    np.testing.assert_array_equal(back, read(case["maskBack"], np.uint8, (case["rows"], case["cols"])))


def test_the_golden_files_are_what_the_generator_makes():
    for name, (stack, _) in golden.stacks().items():
        np.testing.assert_array_equal(slices(CASES[name]), np.stack(stack))


def test_a_couch_that_touches_the_body_does_not_widen_the_box():
    apart, touching = golden.stacks()["chest"], golden.stacks()["couch-touches-body"]
    one, other = preprocess.lung_box(*apart), preprocess.lung_box(*touching)
    assert (one.height, one.width) == (other.height, other.width)


def test_a_white_lung_stays_inside_the_box():
    (hu,), spacing = golden.stacks()["right-lung-white"]
    (healthy,), _ = golden.stacks()["chest"]
    box, normal = preprocess.lung_box([hu], spacing), preprocess.lung_box([healthy], spacing)
    assert box.left <= normal.left and box.right >= normal.right


def test_padding_of_any_value_counts_as_air():
    (hu,), spacing = golden.stacks()["chest"]
    for padding in (-2000, -1024, -3024):
        assert preprocess.lung_box([np.where(hu < -1500, padding, hu)], spacing) == preprocess.lung_box([hu], spacing)


def test_resizing_is_the_usual_half_pixel_bilinear():
    image = np.random.default_rng(0).random((3, 40, 57))
    ours = preprocess.resize(image, (369, 100))
    theirs = torch.nn.functional.interpolate(torch.from_numpy(image)[None], (369, 100), mode="bilinear")[0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_a_mask_comes_back_where_the_crop_was_taken():
    box = Box(30, 50, 230, 290)
    truth = np.zeros((256, 320), np.uint8)
    truth[100:140, 200:260] = 2
    rows = (2 * np.arange(369) + 1) * box.height // (2 * 369)
    cols = (2 * np.arange(369) + 1) * box.width // (2 * 369)
    there = truth[box.top:box.bottom, box.left:box.right][rows][:, cols]
    np.testing.assert_array_equal(preprocess.mask_back(there, box, truth.shape), truth)


def test_the_window_ends_at_zero_and_one():
    np.testing.assert_array_equal(preprocess.windowed(np.array([-2048, -1250, -500, 250, 3000])), [0, 0, 0.5, 1, 1])
