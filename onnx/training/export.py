"""Checkpoint -> ONNX model for the service, with its entry in contract.json and its self-check.

From onnx/: python -m training.export --checkpoint FILE.pt --out raunet-w16.onnx --version 1.0.0 [--default]

The contract and the folder `selfcheck` lie beside the model. Parity with PyTorch is measured on real slices where the
training data is at hand, else on made-up ones; a model that fails it is not entered into the contract.
"""

import argparse
import gzip
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from training import golden, preprocess
from training.data import cache, labels
from training.networks import raunet

SIZE = preprocess.SIZE
OPSET = 17
MIN_AGREEMENT = 0.999  # share of pixels of equal class; with attention a float32 near-tie can flip a hash bucket
MAX_DIFFERENCE = 1e-4  # of probabilities, without attention
SELFCHECK_AGREEMENT = 0.99  # looser: a GPU may round products to TF32
PARITY_SLICES = 8


class ServiceNetwork(nn.Module):
    """The network as the service runs it: class index and probabilities in place of logits."""

    def __init__(self, network: raunet.ResidualAttentionUNet):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:  # [N,1,369,369] in [0,1]
        logits = self.network(image)
        return logits.argmax(1).to(torch.uint8), logits.softmax(1)  # [N,369,369], [N,4,369,369]


class Parity(NamedTuple):
    """ONNX Runtime against PyTorch on the same slices."""

    slices: int
    agreement: float  # share of pixels of equal class
    difference: float  # largest of any probability


def write_onnx(network: raunet.ResidualAttentionUNet, file: Path) -> None:
    """One file with the weights in it, standard operators only. Raises ValueError if there are others in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trace-based export is called deprecated; torch.export's would need opset 18
        torch.onnx.export(
            ServiceNetwork(network.eval()),
            (torch.zeros(1, 1, SIZE, SIZE),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["mask", "probabilities"],
            dynamic_axes={name: {0: "N"} for name in ("image", "mask", "probabilities")},
        )
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    if foreign := {node.op_type for node in model.graph.node if node.domain}:
        raise ValueError(f"{file.name} uses operators outside of standard ONNX: {', '.join(sorted(foreign))}")


def open_session(file: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def measure_parity(network: nn.Module, file: Path, images: np.ndarray) -> Parity:
    """images: float32 [n, 369, 369] in [0, 1], run one at a time."""
    session, service = open_session(file), ServiceNetwork(network).eval()
    equal, difference = 0, 0.0
    for image in images[:, None, None]:
        mask, probabilities = session.run(["mask", "probabilities"], {"image": image})
        with torch.inference_mode():
            torch_mask, torch_probabilities = service(torch.from_numpy(image))
        equal += int((mask == torch_mask.numpy()).sum())
        difference = max(difference, float(np.abs(probabilities - torch_probabilities.numpy()).max()))
    return Parity(len(images), equal / images.size, difference)


def check_parity(parity: Parity, attention: bool) -> None:
    """Raises ValueError where ONNX Runtime and PyTorch differ by more than rounding explains."""
    if parity.agreement < MIN_AGREEMENT or (not attention and parity.difference > MAX_DIFFERENCE):
        raise ValueError(f"the exported model differs from the checkpoint: {parity}")


def phantom() -> np.ndarray:
    """A made-up chest slice as the network sees it, rounded to bytes: uint8 [369, 369], value / 255 is the input."""
    spacing = (1.5, 1.5)
    hu = golden.chest(240, 272, spacing)
    box = preprocess.lung_box([hu], spacing)
    assert box is not None
    return np.rint(preprocess.to_tensor(hu, box) * 255).astype(np.uint8)


def from_bytes(image: np.ndarray) -> np.ndarray:
    return (image / 255).astype(np.float32)


def parity_slices() -> tuple[np.ndarray, str]:
    """Slices float32 [n, 369, 369] for the parity check, and what they are."""
    try:
        images = cache.load("medseg").images
    except FileNotFoundError:
        image = from_bytes(phantom())
        return np.stack([image, image[::-1], image[:, ::-1]]), "made-up slices (no training data found)"
    return images[:: max(1, len(images) // PARITY_SLICES)].astype(np.float32), "slices of medseg"


def write_selfcheck(file: Path) -> dict[str, Any]:
    """Input and expected answer for the service to try a provider with; returns the answer's part of the contract."""
    folder = file.parent / "selfcheck"
    folder.mkdir(exist_ok=True)
    image = phantom()
    (mask,) = open_session(file).run(["mask"], {"image": from_bytes(image)[None, None]})
    (folder / "image.u8.gz").write_bytes(gzip.compress(image.tobytes(), mtime=0))
    (folder / f"{file.stem}.mask.u8.gz").write_bytes(gzip.compress(mask.tobytes(), mtime=0))
    return {
        "file": f"selfcheck/{file.stem}.mask.u8.gz",
        "histogram": np.bincount(mask.ravel(), minlength=len(labels.CLASSES)).tolist(),
    }


