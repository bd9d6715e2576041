"""Segments a folder of slices: python -m training.predict --model raunet-w16.onnx --images DIR --out DIR

Every picture of --images (png, jpg, tif; not its subfolders) gives a palette PNG of the same name stem, size and
orientation in --out: 0 background, 1 ground-glass opacity, 2 consolidation, 3 pleural effusion.

  8-bit    a lung-window picture, cropped to the lungs like data/medseg/img. Its window is found from its own greys. A
           picture that shows the whole body, air around it, is cropped to the lung box first.
  16-bit   Hounsfield units + 1024, the whole slice, always in the radiological view (sternum up), like
           data/effusion/img16. Files that share the name up to the last "_" are one series and share its lung box.
           A series without lung gives empty masks and a warning.

Orientation of 8-bit pictures: without --stored-orientation they are taken in the radiological view, sternum up. With
it they are taken as data/medseg/img stores them, transposed: sternum to the left, rows and columns swapped. Either
way the mask lies as its picture lies. The flag does not touch 16-bit files.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training import preprocess
from training.data.pictures import content, unit_from_grey, upright
from training.data.sources import chest_cavity, whole
from training.preprocess import SIZE, Box

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
PALETTE = [0, 0, 0, 90, 200, 120, 220, 70, 60, 70, 130, 230]  # RGB of the four classes
SPACING_MM = 0.9  # pictures do not tell: a usual pixel, for the areas in the lung-box rule only
AIR_AROUND = 0.5  # an 8-bit picture with more of its rim in air than this shows the whole body

Network = Callable[[np.ndarray], np.ndarray]  # float32 [SIZE,SIZE] -> probabilities float32 [classes,SIZE,SIZE]


def load_network(file: Path) -> Network:
    """The network of an .onnx (exported) or .pt (network.pt of a run) file, as a function of one slice."""
    if file.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        return lambda image: session.run(["probabilities"], {"image": image[None, None]})[0][0]

    import torch

    from training.networks import raunet

    network, _ = raunet.load(file)

    @torch.inference_mode()
    def run(image: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(image)[None, None]).softmax(1)[0].numpy()

    return run


def segment(network: Network, unit: np.ndarray, box: Box) -> np.ndarray:
    """Slice float [rows, cols] in 0..1 (preprocess.windowed), upright, and its lung box -> classes uint8 [rows, cols]."""
    crop = unit[box.top:box.bottom, box.left:box.right]
    probabilities = network(preprocess.resize(crop, (SIZE, SIZE)).astype(np.float32))
    out = np.zeros(unit.shape, np.uint8)
    out[box.top:box.bottom, box.left:box.right] = preprocess.probabilities_back(probabilities, box).argmax(0)
    return out


def picture_box(unit: np.ndarray, spacing: float) -> Box:
    """Box of an 8-bit picture, upright: all of it where it is cropped to the lungs, the lung box where air surrounds it."""
    hu = preprocess.unwindowed(unit)
    rim = np.concatenate([hu[0], hu[-1], hu[:, 0], hu[:, -1]])
    if np.mean(rim < preprocess.TISSUE_HU) > AIR_AROUND:
        return preprocess.lung_box([hu], (spacing, spacing)) or whole(unit.shape)
    return whole(unit.shape)


def segment_picture(network: Network, grey: np.ndarray, transposed: bool) -> np.ndarray:
    """8-bit picture as stored -> classes uint8 of the same shape and orientation.

    Its greys are read twice: within its frame to find the lungs, then in the box alone, as in training: the black corners
    of a scan are darker than any lung.
    """
    turn = upright if transposed else np.asarray  # its own inverse
    picture = turn(grey)
    out = np.zeros(picture.shape, np.uint8)
    inside, found = (array[content(picture)] for array in (picture, out))
    box = picture_box(unit_from_grey(inside), SPACING_MM * 512 / picture.shape[1])
    crop = np.s_[box.top:box.bottom, box.left:box.right]
    unit = unit_from_grey(inside[crop])
    found[crop] = segment(network, unit, whole(unit.shape))
    return turn(out)


def chest_cavities(stack: list[np.ndarray]) -> list[np.ndarray]:
    """Where a lesion may be found in each slice of a series, HU [rows, cols] upright: bool [rows, cols] each.

    The convex hull of the air in the lungs with some room, within the body: blankets and tubes, the muscles of the back
    and the organs of the abdomen lie in the lung box too. A slice without any air, where both lungs may be white, has the
    cavities of the others.
    """
    cavities = [chest_cavity(hu, fluid=np.zeros(hu.shape, bool)) for hu in stack]
    shared = np.any(cavities, axis=0)
    return [preprocess.body_mask(hu) & (own if own.any() else shared) for hu, own in zip(stack, cavities, strict=True)]


def segment_series(network: Network, stack: list[np.ndarray]) -> list[np.ndarray] | None:
    """Whole slices of one series, upright, int16 HU [rows, cols] of one size -> classes uint8 of each; None: no lung found."""
    box = preprocess.lung_box(stack, (SPACING_MM, SPACING_MM))
    if box is None:
        return None
    return [segment(network, preprocess.windowed(hu), box) * cavity
            for hu, cavity in zip(stack, chest_cavities(stack), strict=True)]


def save_mask(mask: np.ndarray, path: Path) -> None:
    image = Image.fromarray(mask, mode="P")
    image.putpalette(PALETTE)
    image.save(path)


def predict(network: Network, images: Path, out: Path, transposed: bool) -> int:
    """Masks for all pictures of a folder; returns their number.

    Raises ValueError for a picture it cannot read, or where a mask would take the place of a picture or of another mask.
    """
    files = sorted(path for path in images.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    if out.resolve() == images.resolve():
        raise ValueError(f"--out {out} is the folder of the pictures: the masks would overwrite them")
    twice = [name for name, number in Counter(path.stem for path in files).items() if number > 1]
    if twice:
        raise ValueError(f"{images}: several pictures would have one mask, {twice[0]}.png: rename them")
    out.mkdir(parents=True, exist_ok=True)
    series: dict[tuple, list[tuple[Path, np.ndarray]]] = {}
    for path in files:
        try:
            image = Image.open(path)
            colour16 = image.mode in ("LA", "RGB", "RGBA") and ";16" in str(image.tile[0].args)  # Pillow drops half of the bits
            pixels = np.array(image)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        if image.mode.startswith("I"):
            hu = (pixels.astype(np.int32) - 1024).astype(np.int16)
            series.setdefault((path.stem.rsplit("_", 1)[0], hu.shape), []).append((path, hu))
        elif image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") and not colour16:
            save_mask(segment_picture(network, np.array(image.convert("L")), transposed), out / f"{path.stem}.png")
        else:
            raise ValueError(f"{path}: {'16-bit ' * colour16}mode {image.mode} is neither 8-bit nor 16-bit grey: convert it")
    for (name, _), members in series.items():
        masks = segment_series(network, [hu for _, hu in members])
        if masks is None:
            masks = [np.zeros(hu.shape, np.uint8) for _, hu in members]
            print(f"{name}: no lung found in {len(members)} slices, their masks are empty", file=sys.stderr)
        for (path, _), mask in zip(members, masks, strict=True):
            save_mask(mask, out / f"{path.stem}.png")
    return len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help=".onnx or .pt")
    parser.add_argument("--images", type=Path, required=True, help="folder of slices")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks, made if it is not there")
    parser.add_argument("--stored-orientation", action="store_true",
                        help="8-bit pictures are stored transposed, as in data/medseg/img (sternum to the left)")
    given = parser.parse_args()
    for path, there in ((given.model, given.model.is_file()), (given.images, given.images.is_dir())):
        if not there:
            sys.exit(f"{path} is not there")
    try:
        count = predict(load_network(given.model), given.images, given.out, given.stored_orientation)
    except ValueError as error:
        sys.exit(str(error))
    if not count:
        sys.exit(f"{given.images} holds no picture ({', '.join(ENDINGS)})")
    print(f"{count} masks in {given.out}")


if __name__ == "__main__":
    main()
