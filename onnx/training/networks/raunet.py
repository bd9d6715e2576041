"""The Residual Attention U-Net of Chen, Yao & Zhang (2020, arXiv 2004.05645) and its three ablations, as one class.

    model   encoder        attention on the skips
    M       ResNeXt        LSH
    M-A     ResNeXt        none
    M-R     convolutions   LSH
    U-Net   convolutions   none
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.labels import CLASSES
from training.networks.blocks import ConvBlock, DecoderBlock, ResNeXtStage, Stem
from training.networks.density import LesionDensity
from training.networks.lsh_attention import Form, LSHAttention

Model = Literal["M", "M-A", "M-R", "U-Net"]
LEVELS = 4  # halvings between the image and the bridge


class ResidualAttentionUNet(nn.Module):
    """Image -> class logits at the size of the image, which may be any size from 16x16.

    Level i works at 1/2^i of the image's size with width * 2^i channels; for 369x369 the sizes are 369, 184, 92, 46 and,
    in the bridge, 23.

    The softmax of the logits is the chance of each class: a pixel has one class. The paper ends in sigmoids, which need
    not sum to one; with `sigmoid` the logits are log sigmoid, so that their softmax is the sigmoids divided by their sum.
    """

    def __init__(
        self,
        resnext: bool,
        width: int,
        cardinality: int,
        attention_levels: Sequence[int],
        rounds: int,
        chunk: int,
        attention_form: Form,
        sigmoid: bool,
        consolidation_hu: float | None,
    ):
        super().__init__()
        self.sigmoid = sigmoid
        channels = [width * 2**level for level in range(LEVELS + 1)]  # w, 2w, 4w, 8w, 16w

        def stage(inputs: int, outputs: int) -> nn.Module:
            return ResNeXtStage(inputs, outputs, cardinality) if resnext else ConvBlock(inputs, outputs)

        def attention(level: int) -> nn.Module:
            if level not in attention_levels:
                return nn.Identity()
            return LSHAttention(channels[level], rounds, chunk, attention_form, seed=level)

        # A ResNeXt block opens with a 1x1 convolution, which sees no shape in a grey image: hence ResNeXt's own 3x3 stem.
        self.stem = Stem(1, width) if resnext else nn.Identity()  # [N,w,H,W], or the image
        first = width if resnext else 1
        self.encoder = nn.ModuleList(map(stage, [first, *channels[:-2]], channels[:-1]))
        self.bridge = stage(channels[-2], channels[-1])
        self.pool = nn.MaxPool2d(2)
        self.decoder = nn.ModuleList(
            DecoderBlock(channels[level + 1], channels[level], attention(level)) for level in reversed(range(LEVELS))
        )
        self.head = nn.Conv2d(width, len(CLASSES), 1)
        self.density = LesionDensity(consolidation_hu) if consolidation_hu is not None else None

    def forward(self, image: Tensor) -> Tensor:  # [N,1,H,W] in [0,1] -> logits [N,classes,H,W]
        x, skips = self.stem(image), []
        for stage in self.encoder:
            skips.append(stage(x))  # [N,w*2^i,H/2^i,W/2^i]
            x = self.pool(skips[-1])
        x = self.bridge(x)  # [N,16w,H/16,W/16]
        for block in self.decoder:
            x = block(x, skips.pop())
        logits = self.head(x)
        logits = F.logsigmoid(logits) if self.sigmoid else logits
        return self.density(logits.float(), image.float()) if self.density else logits


def build(
    model: Model = "M",
    width: int = 16,
    cardinality: int | None = None,
    attention_levels: Sequence[int] = (2, 3),
    rounds: int = 2,
    chunk: int = 64,
    attention_form: Form = "sorted",
    sigmoid: bool = False,
    consolidation_hu: float | None = None,
) -> ResidualAttentionUNet:
    """One of the paper's four networks.

    cardinality       C of the ResNeXt blocks; by default width / 2, that is 32 at the paper's width 64
    attention_levels  where the skips are attended to: 3 is 46x46 and 2 is 92x92 for an image of 369x369; 0 to 3
    rounds, chunk     hash rounds and chunk length of the LSH attention
    attention_form    "sorted" or "dense", see LSHAttention
    sigmoid           the paper's last activation in place of the softmax alone
    consolidation_hu  mean density from which a lesion is consolidation, see LesionDensity; None: as the network says

    Raises ValueError for a model, level or cardinality that does not exist.
    """
    if model not in get_args(Model):
        raise ValueError(f"model {model!r} is none of {', '.join(get_args(Model))}")
    if attention_form not in get_args(Form):
        raise ValueError(f"attention_form {attention_form!r} is none of {', '.join(get_args(Form))}")
    if not set(attention_levels) <= set(range(LEVELS)):
        raise ValueError(f"attention_levels {tuple(attention_levels)} must lie within 0 to {LEVELS - 1}")
    cardinality = cardinality or width // 2
    if (width // 2) % cardinality:
        raise ValueError(f"cardinality {cardinality} does not divide width / 2 = {width // 2}")
    return ResidualAttentionUNet(
        resnext=model in ("M", "M-A"),
        width=width,
        cardinality=cardinality,
        attention_levels=attention_levels if model in ("M", "M-R") else (),
        rounds=rounds,
        chunk=chunk,
        attention_form=attention_form,
        sigmoid=sigmoid,
        consolidation_hu=consolidation_hu,
    )


def load(file: Path) -> tuple[ResidualAttentionUNet, dict[str, Any]]:
    """Checkpoint of training.train -> the network, ready for inference, and the checkpoint itself.

    A checkpoint is {model, width, options (the other arguments of `build`), state_dict, recipe, step}.
    """
    checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    network = build(checkpoint["model"], checkpoint["width"], **checkpoint["options"])
    network.load_state_dict(checkpoint["state_dict"])
    return network.eval(), checkpoint