def contract(models: list[dict[str, Any]], masks: dict[str, Any]) -> dict[str, Any]:
    """What the service must know to run any of the models (src/inference validates it)."""
    return {
        "schemaVersion": 1,
        "models": models,
        "input": {"name": "image", "type": "float32", "shape": ["N", 1, SIZE, SIZE]},
        "outputs": {
            "mask": {"name": "mask", "type": "uint8", "shape": ["N", SIZE, SIZE]},
            "probabilities": {
                "name": "probabilities",
                "type": "float32",
                "shape": ["N", len(labels.CLASSES), SIZE, SIZE],
            },
        },
        "classes": list(labels.CLASSES),
        "preprocessing": {
            "huWindow": list(preprocess.WINDOW_HU),
            "padValueHu": preprocess.WINDOW_HU[0],
            "resize": "bilinear, half-pixel centres, no antialias",
            "lungBox": preprocess.LUNG_BOX,
        },
        "golden": {
            "image": {"file": "selfcheck/image.u8.gz", "shape": [SIZE, SIZE]},
            "masks": masks,
            "minimumAgreement": SELFCHECK_AGREEMENT,
            "how": "Files are gzip of uint8, row by row. Run the image as float32(value / 255), N = 1, after loading a "
            "model on a provider: at least minimumAgreement of the pixels of `mask` must equal masks[model name].file, "
            "which ONNX Runtime's CPU provider gave; histogram counts its pixels by class.",
        },
    }


def update_contract(file: Path, entry: dict[str, Any], default: bool) -> dict[str, Any]:
    """Enters a model into contract.json, in place of one of the same name; the first one is the default.

    The self-check is made anew for every model of the contract, since all share one image. Returns the contract.
    """
    path = file.parent / "contract.json"
    old = json.loads(path.read_text())["models"] if path.exists() else []
    others = [model for model in old if model["name"] != entry["name"]]
    default = default or not any(model["default"] for model in others)
    others = [model | {"default": model["default"] and not default} for model in others]
    models = sorted([*others, entry | {"default": default}], key=lambda model: model["width"])
    masks = {model["name"]: write_selfcheck(file.with_name(model["file"])) for model in models}
    new = contract(models, masks)
    path.write_text(json.dumps(new, indent=2) + "\n")
    return new


def export(checkpoint_file: Path, file: Path, version: str, default: bool = False) -> Parity:
    """Checkpoint -> file, contract.json and selfcheck beside it. Raises ValueError if the model cannot be shipped."""
    network, checkpoint = raunet.load(checkpoint_file)
    write_onnx(network, file)
    images, origin = parity_slices()
    parity = measure_parity(network, file, images)
    print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB; on {parity.slices} {origin} against PyTorch: "
          f"{parity.agreement:.5%} of pixels agree, probabilities differ by up to {parity.difference:.1e}")
    check_parity(parity, attention=checkpoint["model"] in ("M", "M-R"))
    entry = {
        "file": file.name,
        "name": file.stem,
        "version": version,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "network": checkpoint["model"],
        "width": checkpoint["width"],
        "opset": OPSET,
    }
    masks = update_contract(file, entry, default)["golden"]["masks"]
    print(f"self-check, pixels by class: {masks[file.stem]['histogram']}")
    return parity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="file written by training.train")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file; its name is the model's name")
    parser.add_argument("--version", default="1.0.0", help="version of the model, as results will name it")
    parser.add_argument("--default", action="store_true", help="make it the model that the service takes")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    export(arguments.checkpoint, arguments.out.resolve(), arguments.version, arguments.default)


if __name__ == "__main__":
    main()
