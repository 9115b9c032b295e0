"""ResNet-18 (He et al. 2016) with torchvision's layout, and the paper's custom variant.

Written out here rather than imported because importing torchvision costs every job several seconds; a test loads each
other's ``state_dict``, compares outputs with ``torchvision.models.resnet18``, and finds the same weights from the
same seed.
"""

import torch
from torch import Tensor, nn

from .registry import architecture


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm; ``residual=False`` leaves out the addition of the input."""

    def __init__(self, in_channels: int, channels: int, stride: int, residual: bool):
        super().__init__()
        downsample = None
        if stride != 1 or in_channels != channels:  # made first, as torchvision does: the order fixes the random draws
            downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)


class ResNet18(nn.Module):
    """ResNet-18 for ``(n, 3, h, w)`` images; at width 64 ``state_dict`` keys and shapes are torchvision's."""

    def __init__(self, num_classes: int = 1000, layer1_residual: bool = True, width: int = 64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(width, width, 1, layer1_residual)
        self.layer2 = self._stage(width, 2 * width, 2)
        self.layer3 = self._stage(2 * width, 4 * width, 2)
        self.layer4 = self._stage(4 * width, 8 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, num_classes)
        for module in self.modules():  # torchvision's default: He et al. 2015, fan_out
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(in_channels: int, channels: int, stride: int, residual: bool = True) -> nn.Sequential:
        return nn.Sequential(
            BasicBlock(in_channels, channels, stride, residual), BasicBlock(channels, channels, 1, residual)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


@architecture("resnet18", convolutions=17, branches=8, norms=20)
def resnet18(num_classes: int = 1000) -> ResNet18:
    """torchvision's ResNet-18: 7x7/2 stem, max-pool, four stages of two blocks."""
    return ResNet18(num_classes)


@architecture("resnet18-custom", convolutions=17, branches=6, norms=20)
def resnet18_custom(num_classes: int = 1000) -> ResNet18:
    """The paper's custom ResNet-18: both blocks of ``layer1`` without the residual addition, all else unchanged."""
    return ResNet18(num_classes, layer1_residual=False)


@architecture("resnet18-small", convolutions=17, branches=8, norms=20)
def resnet18_small(num_classes: int = 1000) -> ResNet18:
    """ResNet-18 with a quarter of the channels: the same 17 layers at a tenth of the price, for demos and tests."""
    return ResNet18(num_classes, width=16)


@architecture("resnet18-custom-small", convolutions=17, branches=6, norms=20)
def resnet18_custom_small(num_classes: int = 1000) -> ResNet18:
    """The custom ResNet-18 with a quarter of the channels."""
    return ResNet18(num_classes, layer1_residual=False, width=16)
