"""LSUV (Mishkin & Matas 2016): layer-sequential unit variance, measured on a batch of training images."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError, some
from ..settings import Bounds
from .forward import batch_statistics, running
from .layers import Weight, raw_parameters, weights
from .registry import initializer
from .report import caution, was_set
from .traditional import fill_


class _Scaling:
    """Hooks that divide each of some weights by the standard deviation of what comes out of it, once, while the batch runs."""

    def __init__(self, chosen: Sequence[Weight], name: str, drawn: str, known: Mapping[str, tuple[str, str]]):
        self.name, self.drawn, self.known = name, drawn, known
        self.weights: dict[nn.Module, list[Weight]] = {}
        for weight in chosen:
            self.weights.setdefault(weight.module, []).append(weight)
        self.waiting = [weight for found in self.weights.values() for weight in found]
        self.hooks = []
        for module in self.weights:
            if isinstance(module, nn.MultiheadAttention):
                self.hooks.append(module.register_forward_pre_hook(self.attention_begins, with_kwargs=True))
                self.hooks.append(module.register_forward_hook(self.attention_ends))
            else:
                self.hooks.append(module.register_forward_hook(self.layer_ran))

    def divisor(self, weight: Weight, output: Tensor) -> Tensor:
        """The standard deviation of an output that varies."""
        std = output.std()
        if not (torch.isfinite(std) and std > 0):
            raise InputError(
                f"{self.name}: not applicable: the output of layer {weight.layer!r} has variance {std.item() ** 2:g} on the "
                "batch; use another initializer"
            )
        return std

    def scale(self, weight: Weight, output: Tensor) -> Tensor | None:
        """Scale a weight and return its scaled output; None if it has its scale from an earlier call."""
        if weight not in self.waiting:
            return None
        self.waiting.remove(weight)
        std = self.divisor(weight, output)
        drawn, detail = self.known.get(weight.name, (self.drawn, ""))
        weight.set_(weight.get() / std, f"{drawn}, scaled to an output variance of one", detail)
        return output / std

    def layer_ran(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return self.scale(self.weights[module][0], output)

    def attention_begins(self, module: nn.MultiheadAttention, inputs: tuple, named: dict) -> None:
        """Queries, keys and values: what each of the three projections makes of what attention is given."""
        given = [*inputs, *(named[name] for name in ("query", "key", "value")[len(inputs) :])][:3]
        for place, weight in enumerate(self.weights[module]):
            if weight not in self.waiting:
                continue
            self.waiting.remove(weight)
            blocks, values = weight.get().chunk(weight.parts), given if weight.parts == 3 else given[place : place + 1]
            stds = [self.divisor(weight, F.linear(x, block)) for x, block in zip(values, blocks, strict=True)]
            scaled = torch.cat([block / std for block, std in zip(blocks, stds, strict=True)])
            weight.set_(scaled, f"{self.drawn}; queries, keys and values each scaled to a variance of one")

    def attention_ends(self, module: nn.MultiheadAttention, inputs: tuple, output: Sequence) -> tuple | None:
        """The output projection, whose layer is never called: attention takes its weight."""
        if module.out_proj not in self.weights:
            return None
        scaled = self.scale(self.weights[module.out_proj][0], output[0])
        return None if scaled is None else (scaled, *output[1:])


@initializer("lsuv", source="Mishkin & Matas 2016, arXiv:1511.06422")
def lsuv_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
) -> None:
    """Orthogonal weights, then each layer in the order of execution scaled so that its output's variance is one.

    ``data`` are the training images ``(n, c, h, w)`` and their labels; ``batch_size`` images, chosen by
    ``generator``, are looked at. Applies to every weight of :func:`.layers.weights`, the head included, with biases zero;
    normalization layers keep their defaults. With zero bias the output is proportional to the weight, so
    one division is exact where the paper iterates, and one forward pass serves all layers: each layer's rescaled output
    is what the next one sees. Of ``nn.MultiheadAttention`` the projections of queries, keys and values are scaled each, then
    the projection of its output. Layers that do not run stay orthogonal, and the report names them.

    Raises:
        InputError: fewer than two images, or a layer whose output does not vary or is not finite.
    """
    images = data[0]
    if len(images) < 2:
        raise InputError(f"lsuv: a variance needs two images; {len(images)} given")
    fill_(model, lambda weight: nn.init.orthogonal_(weight, generator=generator))
    unit_variance_(model, weights(model), images, generator, batch_size, "lsuv", "orthogonal")


def unit_variance_(
    model: nn.Module,
    chosen: Sequence[Weight],
    images: Tensor,
    generator: torch.Generator,
    batch_size: int,
    name: str,
    drawn: str,
    known: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Scale ``chosen`` weights of a model, in the order of execution, so that their outputs on a batch have variance one, in
    the name of an initializer; ``drawn`` says in the report what they were before, ``known`` of some by their names, with a
    detail."""
    looked_at = torch.randperm(len(images), generator=generator)[:batch_size]
    scaling = _Scaling(chosen, name, drawn, known or {})
    try:
        with batch_statistics(model), running(name, images):
            model(images[looked_at.to(images.device)].to(next(model.parameters())))
    finally:
        for hook in scaling.hooks:
            hook.remove()
    for weight in scaling.waiting:
        was_set(next(iter(raw_parameters(weight.module, weight.attribute))), f"{drawn}; it did not run on the batch")
    if scaling.waiting:
        names = some([weight.name for weight in scaling.waiting])
        caution(f"{len(scaling.waiting)} weights did not run on the batch and are not scaled: {names}")
