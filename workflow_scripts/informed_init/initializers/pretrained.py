"""Weights of a trained source network."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..banks.sources import Source
from ..errors import InputError
from ..files import load_tensors
from .layers import head_of
from .registry import initializer
from .report import was_left, was_set


@initializer("pretrained")
def pretrained_(
    model: nn.Module, *, generator: torch.Generator, source: Source | Mapping[str, Tensor] | str | Path
) -> None:
    """Copy every tensor of a source but its classifier head, which belongs to another task.

    The head is the last linear layer, or the last layer with a weight in a network without linear layers.

    Raises:
        InputError: a tensor of the model is missing from the source, differs in shape, or is not finite there.
    """
    if isinstance(source, Source):
        source = source.state_dict()
    state = source if isinstance(source, Mapping) else load_tensors(source)[0]
    classifier = head_of(model)
    head = None if classifier is None else classifier.layer
    for name, tensor in model.state_dict().items():
        if (head and name.startswith(f"{head}.")) or not isinstance(tensor, Tensor):
            continue
        given = state.get(name)
        if not isinstance(given, Tensor) or given.shape != tensor.shape:
            what = tuple(given.shape) if isinstance(given, Tensor) else "nothing"
            raise InputError(f"pretrained: {name!r} is {tuple(tensor.shape)} in the model, {what} in the source")
        if given.is_floating_point() and not given.isfinite().all():
            raise InputError(f"pretrained: {name!r} holds NaN or infinite values in the source")
        tensor.copy_(given)
    kept = set() if head is None else {id(p) for p in model.get_submodule(head).parameters()}
    for parameter in model.parameters():
        if id(parameter) in kept:
            was_left(parameter, "the head: it belongs to another task")
        else:
            was_set(parameter, "the source's")
