"""The entry point: from a teacher to a wider or deeper student that computes the same function."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...channels.rules import couple
from ...channels.trace import duplicate
from ...errors import InputError
from .comparison import Grown, check_preserved, check_student, unwatched
from .deeper import deepen_, fill_new_
from .mapping import entries
from .request import GrowthSpec, Plan, aliases_of, plan_growth
from .wider import PADS, Pad, add_noise_, resize_, widened, widened_vector, write_

Noise = Literal["none", "absolute", "relative"]
NOISES = get_args(Noise)


@dataclass(frozen=True)
class CouplingGroup:
    """Layers whose outputs share one list of ``channels``; ``fixed`` says why it cannot be widened, if so."""

    layers: tuple[str, ...]
    channels: int
    fixed: str | None


def grow(
    teacher: nn.Module,
    target: nn.Module | GrowthSpec | Mapping,
    *,
    example_input: Tensor,
    generator: torch.Generator,
    noise: Noise = "none",
    sigma: float = 0.01,
    random_pad: Pad | None = None,
    data: Tensor | Iterable[Tensor] | None = None,
) -> nn.Module:
    """A student that computes what ``teacher`` does: Net2WiderNet, Net2DeeperNet or both (Chen et al. 2016).

    Widening is exact in evaluation and in training mode (dropout aside), inserted residual blocks are exact
    in both, inserted layers with batch norm in evaluation mode. All this is compared before anything is returned
    (:func:`.comparison.check_preserved`), and before noise is added. Without noise (or dropout) copied channels receive the same
    gradient forever and never learn to differ.

    Args:
        teacher: the trained network; not changed.
        target: a network of the same code with wider layers, or with more of them (new layers and residual
            blocks become the identity); not changed. Or a :class:`GrowthSpec`, or a mapping with its fields.
        example_input: images ``(n, channels, h, w)`` on the teacher's device; they give the shapes and the
            comparison.
        generator: draws which channels are copied, the noise and the pads.
        noise: ``none``, ``absolute`` (``sigma``) or ``relative`` (``sigma`` x the weight's standard
            deviation), added to the copies' own weights.
        sigma: the size of the noise.
        random_pad: not Net2Net but its baseline: new channels get random numbers, ``he``, ``paper`` or
            ``published``.
        data: training images (a tensor, or batches), needed if batch norm is inserted.

    Returns:
        The student, on the teacher's device, in its precision and its training or evaluation mode.

    Raises:
        InputError: anything that cannot be preserved; the message names the layer and the reason.
    """
    _check_numbers(noise, sigma, random_pad)
    coupling = couple(teacher, example_input)
    if next(teacher.parameters(), None) is None:
        raise InputError(f"{type(teacher).__name__} has no parameters to grow")
    plan = plan_growth(teacher, target, coupling, generator)
    if random_pad is None:
        _check_plan(teacher, plan, example_input, has_data=data is not None)
    grown = _build(teacher, plan, random_pad, example_input, data, generator)
    if random_pad is None:
        check_student(teacher, grown.student, example_input)
    if noise != "none":
        for name, layer in coupling.layers.items():
            add_noise_(grown.layers[name], layer, plan.mappings, noise, sigma, generator)
    return grown.student


def _check_numbers(noise: str, sigma: float, random_pad: str | None) -> None:
    """Raise :class:`InputError` for settings of :func:`grow` that mean nothing, alone or together."""
    if noise not in NOISES:
        raise InputError(f"noise is {noise!r}; choose one of {', '.join(NOISES)}")
    if not sigma >= 0:
        raise InputError(f"sigma is {sigma!r}; the noise needs a standard deviation of 0 or more")
    if random_pad is not None and random_pad not in PADS:
        raise InputError(f"random_pad is {random_pad!r}; choose one of {', '.join(PADS)}, or None for Net2Net")
    if random_pad is not None and noise != "none":
        raise InputError(f"random_pad draws all new channels; noise is {noise!r} but must be 'none' with it")


def _check_plan(teacher: nn.Module, plan: Plan, example_input: Tensor, *, has_data: bool) -> None:
    """Raise :class:`InputError` if a student of other random numbers, built as planned, does not compute what it should."""
    sample = example_input if has_data else None  # whatever its statistics, an inserted batch norm is the identity
    probing = torch.Generator().manual_seed(0)
    hint = "its code depends on the widths"
    if plan.insert:
        hint += " or on the layers that it is made of"
    if plan.new:
        hint = f"its new layers ({', '.join(plan.new)}) cannot all start as the identity"
    silent = replace(plan, target=plan.target and unwatched(plan.target))
    check_preserved(
        teacher, lambda probe: _build(probe, silent, None, example_input, sample, probing), example_input, hint
    )


def _build(
    teacher: nn.Module,
    plan: Plan,
    random_pad: str | None,
    example_input: Tensor,
    data: Tensor | Iterable[Tensor] | None,
    generator: torch.Generator,
) -> Grown:
    """The student of ``teacher``, which is the planned one or a copy of it with other numbers, in its precision."""
    student = duplicate(teacher)
    if plan.target is not None:
        like = next(teacher.parameters())
        student = duplicate(plan.target).to(like.device, like.dtype).train(teacher.training)
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, layer in plan.coupling.layers.items():
        own = replace(layer, module=teacher.get_submodule(name))
        tensors[name] = widened(own, plan.mappings, random_pad, generator)
    for name, layout in plan.coupling.vectors.items():
        owner, _, key = name.rpartition(".")
        tensor = teacher.get_submodule(owner).state_dict(keep_vars=True)[key].detach()
        tensors.setdefault(owner, {})[key] = widened_vector(name, tensor, layout, plan.mappings)
    aliases = aliases_of(teacher)
    if plan.target is not None:
        _fill_rest_(teacher, student, tensors, aliases)
    grown = {name: student.get_submodule(name) for name in plan.coupling.layers}  # insertion may change their names
    for name, layer in plan.coupling.layers.items():
        for module in _modules(student, aliases[name]):
            write_(module, tensors[name])
            resize_(module, len(entries(layer.rows, plan.mappings, name)), layer.depthwise)
    for name in tensors.keys() - grown.keys():
        for module in _modules(student, aliases[name]):
            write_(module, tensors[name])
    inserted, norms = {}, []
    if plan.insert:
        like = next(student.parameters())
        x = example_input.to(like.dtype) if example_input.is_floating_point() else example_input
        inserted, norms = deepen_(student, plan.insert, x, data, generator)
    if plan.new:
        norms = fill_new_(student, plan.new, data)
    return Grown(student, grown, inserted, norms)


def net2wider(
    teacher: nn.Module, widths: Mapping[str, int] | None = None, *, factor: float = 1.0, **options
) -> nn.Module:
    """:func:`grow` by width alone."""
    return grow(teacher, GrowthSpec(widths=widths or {}, factor=factor), **options)


def net2deeper(teacher: nn.Module, insert: Sequence[str], **options) -> nn.Module:
    """:func:`grow` by depth alone."""
    return grow(teacher, GrowthSpec(insert=insert), **options)


def coupling_groups(model: nn.Module, example_input: Tensor) -> list[CouplingGroup]:
    """Which layers of ``model`` must be widened together, in the order of the computation."""
    groups = []
    for axis in couple(model, example_input).axes():
        fixed = f"{axis.pins[0].layer!r} {axis.pins[0].reason}" if axis.pins else None
        groups.append(CouplingGroup(tuple(axis.layers), axis.size, fixed))
    return groups


# Building ------------------------------------------------------------------------------------------


def _modules(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """The modules of those names, each once."""
    modules = dict(model.named_modules(remove_duplicate=False))
    return list(dict.fromkeys(modules[name] for name in names if name in modules))


def _fill_rest_(
    teacher: nn.Module, target: nn.Module, tensors: Mapping[str, Mapping[str, Tensor]], aliases: Mapping[str, list[str]]
) -> None:
    """Every tensor of the teacher has its place in the target, and the target's shape; those of no layer are copied."""
    theirs = target.state_dict()
    first = {alias: name for name, names in aliases.items() for alias in names}
    for key, tensor in teacher.state_dict().items():
        name, _, part = key.rpartition(".")
        ours = tensors.get(first[name], {}).get(part, tensor)
        if key not in theirs:
            raise InputError(f"layer {name!r}: the target has no {part!r}")
        if theirs[key].shape != ours.shape:
            why = "" if first[name] in tensors else " (growth does not know how to widen it)"
            wanted, got = tuple(theirs[key].shape), tuple(ours.shape)
            raise InputError(f"layer {name!r}: {part} would be {got}, the target has {wanted}{why}")
        if part not in tensors.get(first[name], {}):
            with torch.no_grad():
                theirs[key].copy_(tensor)
