"""Which kind a lesion is follows from its own density; where it is, from the network alone."""

import numpy as np
import torch

from training.data.labels import BACKGROUND, CONSOLIDATION, EFFUSION, GGO
from training.networks import raunet
from training.networks.density import LesionDensity


def unit(hu):
    return (hu + 1250) / 1500


def scene():
    """A lung with a light lesion at the left and a dense one at the right, both called GGO, next to bone and fluid."""
    hu = torch.full((1, 1, 64, 64), -850.0)
    logits = torch.zeros(1, 4, 64, 64)
    logits[:, BACKGROUND] = 6
    hu[..., 20:44, 6:26], hu[..., 20:44, 36:56] = -600, -50
    logits[:, GGO, 20:44, 6:26] = logits[:, GGO, 20:44, 36:56] = 12
    hu[..., 44:, :] = 240
    logits[:, EFFUSION, 50:] = 12
    return logits, unit(hu)


def test_the_dense_lesion_is_consolidation_and_its_surroundings_do_not_count():
    logits, image = scene()
    found = LesionDensity(-375)(logits, image).argmax(1)[0]
    assert (found[20:44, 6:26] == GGO).all() and (found[20:44, 36:56] == CONSOLIDATION).all()
    assert torch.equal(found == EFFUSION, logits.argmax(1)[0] == EFFUSION)
    assert torch.equal(found == BACKGROUND, logits.argmax(1)[0] == BACKGROUND)


def test_single_pixels_take_the_density_of_the_lesion_around_them():
    logits, image = scene()
    image[..., 30, 16] = unit(100)  # a vessel through ground glass
    image[..., 30, 46] = unit(-900)  # a bronchus in consolidation
    found = LesionDensity(-375)(logits, image).argmax(1)[0]
    assert found[30, 16] == GGO and found[30, 46] == CONSOLIDATION


def test_no_pixel_between_the_kinds_falls_to_the_background_and_none_is_gained_but_by_both_kinds_together():
    logits, image = scene()
    logits[:, CONSOLIDATION] = logits[:, GGO] - 1
    image[..., 20:44, 6:26] = unit(torch.linspace(-700, 0, 20))
    found = LesionDensity(-375)(logits, image)
    lesion = (found.argmax(1) == GGO) | (found.argmax(1) == CONSOLIDATION)
    together = torch.cat([logits[:, :1], logits[:, 1:3].logsumexp(1, keepdim=True), logits[:, 3:]], 1)
    assert torch.equal(lesion, together.argmax(1) == 1)


def test_a_network_with_a_density_says_the_same_of_where_as_without():
    torch.manual_seed(1)
    plain = raunet.build("U-Net", 16).eval()
    told = raunet.build("U-Net", 16, consolidation_hu=-375.0).eval()
    told.load_state_dict(plain.state_dict())
    image = torch.from_numpy(np.random.default_rng(0).random((2, 1, 48, 48), np.float32))
    with torch.inference_mode():
        a, b = plain(image), told(image)
    torch.testing.assert_close(b, LesionDensity(-375.0)(a, image))
