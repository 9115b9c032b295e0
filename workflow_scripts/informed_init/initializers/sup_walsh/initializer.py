"""The initializer ``sup-walsh``."""

import torch
from torch import Tensor, nn

from ..registry import initializer
from .pretraining import Settings, pretrain


@initializer("sup-walsh")
def sup_walsh_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: int = 600,
    rate: float = 3e-5,
    reducer: str = "tsne",
    codes: str = "walsh",
    labels: str = "true",
    snapshot: str = "best",
    batch_norm: str = "recalibrate",
    refit: int = 1,
    code_length: int | None = None,
) -> None:
    """Pretrain the network on synthetic images gated by Walsh codes (:func:`.pretraining.pretrain`).

    Settings as in :class:`.pretraining.Settings`. The controls are ``reducer`` ``gaussian`` or ``constant``, ``codes``
    ``random`` or ``none``, ``labels`` ``permuted``, and the initializer ``extra-steps``.
    """
    settings = Settings(steps, rate, reducer, codes, labels, snapshot, batch_norm, refit, code_length)
    pretrain(model, data, settings, generator)
