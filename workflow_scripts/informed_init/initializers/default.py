"""The network's own default initialization: the baseline of every comparison."""

import torch
from torch import nn

from .registry import initializer
from .report import was_left


@initializer("default")
def default_(model: nn.Module, *, generator: torch.Generator) -> None:
    """Leave the model as its constructor made it (for torchvision's ResNet-18: He et al. 2015, fan_out)."""
    for parameter in model.parameters():
        was_left(parameter, "as the network's constructor made it")
