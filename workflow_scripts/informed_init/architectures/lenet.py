"""LeNet-5 (LeCun et al. 1998) as the Net2Net reproduction uses it: ReLU, max-pooling, batch norm or none."""

from collections import OrderedDict
from typing import Annotated

import torch
from torch import Tensor, nn

from ..settings import Bounds, Share
from .registry import architecture

Size = Annotated[int, Bounds(minimum=16)]  # less leaves no pixel behind the second pooling


class LeNet(nn.Module):
    """LeNet-5 for ``(n, in_channels, input_size, input_size)`` images.

    Parameter counts at the defaults and ten classes: 61,750 with batch norm, 61,706 without. ``deeper`` gives the first
    stage a second convolution that keeps the size of its maps.
    ``dropout`` acts before the second and third linear layer; without noise it is what tells copied units
    apart.
    """

    def __init__(
        self,
        num_classes: int = 10,
        batch_norm: bool = False,
        in_channels: int = 1,
        input_size: int = 32,
        widths: tuple[int, int] = (6, 16),
        dropout: float = 0.0,
        deeper: bool = False,
    ):
        super().__init__()
        side = ((input_size - 4) // 2 - 4) // 2  # two times: 5x5 without padding, then halved
        self.layer1 = self._stage(in_channels, widths[0], batch_norm, deeper)
        self.layer2 = self._stage(widths[0], widths[1], batch_norm)
        self.fc1 = nn.Linear(widths[1] * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def _stage(in_channels: int, channels: int, batch_norm: bool, deeper: bool = False) -> nn.Sequential:
        norm = [nn.BatchNorm2d(channels)] if batch_norm else []
        layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, 5), *norm, nn.ReLU(), nn.MaxPool2d(2)]
        named = {str(place): layer for place, layer in enumerate(layers)}
        if deeper:  # under a name of its own, so that all other layers keep theirs
            norm = [nn.BatchNorm2d(channels)] if batch_norm else []
            pool = named.popitem()
            named["deeper"] = nn.Sequential(nn.Conv2d(channels, channels, 5, padding=2), *norm, nn.ReLU())
            named[pool[0]] = pool[1]
        return nn.Sequential(OrderedDict(named))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.layer2(self.layer1(x)), 1)
        x = self.dropout(self.relu(self.fc1(x)))
        x = self.dropout(self.relu(self.fc2(x)))
        return self.fc3(x)


@architecture("lenet", convolutions=2, branches=0, norms=0)
def lenet(num_classes: int = 10, in_channels: int = 1, input_size: Size = 32, dropout: Share = 0.0) -> LeNet:
    """LeNet-5 without batch norm."""
    return LeNet(num_classes, False, in_channels, input_size, dropout=dropout)


@architecture("lenet-bn", convolutions=2, branches=0, norms=2)
def lenet_bn(num_classes: int = 10, in_channels: int = 1, input_size: Size = 32, dropout: Share = 0.0) -> LeNet:
    """LeNet-5 with batch norm after both convolutions."""
    return LeNet(num_classes, True, in_channels, input_size, dropout=dropout)


@architecture("lenet-bn-wider", convolutions=2, branches=0, norms=2)
def lenet_bn_wider(num_classes: int = 10, in_channels: int = 1, input_size: Size = 32, dropout: Share = 0.0) -> LeNet:
    """LeNet-5 with batch norm and ten instead of six channels in its first layer (63,462 parameters)."""
    return LeNet(num_classes, True, in_channels, input_size, widths=(10, 16), dropout=dropout)


@architecture("lenet-bn-deeper", convolutions=3, branches=0, norms=3)
def lenet_bn_deeper(num_classes: int = 10, in_channels: int = 1, input_size: Size = 32, dropout: Share = 0.0) -> LeNet:
    """LeNet-5 with batch norm and a second convolution in its first stage (62,668 parameters)."""
    return LeNet(num_classes, True, in_channels, input_size, dropout=dropout, deeper=True)


@architecture("lenet-bn-both", convolutions=3, branches=0, norms=3)
def lenet_bn_both(num_classes: int = 10, in_channels: int = 1, input_size: Size = 32, dropout: Share = 0.0) -> LeNet:
    """LeNet-5 with batch norm, wider and deeper in its first stage."""
    return LeNet(num_classes, True, in_channels, input_size, widths=(10, 16), dropout=dropout, deeper=True)
