"""Weights of a trained source network."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..banks.sources import Source
from ..errors import InputError
from ..files import load_tensors
from .registry import initializer


@initializer("pretrained")
def pretrained_(
    model: nn.Module, *, generator: torch.Generator, source: Source | Mapping[str, Tensor] | str | Path
) -> None:
    """Copy every tensor of a source but its classifier head (the last linear layer), which belongs to another task.

    Raises:
        InputError: a tensor of the model is missing from the source, or differs in shape.
    """
    if isinstance(source, Source):
        source = source.state_dict()
    state = source if isinstance(source, Mapping) else load_tensors(source)[0]
    head = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    for name, tensor in model.state_dict().items():
        if name.startswith(f"{head}."):
            continue
        if name not in state or state[name].shape != tensor.shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise InputError(f"pretrained: {name!r} is {tuple(tensor.shape)} in the model, {found} in the source")
        tensor.copy_(state[name])
