"""Ground-glass opacity or consolidation: told apart by density, as radiologists define them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.labels import BACKGROUND, CONSOLIDATION, EFFUSION, GGO
from training.preprocess import WINDOW_HU

REACH = 9  # pixels: side of the square over which a lesion's density is taken
LOGIT_HU = 125  # for one logit between the kinds; a logistic fit on the lesions of medseg gives 127
LEAST = 1e-3  # mean chance in a square below which it holds no lesion to speak of


class LesionDensity(nn.Module):
    """Lesions stay where the network sees them; which of the two kinds, their density says.

        d = mean HU of the square around a pixel, weighted by the chance of a lesion, p(GGO) + p(consolidation)
        z = (d - consolidation_hu) / LOGIT_HU
        lesion = log(e^GGO + e^consolidation)
        GGO' = lesion - max(z, 0),    consolidation' = lesion - max(-z, 0)

    The kind that the density speaks for keeps the lesion's whole logit, so that no pixel between the kinds falls to the
    background. Vessels show through ground glass and drown in consolidation (Fleischner Society glossary, Hansell et al.
    2008, doi 10.1148/radiol.2462070712): a difference of density. 60 patients are too few to learn it from.
    """

    def __init__(self, consolidation_hu: float):
        super().__init__()
        low, high = WINDOW_HU
        self.threshold = (consolidation_hu - low) / (high - low)
        self.slope = (high - low) / LOGIT_HU

    def forward(self, logits: Tensor, image: Tensor) -> Tensor:  # [N,4,H,W], [N,1,H,W] in [0,1] -> [N,4,H,W]
        return self.kinds(logits, density(logits, image))

    def kinds(self, logits: Tensor, density: Tensor) -> Tensor:  # [N,4,H,W], [N,1,H,W] -> [N,4,H,W]
        z = self.slope * (density - self.threshold)
        lesion = logits[:, GGO:CONSOLIDATION + 1].logsumexp(1, keepdim=True)
        return torch.cat([logits[:, BACKGROUND:GGO], lesion - F.relu(z), lesion - F.relu(-z), logits[:, EFFUSION:]], 1)


def density(logits: Tensor, image: Tensor) -> Tensor:  # [N,4,H,W], [N,1,H,W] in [0,1] -> [N,1,H,W] in [0,1]
    """d of LesionDensity on the scale of the image; 0 where no lesion is near."""
    weight = logits.softmax(1)[:, GGO:CONSOLIDATION + 1].sum(1, keepdim=True)
    near = F.avg_pool2d(torch.cat([weight * image, weight], 1), REACH, stride=1, padding=REACH // 2)
    return near[:, :1] / near[:, 1:].clamp(min=LEAST)
