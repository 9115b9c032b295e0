"""MiT-b0, the encoder of SegFormer (Xie et al. 2021), as an image classifier; needs the package transformers."""

from typing import Annotated

from torch import Tensor, nn

from ..errors import InputError
from ..settings import Bounds
from .registry import architecture


class MitB0(nn.Module):
    """transformers' SegFormer classifier with the sizes of MiT-b0; ``forward`` returns plain logits."""

    def __init__(self, num_classes: int = 10, in_channels: int = 1):
        super().__init__()
        try:
            from transformers import SegformerConfig, SegformerForImageClassification
        except ImportError as error:
            raise InputError("mit-b0 needs the package transformers: pip install transformers") from error
        config = SegformerConfig(
            num_labels=num_classes,
            num_channels=in_channels,
            depths=[2, 2, 2, 2],
            hidden_sizes=[32, 64, 160, 256],
            num_attention_heads=[1, 2, 5, 8],
            sr_ratios=[8, 4, 2, 1],
            patch_sizes=[7, 3, 3, 3],
            strides=[4, 2, 2, 2],
            mlp_ratios=[4, 4, 4, 4],
            drop_path_rate=0.1,
        )
        self.network = SegformerForImageClassification(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(pixel_values=x).logits


@architecture("mit-b0", convolutions=18, branches=16, norms=30)
def mit_b0(
    num_classes: int = 10, in_channels: int = 1, input_size: Annotated[int, Bounds(minimum=29)] = 64
) -> nn.Module:
    """MiT-b0 from its configuration, without pretrained weights, for images of at least 29 pixels: the first attention reduces
    its map by 8x8, after a stride of 4.

    3,318,826 parameters at ten classes and one channel.

    Raises:
        InputError: transformers is not installed.
    """
    return MitB0(num_classes, in_channels)
