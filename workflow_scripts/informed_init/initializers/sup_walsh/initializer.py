"""The initializer ``sup-walsh``."""

import torch
from torch import Tensor, nn

from ...settings import Count, Positive
from ..registry import initializer
from .codes import CodeLength, Codes
from .pretraining import BatchNorms, Labels, Settings, Snapshot, pretrain
from .reducers import ReducerName


@initializer("sup-walsh")
def sup_walsh_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: Count = 600,
    rate: Positive = 3e-5,
    reducer: ReducerName = "tsne",
    codes: Codes = "walsh",
    labels: Labels = "true",
    snapshot: Snapshot = "best",
    batch_norm: BatchNorms = "recalibrate",
    refit: Count = 1,
    code_length: CodeLength | None = None,
) -> None:
    """Pretrain the network on synthetic images gated by Walsh codes (:func:`.pretraining.pretrain`).

    Settings as in :class:`.pretraining.Settings`. The controls are ``reducer`` ``gaussian`` or ``constant``, ``codes``
    ``random`` or ``none``, ``labels`` ``permuted``, and the initializer ``extra-steps``.
    """
    settings = Settings(steps, rate, reducer, codes, labels, snapshot, batch_norm, refit, code_length)
    pretrain(model, data, settings, generator)
