"""Weight selection (Xu et al. 2024): a small network begins with evenly spaced weights of a large trained one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import InputError
from .layers import head_of
from .registry import initializer
from .report import was_left, was_set


@initializer("weight-selection", source="Xu et al. 2024, arXiv:2311.18823, uniform selection")
def weight_selection_(
    model: nn.Module, *, generator: torch.Generator, teacher: nn.Module | Mapping[str, Tensor]
) -> None:
    """Take of each tensor of a larger trained network of the same kind the entries at evenly spaced indices.

    Tensors are paired by their names, so that each stage takes the teacher's first layers. In every dimension where the
    teacher has t entries and the model s, index i takes i t / s if s divides t, else round(i (t - 1) / (s - 1)). As the same
    widths take the same indices, channels stay together from layer to layer. Running statistics are selected, too; the head,
    the last linear layer, belongs to the task and is left. Nothing is drawn. ``teacher`` is a network or its state dict.

    Raises:
        InputError: a tensor of the model has none of its name in the teacher, a smaller one, or one that is not finite.
    """
    state = teacher.state_dict() if isinstance(teacher, nn.Module) else teacher
    if not isinstance(state, Mapping):
        raise InputError(f"weight-selection: teacher is a {type(teacher).__name__}; give a network or its state dict")
    head = head_of(model)
    kept = set() if head is None else {id(parameter) for parameter in head.module.parameters()}
    own = "" if head is None else f"{head.layer}."
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, Tensor) and not (own and name.startswith(own)):
            tensor.copy_(selected(name, state.get(name), tensor.shape))
    for parameter in model.parameters():
        if id(parameter) in kept:
            was_left(parameter, "the head: it belongs to another task")
        else:
            was_set(parameter, "evenly spaced weights of the teacher")


def selected(name: str, given: object, shape: torch.Size) -> Tensor:
    """The evenly spaced entries of a teacher's tensor that fill a shape."""
    if not isinstance(given, Tensor):
        raise InputError(f"weight-selection: not applicable: the teacher has no {name!r}; give one of the same kind")
    if given.ndim != len(shape) or any(t < s for t, s in zip(given.shape, shape, strict=True)):
        raise InputError(
            f"weight-selection: not applicable: {name!r} is {tuple(given.shape)} in the teacher, {tuple(shape)} in the model; "
            "give a larger teacher of the same kind"
        )
    if given.is_floating_point() and not given.isfinite().all():
        raise InputError(f"weight-selection: {name!r} holds NaN or infinite values in the teacher; train it anew")
    for dimension, (t, s) in enumerate(zip(given.shape, shape, strict=True)):
        if t != s:
            given = given.index_select(dimension, evenly_spaced(t, s).to(given.device))
    return given


def evenly_spaced(given: int, wanted: int) -> Tensor:
    """``wanted`` of ``given`` indices, the paper's rule."""
    if given % wanted == 0:
        return torch.arange(wanted) * (given // wanted)
    return torch.linspace(0, given - 1, wanted, dtype=torch.float64).round().long()
