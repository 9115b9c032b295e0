"""Net2Net as an initializer: a network grown from a trained teacher of the same task and replica.

The growth itself is in :mod:`.growth`, which also serves networks that no workflow knows.
"""

import torch
from torch import Tensor, nn

from ..settings import NotNegative
from .growth.grow import Noise, Pad, grow
from .registry import initializer

EXAMPLES, STATISTICS = 16, 2000  # images to compare teacher and student on; images to measure inserted batch norms on


@initializer("grown")
def grown_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    teacher: nn.Module,
    data: tuple[Tensor, Tensor],
    noise: Noise = "none",
    sigma: NotNegative = 0.01,
    random_pad: Pad | None = None,
) -> None:
    """Fill ``model``, which is wider or deeper, so that it computes what ``teacher`` does (Chen et al. 2016).

    Layers and blocks that the teacher lacks become the identity; ``random_pad`` is the paper's baseline. Settings and
    errors are those of :func:`.growth.grow`. ``data``: training images ``(n, c, h, w)`` and labels, for the statistics of
    inserted batch norms.
    """
    images = data[0]
    student = grow(
        teacher,
        model,
        example_input=images[:EXAMPLES],
        generator=generator,
        noise=noise,
        sigma=sigma,
        random_pad=random_pad,
        data=images[:STATISTICS].split(250),
    )
    model.load_state_dict(student.state_dict())
