"""Self-training (spec/model.md, "Recipes"): what a teacher is sure of on `unlabelled` stands in for labels."""

from pathlib import Path

import numpy as np
import torch

from training.data import cache
from training.data.cache import Dataset
from training.data.labels import UNKNOWN
from training.networks import raunet

STRIDE = 5  # neighbouring slices of a volume are much alike
SURE = 0.9  # chance of a class from which on it is taken for the truth


@torch.inference_mode()
def pseudo(teacher: Path, fold: str | None) -> Dataset:
    """Every fifth slice of `unlabelled`; a pixel has the teacher's class where that is sure, elsewhere any.

    teacher: a network.pt; its answer is the mean over the slice and its mirror image. Raises ValueError for one that was
    trained on other slices than the student may see.
    """
    network, content = raunet.load(teacher)
    if content["recipe"]["fold"] != fold:
        raise ValueError(f"{teacher} left out fold {content['recipe']['fold']}, this run {fold}: a teacher must leave out the same")
    whole = cache.load("unlabelled")
    data = whole.where(np.arange(len(whole)) % STRIDE == 0)
    for i, picture in enumerate(data.images):
        image = torch.from_numpy(picture.astype(np.float32))[None, None]
        chances = (network(image).softmax(1) + network(image.flip(3)).flip(3).softmax(1))[0] / 2  # [classes,SIZE,SIZE]
        sure, found = chances.max(0)
        data.allowed[i] = torch.where(sure > SURE, 1 << found, UNKNOWN).numpy()
    return data
