"""Predict: what lies in --out is what the caller's files ask for. The network here marks by grey, so places are known."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from training import golden, predict, preprocess
from training.preprocess import SIZE


def by_grey(image):
    """Class 1 where the tensor is at ground-glass level, else background."""
    assert image.shape == (SIZE, SIZE) and image.dtype == np.float32
    marked = (image > 0.35) & (image < 0.6)
    return np.stack([~marked, marked, marked * 0, marked * 0]).astype(np.float32)


def lung_picture():
    """Upright, cropped to the lungs, 8-bit: lung dark, mediastinum bright, one lesion at rows 20-60, columns 200-260."""
    grey = np.full((240, 300), 45, np.uint8)
    grey[:, 110:190] = 215
    grey[:12, 0:60] = 20
    grey[20:60, 200:260] = 110
    return grey


def masks(tmp_path, pictures, transposed=False):
    source = tmp_path / "in"
    source.mkdir()
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(source / name)
    predict.predict(by_grey, source, tmp_path / "out", transposed)
    return {path.name: Image.open(path) for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("transposed", [False, True])
def test_the_mask_lies_as_its_picture_lies(tmp_path, transposed):
    upright = lung_picture()
    stored = upright.T if transposed else upright
    out = masks(tmp_path, {"slice.png": stored}, transposed)["slice.png"]
    assert out.mode == "P" and out.size == (stored.shape[1], stored.shape[0])
    found = np.array(out).T if transposed else np.array(out)
    inner = found[24:56, 204:256]
    assert (inner == 1).all()
    assert (found == 1).sum() == pytest.approx(40 * 60, rel=0.15)


def test_the_network_sees_a_transposed_picture_upright(tmp_path):
    seen = []

    def spy(image):
        seen.append(image)
        return by_grey(image)

    predict.segment_picture(spy, lung_picture().T, transposed=True)
    predict.segment_picture(spy, lung_picture(), transposed=False)
    np.testing.assert_array_equal(seen[0], seen[1])


@pytest.mark.parametrize("frame", [0, 255])
def test_a_frame_around_a_picture_changes_nothing_within_it(frame):
    seen = []

    def spy(image):
        seen.append(image)
        return by_grey(image)

    picture = lung_picture() + (np.indices((240, 300)).sum(axis=0) % 10).astype(np.uint8)  # no row or column of one grey
    framed = np.pad(picture, 30, constant_values=frame)
    bare, within = (predict.segment_picture(spy, grey, transposed=False) for grey in (picture, framed))
    np.testing.assert_array_equal(within, np.pad(bare, 30))
    np.testing.assert_array_equal(*seen)


def test_the_black_corners_of_a_whole_scan_do_not_darken_its_lungs():
    (hu,), _ = golden.stacks()["chest"]
    grey = np.clip((np.maximum(hu, -1000) + 1250) / 1500 * 255, 0, 255).astype(np.uint8)
    rows, cols = np.indices(grey.shape)
    cut = grey.copy()
    cut[(rows / grey.shape[0] - 0.5) ** 2 + (cols / grey.shape[1] - 0.5) ** 2 > 0.25] = 0
    seen = []

    def spy(image):
        seen.append(image)
        return by_grey(image)

    for picture in (grey, cut):
        predict.segment_picture(spy, picture, transposed=False)
    np.testing.assert_allclose(*seen, atol=0.01)


def test_a_colour_picture_of_16_bits_is_refused_and_named(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, rows = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0), (b"\0" + bytes(4 * 6)) * 4
    (tmp_path / "rgb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                                       + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match="rgb.png: 16-bit mode RGB"):
        predict.predict(by_grey, tmp_path, tmp_path / "out", False)


def test_sixteen_bit_slices_are_hounsfield_units_plus_1024_and_never_turned(tmp_path):
    (hu,), _ = golden.stacks()["small-lungs"]
    stored = (np.maximum(hu, -1024) + 1024).astype(np.uint16)
    for transposed in (False, True):
        folder = tmp_path / str(transposed)
        folder.mkdir()
        out = np.array(masks(folder, {"P1_007.png": stored}, transposed)["P1_007.png"])
        assert out.shape == hu.shape
        y, x = np.nonzero(out == 1)
        lesion = (hu > -640) & (hu < -560)  # the phantom's ground glass
        assert out[lesion].mean() > 0.8
        assert abs(y.mean() - np.nonzero(lesion)[0].mean()) < 15 and abs(x.mean() - np.nonzero(lesion)[1].mean()) < 25


def test_slices_of_one_series_share_its_lung_box(tmp_path):
    stack, _ = golden.stacks()["series"]
    spacing = (predict.SPACING_MM, predict.SPACING_MM)
    shared = preprocess.lung_box(stack, spacing)
    assert any(preprocess.lung_box([hu], spacing) != shared for hu in stack)
    seen = []

    def spy(image):
        seen.append(image)
        return by_grey(image)

    predict.segment_series(spy, stack)
    np.testing.assert_array_equal(seen, [preprocess.to_tensor(hu, shared) for hu in stack])


def test_slices_without_lung_get_empty_masks_and_a_warning(tmp_path, capsys):
    (hu,), _ = golden.stacks()["no-lung"]
    out = masks(tmp_path, {"P2_001.png": (np.maximum(hu, -1024) + 1024).astype(np.uint16)})
    assert not np.array(out["P2_001.png"]).any()
    assert "P2: no lung found" in capsys.readouterr().err


def test_an_uncropped_picture_is_cropped_to_the_lungs_first():
    (hu,), _ = golden.stacks()["chest"]
    unit = np.clip((hu + 1250) / 1500, 0, 1)
    box = predict.picture_box(unit, 1.5)
    assert box.width < 0.8 * unit.shape[1]
    cropped = unit[box.top:box.bottom, box.left:box.right]
    assert predict.picture_box(cropped, 1.5) == (0, 0, *cropped.shape)


def test_nothing_is_found_in_the_chest_wall_or_below_the_lungs():
    """A network that calls everything an effusion: what is left lies in the chest, around the lungs' air."""
    (chest,), _ = golden.stacks()["chest"]
    (abdomen,), _ = golden.stacks()["no-lung"]
    abdomen = np.where((abdomen < -400) & (abdomen > -1100), 40, abdomen)[: chest.shape[0], : chest.shape[1]]

    def everywhere(image):
        p = np.zeros((4, *image.shape), np.float32)
        p[3] = 1
        return p

    in_chest, in_abdomen = predict.segment_series(everywhere, [chest, abdomen.astype(np.int16)])
    assert not (in_abdomen & ~in_chest).any(), "nor in a slice without air, which may be two white lungs, but where the others have theirs"
    assert in_abdomen[100:140, 60:90].all(), "both lungs white: not left out"
    assert in_chest[100:140, 60:90].all(), "the right lung"
    rows, cols = np.nonzero(in_chest)
    air = preprocess.slice_lung(chest, (1.5, 1.5)).box
    assert rows.min() >= air.top - 10 and rows.max() < air.bottom + 10
    assert cols.min() >= air.left - 15 and cols.max() < air.right + 15


def test_no_mask_takes_the_place_of_a_picture_or_of_another_mask(tmp_path):
    Image.fromarray(lung_picture()).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(ValueError, match="overwrite"):
        predict.predict(by_grey, tmp_path, tmp_path, False)
    assert (tmp_path / "a.png").read_bytes() == before
    Image.fromarray(lung_picture()).save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="a.png"):
        predict.predict(by_grey, tmp_path, tmp_path / "out", False)


def test_a_file_that_is_no_picture_is_named_and_a_hidden_one_is_left_alone(tmp_path):
    Image.fromarray(lung_picture()).save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"resource fork")
    assert predict.predict(by_grey, tmp_path, tmp_path / "out", False) == 1
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="b.png cannot be read"):
        predict.predict(by_grey, tmp_path, tmp_path / "out", False)
