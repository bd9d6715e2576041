"""The exported models against PyTorch, and the contract that the service reads."""

import gzip
import hashlib
import json

import numpy as np
import onnx
import pytest
import torch

from training import export
from training.checkpoint import ONNX
from training.networks import raunet

MODELS = ("M", "M-A", "M-R", "U-Net")


def slices(n=2):
    image = export.from_bytes(export.phantom())
    return np.stack([image, image[:, ::-1], image[::-1]])[:n]


def save_checkpoint(file, model, **options):
    """Random weights, batch statistics of the slices, and a head that spreads the pixels over the classes."""
    torch.manual_seed(0)
    network = raunet.build(model, 16, **options).train()
    images = torch.from_numpy(slices())[:, None, ::3, ::3]
    with torch.no_grad():
        for _ in range(10):
            network(images)
        logits = network.eval()(images)
        network.head.bias -= logits.mean((0, 2, 3))
        scale = 3 / logits.std((0, 2, 3))
        network.head.weight *= scale[:, None, None, None]
        network.head.bias *= scale
    checkpoint = {"model": model, "width": 16, "options": options, "state_dict": network.state_dict()}
    torch.save(checkpoint | {"recipe": {}, "step": 0}, file)
    return file


@pytest.fixture(autouse=True)
def no_training_data(monkeypatch):
    """The parity check must work without the data, as on a clean machine."""

    def missing(source):
        raise FileNotFoundError(source)

    monkeypatch.setattr(export.cache, "load", missing)


@pytest.mark.parametrize(
    ("model", "options"),
    [("M", {}), ("M", {"attention_form": "dense", "rounds": 3}), ("M-A", {}), ("M-R", {}), ("U-Net", {}),
     ("M-A", {"consolidation_hu": -375.0})],
)
def test_onnx_runtime_gives_what_pytorch_gives(tmp_path, model, options):
    file = tmp_path / "net.onnx"
    network, _ = raunet.load(save_checkpoint(tmp_path / "net.pt", model, **options))
    export.write_onnx(network, file)
    parity = export.measure_parity(network, file, slices())
    assert parity.agreement >= 0.999
    assert model in ("M", "M-R") or parity.difference <= 1e-4


def test_parity_is_refused_where_the_file_is_of_other_weights(tmp_path):
    network, _ = raunet.load(save_checkpoint(tmp_path / "net.pt", "U-Net"))
    export.write_onnx(network, tmp_path / "net.onnx")
    with torch.no_grad():
        network.head.weight *= 1.01
    with pytest.raises(ValueError, match="differs from the checkpoint"):
        export.check_parity(export.measure_parity(network, tmp_path / "net.onnx", slices(1)), attention=False)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Folder with a model M exported as the service gets it."""
    folder = tmp_path_factory.mktemp("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "parity_slices", lambda: (slices(1), "phantom"))
        export.export(save_checkpoint(folder / "net.pt", "M"), folder / "raunet-w16.onnx", "1.2.3")
    return folder


def test_a_batch_gives_what_its_slices_give_alone(shipped):
    session = export.open_session(shipped / "raunet-w16.onnx")
    images = slices(3)[:, None]
    mask, probabilities = session.run(["mask", "probabilities"], {"image": images})
    assert (mask.dtype, mask.shape) == (np.uint8, (3, 369, 369))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (3, 4, 369, 369))
    for i in range(3):
        (alone,) = session.run(["mask"], {"image": images[i : i + 1]})
        assert (alone[0] == mask[i]).mean() >= 0.999
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities.argmax(1) == mask).mean() >= 0.999


def test_one_run_after_another_gives_the_same_bytes(shipped):
    image = slices(1)[:, None]
    runs = [export.open_session(shipped / "raunet-w16.onnx").run(["mask"], {"image": image})[0] for _ in range(2)]
    np.testing.assert_array_equal(*runs)


def test_the_file_carries_its_weights_and_only_standard_operators_of_opset_17(shipped):
    model = onnx.load(shipped / "raunet-w16.onnx", load_external_data=False)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    dims = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["N", 1, 369, 369]


def test_the_contract_names_the_model_by_its_hash(shipped):
    contract = json.loads((shipped / "contract.json").read_text())
    (model,) = contract["models"]
    assert model["sha256"] == hashlib.sha256((shipped / model["file"]).read_bytes()).hexdigest()
    assert (model["name"], model["version"], model["network"], model["width"], model["default"]) == (
        ("raunet-w16", "1.2.3", "M", 16, True)
    )
    assert contract["preprocessing"]["huWindow"] == [-1250, 250]


def test_the_self_check_of_the_contract_is_met_by_the_model_and_shows_every_class(shipped):
    golden = json.loads((shipped / "contract.json").read_text())["golden"]
    image = np.frombuffer(gzip.decompress((shipped / golden["image"]["file"]).read_bytes()), np.uint8)
    expected = golden["masks"]["raunet-w16"]
    mask = np.frombuffer(gzip.decompress((shipped / expected["file"]).read_bytes()), np.uint8)
    tensor = (image / 255).astype(np.float32).reshape(1, 1, *golden["image"]["shape"])
    (found,) = export.open_session(shipped / "raunet-w16.onnx").run(["mask"], {"image": tensor})
    assert (found.ravel() == mask).mean() >= golden["minimumAgreement"]
    assert np.bincount(mask, minlength=4).tolist() == expected["histogram"]
    assert min(expected["histogram"]) > 0


def test_the_models_that_we_ship_are_those_of_the_contract_and_below_20_mb():
    for model in json.loads((ONNX / "contract.json").read_text())["models"]:
        data = (ONNX / model["file"]).read_bytes()
        assert len(data) < 20_000_000 and hashlib.sha256(data).hexdigest() == model["sha256"]


def test_a_second_model_joins_the_contract_and_may_become_the_default(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "write_selfcheck", lambda file: {"file": file.name})

    def enter(name, width, version="1.0.0", default=False):
        entry = {"file": f"{name}.onnx", "name": name, "version": version, "sha256": "", "width": width}
        export.update_contract(tmp_path / f"{name}.onnx", entry, default)
        contract = json.loads((tmp_path / "contract.json").read_text())
        assert contract["golden"]["masks"].keys() == {model["name"] for model in contract["models"]}
        return {model["name"]: (model["version"], model["default"]) for model in contract["models"]}

    assert enter("w16", 16) == {"w16": ("1.0.0", True)}
    assert enter("w32", 32) == {"w16": ("1.0.0", True), "w32": ("1.0.0", False)}
    assert enter("w16", 16, "1.1.0") == {"w16": ("1.1.0", True), "w32": ("1.0.0", False)}
    assert enter("w32", 32, default=True) == {"w16": ("1.1.0", False), "w32": ("1.0.0", True)}
