"""Self-training and distillation (spec/model.md, "Recipes"): what one teacher, or several as one, are sure of on
`unlabelled` stands in for labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from training import checkpoint
from training.data import cache
from training.data.cache import Dataset
from training.data.labels import UNKNOWN
from training.networks import raunet
from training.networks.ensemble import Ensemble

STRIDE = 5  # neighbouring slices of a volume are much alike
SURE = 0.9  # chance of a class from which on it is taken for the truth


@torch.inference_mode()
def pseudo(teachers: Sequence[Path], fold: str | None) -> Dataset:
    """Every fifth slice of `unlabelled`; a pixel has the teachers' class where that is sure, elsewhere any.

    teachers: network.pt files; the answer is the mean of theirs over the slice and its mirror image. Raises ValueError
    for one that was trained on other slices than the student may see.
    """
    members = []
    for teacher in teachers:
        network, content = raunet.load(teacher)
        checkpoint.must_leave_out(fold, teacher, content["recipe"])
        members.append(network)
    ensemble = Ensemble(members, mirrored=True)
    whole = cache.load("unlabelled")
    data = whole.where(np.arange(len(whole)) % STRIDE == 0)
    for i, picture in enumerate(data.images):
        image = torch.from_numpy(picture.astype(np.float32))[None, None]
        sure, found = ensemble(image).softmax(1)[0].max(0)  # [SIZE,SIZE]
        data.allowed[i] = torch.where(sure > SURE, 1 << found, UNKNOWN).numpy()
    return data
