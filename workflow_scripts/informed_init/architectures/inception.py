"""The Inception of the Net2Net reproduction: GoogLeNet (Szegedy et al. 2015) with batch norm.

No auxiliary heads. ``factor`` scales the width of every convolution inside the nine modules and leaves the
stem alone; Net2Net (Chen et al. 2016) uses ``factor = sqrt(0.3)`` for the teacher, about 30 % of the weights
of each module.
"""

import math
from collections import OrderedDict
from typing import Annotated

import torch
from torch import Tensor, nn

from ..settings import Bounds, Share
from .registry import architecture

Factor = Annotated[float, Bounds(minimum=1 / 16)]  # less leaves the narrowest layer without channels

# Per module: 1x1 | 1x1, 3x3 | 1x1, 5x5 | 1x1 after the pooling.
WIDTHS = {
    "stage3": [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    "stage4": [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    "stage5": [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
}


def _conv(in_channels: int, channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution with bias and "same" padding, batch norm, ReLU."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2),
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
        )
    )


class InceptionModule(nn.Module):
    """Four branches on the same input, concatenated along the channels in the order branch1 to branch4."""

    def __init__(self, in_channels: int, widths: tuple[int, ...], deeper: bool = False):
        super().__init__()
        c1, c2a, c2b, c3a, c3b, c4 = widths
        self.branch1 = _conv(in_channels, c1, 1)
        self.branch2 = nn.Sequential(_conv(in_channels, c2a, 1), _conv(c2a, c2b, 3))
        if deeper:
            self.branch2.append(_conv(c2b, c2b, 3))
        self.branch3 = nn.Sequential(_conv(in_channels, c3a, 1), _conv(c3a, c3b, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), _conv(in_channels, c4, 1))
        self.out_channels = c1 + c2b + c3b + c4

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Inception(nn.Module):
    """Inception for ``(n, in_channels, h, w)`` images, h and w at least 33 to keep the last maps meaningful.

    Parameter counts at ten classes: 5,998,362 (``factor`` 1), 1,886,577 (``factor`` sqrt(0.3)). ``deeper`` gives the second
    branch of every module one more 3x3 convolution.
    """

    def __init__(
        self,
        num_classes: int = 10,
        factor: float = 1.0,
        in_channels: int = 3,
        dropout: float = 0.0,
        deeper: bool = False,
    ):
        super().__init__()
        self.stem1 = nn.Sequential(_conv(in_channels, 64, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.stem2 = nn.Sequential(_conv(64, 64, 1), _conv(64, 192, 3), nn.MaxPool2d(3, 2, 1))
        channels = 192
        for name, stage in WIDTHS.items():
            modules: list[nn.Module] = []
            for widths in stage:
                modules.append(InceptionModule(channels, tuple(int(factor * width) for width in widths), deeper))
                channels = modules[-1].out_channels
            if name != "stage5":
                modules.append(nn.MaxPool2d(3, 2, 1))
            setattr(self, name, nn.Sequential(*modules))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage5(self.stage4(self.stage3(self.stem2(self.stem1(x)))))
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))


@architecture("inception", convolutions=20, branches=0, norms=57)
def inception(num_classes: int = 10, factor: Factor = 1.0, in_channels: int = 3, dropout: Share = 0.0) -> Inception:
    """Inception with batch norm; ``factor`` scales the widths inside the modules (truncated to integers)."""
    return Inception(num_classes, factor, in_channels, dropout)


@architecture("inception-narrow", convolutions=20, branches=0, norms=57)
def inception_narrow(num_classes: int = 10, in_channels: int = 3, dropout: Share = 0.0) -> Inception:
    """The teacher of Net2Net's experiment: widths inside the modules times sqrt(0.3)."""
    return Inception(num_classes, math.sqrt(0.3), in_channels, dropout)


@architecture("inception-deeper", convolutions=29, branches=0, norms=66)
def inception_deeper(num_classes: int = 10, in_channels: int = 3, dropout: Share = 0.0) -> Inception:
    """The narrow network with a second 3x3 convolution in every module's second branch."""
    return Inception(num_classes, math.sqrt(0.3), in_channels, dropout, deeper=True)


@architecture("inception-both", convolutions=29, branches=0, norms=66)
def inception_both(num_classes: int = 10, in_channels: int = 3, dropout: Share = 0.0) -> Inception:
    """The full width, and a second 3x3 convolution in every module's second branch."""
    return Inception(num_classes, 1.0, in_channels, dropout, deeper=True)
