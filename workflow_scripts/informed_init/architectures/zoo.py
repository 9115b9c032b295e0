"""The networks of the Sup-Walsh study: an MLP and five networks of torchvision, for small images.

torchvision's networks are made for 224x224 color images and 1000 classes. As in the published code, their first
convolution is replaced by one for ``in_channels`` and their last layer by one for ``num_classes``; both new layers have
torch's default initialization, all others torchvision's. No weights are downloaded. torchvision is imported when
a network is built, not before: the import takes seconds.

Parameter counts at ten classes and 1x64x64 images: base-mlp 2,843,760, alexnet 57,023,178, resnet50 23,522,250,
vgg19 139,610,058, googlenet 5,603,882 (11,983,866 with its auxiliary heads), squeezenet 731,146.
"""

from typing import Annotated

import torch
from torch import Tensor, nn

from ..settings import Bounds, Share
from .registry import architecture


class BaseMlp(nn.Module):
    """Three hidden layers of 640, 320 and 50 ReLU units on the pixels, dropout before the last layer; returns logits.

    The published network ends in a log-softmax ahead of a cross-entropy that takes the log-softmax again; the second
    changes nothing, so leaving out the first gives the same losses and gradients.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, input_size: int = 64, dropout: float = 0.5):
        super().__init__()
        self.fc1 = nn.Linear(in_channels * input_size * input_size, 640)
        self.fc2 = nn.Linear(640, 320)
        self.fc3 = nn.Linear(320, 50)
        self.fc4 = nn.Linear(50, num_classes)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.fc1(torch.flatten(x, 1)))
        x = self.relu(self.fc3(self.relu(self.fc2(x))))
        return self.fc4(self.dropout(x))


@architecture("base-mlp", convolutions=0, branches=0, norms=0)
def base_mlp(num_classes: int = 10, in_channels: int = 1, input_size: int = 64, dropout: Share = 0.5) -> nn.Module:
    """The study's own MLP for ``(n, in_channels, input_size, input_size)`` images."""
    return BaseMlp(num_classes, in_channels, input_size, dropout)


def _for_channels(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    """A new convolution of the same geometry for images of ``in_channels`` channels."""
    has_bias = conv.bias is not None
    return nn.Conv2d(in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=has_bias)


@architecture("alexnet", convolutions=5, branches=0, norms=0)
def alexnet(
    num_classes: int = 10, in_channels: int = 1, input_size: Annotated[int, Bounds(minimum=57)] = 64
) -> nn.Module:
    """torchvision's AlexNet with a 5x5 first kernel instead of 11x11, as published; images of at least 57 pixels.

    64x64 images leave one pixel, which the pooling ahead of the classifier repeats 36 times.
    """
    from torchvision import models

    model = models.alexnet()
    model.features[0] = nn.Conv2d(in_channels, 64, kernel_size=5, stride=4, padding=2)
    model.classifier[6] = nn.Linear(4096, num_classes)
    return model


@architecture("resnet50", convolutions=17, branches=16, norms=53)
def resnet50(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """torchvision's ResNet-50 for images of any size."""
    from torchvision import models

    model = models.resnet50()
    model.conv1 = _for_channels(model.conv1, in_channels)
    model.fc = nn.Linear(2048, num_classes)
    return model


@architecture("vgg19", convolutions=16, branches=0, norms=0)
def vgg19(
    num_classes: int = 10, in_channels: int = 1, input_size: Annotated[int, Bounds(minimum=32)] = 64
) -> nn.Module:
    """torchvision's VGG-19 without batch norm, for images of at least 32 pixels."""
    from torchvision import models

    model = models.vgg19()
    model.features[0] = _for_channels(model.features[0], in_channels)
    model.classifier[6] = nn.Linear(4096, num_classes)
    return model


@architecture("googlenet", convolutions=20, branches=0, norms=57)
def googlenet(
    num_classes: int = 10,
    in_channels: int = 1,
    input_size: Annotated[int, Bounds(minimum=15)] = 64,
    auxiliary: bool = False,
) -> nn.Module:
    """torchvision's GoogLeNet with batch norm, for images of at least 15 pixels; always returns plain logits.

    ``auxiliary`` builds the two auxiliary heads as published: for 1000 classes, run in training, and in no loss. Their
    weights are frozen, so that training leaves them alone.
    """
    from torchvision import models

    model = models.googlenet(aux_logits=auxiliary, init_weights=True)
    model.conv1.conv = _for_channels(model.conv1.conv, in_channels)
    model.fc = nn.Linear(1024, num_classes)
    if auxiliary:
        model.aux_logits = False  # in training the forward then returns the logits instead of a tuple of three
        model.aux1.requires_grad_(False)
        model.aux2.requires_grad_(False)
    return model


@architecture("squeezenet", convolutions=9, branches=0, norms=0)
def squeezenet(
    num_classes: int = 10, in_channels: int = 1, input_size: Annotated[int, Bounds(minimum=21)] = 64
) -> nn.Module:
    """torchvision's SqueezeNet 1.0, for images of at least 21 pixels.

    Its head is a convolution followed by a ReLU, so no logit is negative, and a class whose map dies stays at zero.
    """
    from torchvision import models

    model = models.squeezenet1_0()
    model.features[0] = _for_channels(model.features[0], in_channels)
    model.classifier[1] = nn.Conv2d(512, num_classes, kernel_size=1)
    return model
