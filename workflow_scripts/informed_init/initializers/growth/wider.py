"""Net2WiderNet: the tensors of a wider student, from the teacher's and one mapping per coupling group.

Copied channels are written as copies, and whatever reads them divides its weight by the number of copies
(Chen et al. 2016, algorithm 1). Here one mapping serves all layers of a coupling group, so residual and
concatenated networks need no care; batch norm's running statistics travel with their channels, so the student
also agrees in evaluation mode.
"""

from collections.abc import Mapping as MappingType
from math import prod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...channels.axes import Axis, Layout
from ...channels.operations import CONVOLUTIONS, DENSE
from ...channels.rules import Layer
from .mapping import Entries, Mapping, entries

Pad = Literal["he", "paper", "published"]
PADS = get_args(Pad)


def widened(
    layer: Layer, mappings: MappingType[Axis, Mapping], random_pad: str | None, generator: torch.Generator
) -> dict[str, Tensor]:
    """The student's parameters and buffers of one layer, by their names in the layer.

    With ``random_pad`` the teacher's entries are kept unscaled and all others are drawn (:func:`_pad`).
    """
    rows = entries(layer.rows, mappings, layer.name)
    columns = None if layer.columns is None else entries(layer.columns, mappings, layer.name)
    groups = 1 if columns is None else getattr(layer.module, "groups", 1)
    tensors = {}
    for name, tensor in layer.module.state_dict().items():
        if tensor.ndim == 0:  # batch norm's count of batches
            tensors[name] = tensor.clone()
        elif name == "weight" and columns is not None:
            blocks = tensor.chunk(groups)
            tensors[name] = torch.cat(
                [
                    _weight(block, *(e.block(i, groups, layer.name) for e in (rows, columns)), random_pad, generator)
                    for i, block in enumerate(blocks)
                ]
            )
        else:
            tensors[name] = _vector(layer, name, tensor, rows, random_pad, generator)
    return tensors


def widened_vector(name: str, tensor: Tensor, layout: Layout, mappings: MappingType[Axis, Mapping]) -> Tensor:
    """A parameter of the code's own with its channels copied along ``layout``, in either mode: a copied scale is as good
    a start as any."""
    return tensor.index_select(layout.dim, entries(layout, mappings, name).index.to(tensor.device))


def _weight(old: Tensor, rows: Entries, columns: Entries, random_pad: str | None, generator: torch.Generator) -> Tensor:
    """Rows and columns copied; the columns divided by their counts unless the new ones are random."""
    if rows.unchanged and columns.unchanged:
        return old.clone()
    new = old[rows.index.to(old.device)][:, columns.index.to(old.device)]
    tail = (1,) * (old.ndim - 2)
    if random_pad is None:
        return new / columns.counts.to(new).view(1, -1, *tail)
    kept = ~rows.copies.view(-1, 1, *tail) & ~columns.copies.view(1, -1, *tail)
    return torch.where(kept.to(new.device), new, _pad(new, old, random_pad, generator))


def _vector(
    layer: Layer, name: str, old: Tensor, rows: Entries, random_pad: str | None, generator: torch.Generator
) -> Tensor:
    """A tensor with rows only: bias, a norm's tensors, PReLU's slopes, a depthwise convolution's weight."""
    new = old[rows.index.to(old.device)]
    if random_pad is None or rows.unchanged:
        return new.clone()
    kept = ~rows.copies.view(-1, *(1,) * (old.ndim - 1)).to(new.device)
    if isinstance(layer.module, nn.PReLU):
        return new  # the slope of some channel is as good a start as any
    if name in ("running_mean", "running_var"):  # no statistics are known for the new channels
        return torch.where(kept, new, torch.full_like(new, float(name == "running_var")))
    convolution_or_linear = isinstance(layer.module, DENSE)
    if random_pad != "published" and not convolution_or_linear:
        return torch.where(kept, new, torch.full_like(new, float(name == "weight")))
    if random_pad == "he" and name == "bias":
        return torch.where(kept, new, torch.zeros_like(new))
    return torch.where(kept, new, _pad(new, old, random_pad, generator))


def _pad(new: Tensor, old: Tensor, random_pad: str, generator: torch.Generator) -> Tensor:
    """Random numbers of the student's shape.

    ``he``: variance 2 / fan-in of the student (He et al. 2015). ``paper``: the standard deviation of the
    teacher's tensor; the paper extends the teacher's matrices with random numbers and leaves their scale
    open. ``published``: 0.01, as the published reproduction does, for batch norm too, which leaves its new
    channels all but dead.
    """
    if random_pad == "he":
        std = (2 / prod(new.shape[1:])) ** 0.5
    elif random_pad == "paper":
        std = old.std(correction=0).item()
    else:
        std = 0.01
    return _normal(new, generator) * std


def add_noise_(
    module: nn.Module,
    layer: Layer,
    mappings: MappingType[Axis, Mapping],
    noise: str,
    sigma: float,
    generator: torch.Generator,
) -> None:
    """Add Gaussian noise, in place, to those weights of the student's ``module`` that make copied channels.

    ``absolute``: standard deviation ``sigma``; ``relative``: ``sigma`` times that of the weight of the
    teacher's ``layer``. The original channels stay as they are.
    """
    rows = entries(layer.rows, mappings, layer.name)
    if rows.unchanged or not isinstance(module, DENSE):
        return
    copies = rows.copies.view(-1, *(1,) * (module.weight.ndim - 1)).to(module.weight.device)
    std = sigma if noise == "absolute" else sigma * layer.module.weight.std(correction=0).item()
    with torch.no_grad():
        module.weight += torch.where(copies, _normal(module.weight, generator) * std, 0.0)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    draws = torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype)
    return draws.to(like.device)


def write_(module: nn.Module, tensors: MappingType[str, Tensor]) -> None:
    """Give a module its new tensors, in place; the parameters stay trainable or frozen."""
    for name, tensor in tensors.items():
        if module._parameters.get(name) is not None:
            requires_grad = module._parameters[name].requires_grad
            module._parameters[name] = nn.Parameter(tensor.detach(), requires_grad=requires_grad)
        else:
            module._buffers[name] = tensor.detach()


def resize_(module: nn.Module, rows: int, depthwise: bool) -> None:
    """Make the size attributes of a layer agree with its tensors, and with its ``rows`` channels."""
    if isinstance(module, CONVOLUTIONS):
        if depthwise:
            multiplier = module.out_channels // module.in_channels
            module.in_channels = module.groups = rows // multiplier
        else:
            module.in_channels = module.weight.shape[1] * module.groups
        module.out_channels = rows
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = rows
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = rows
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = (rows, *module.normalized_shape[1:])
    else:
        module.num_features = rows
