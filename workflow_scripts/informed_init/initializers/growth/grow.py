"""The entry point: from a teacher to a wider or deeper student that computes the same function."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...channels.axes import Axis
from ...channels.operations import DENSE
from ...channels.rules import Coupling, Layer, couple
from ...channels.trace import duplicate
from ...errors import InputError
from .comparison import Grown, check_preserved
from .deeper import deepen_, fill_new_
from .mapping import Mapping as Copies
from .mapping import check_drawn, draw, entries
from .wider import PADS, Pad, add_noise_, resize_, widened, widened_vector, write_

Noise = Literal["none", "absolute", "relative"]
NOISES = get_args(Noise)


@dataclass(frozen=True)
class GrowthSpec:
    """What to grow, where no target network is given.

    ``widths``: a layer's name -> its new number of output channels; layers whose channels are coupled to it
    follow.
    ``factor``: for all other coupling groups, new = round(factor x old), up to the next multiple that grouped
    layers need.
    ``insert``: layers or residual blocks after which to insert one of the same kind; see
    :func:`deeper.deepen_`.
    """

    widths: Mapping[str, int] = field(default_factory=dict)
    factor: float = 1.0
    insert: Sequence[str] = ()


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
    in both, inserted layers with batch norm in evaluation mode. The student is compared with the teacher on
    ``example_input`` before noise is added. Without noise (or dropout) copied channels receive the same
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
    if noise not in NOISES:
        raise InputError(f"noise is {noise!r}; choose one of {', '.join(NOISES)}")
    if not sigma >= 0:
        raise InputError(f"sigma is {sigma!r}; the noise needs a standard deviation of 0 or more")
    if random_pad is not None and random_pad not in PADS:
        raise InputError(f"random_pad is {random_pad!r}; choose one of {', '.join(PADS)}, or None for Net2Net")
    if random_pad is not None and noise != "none":
        raise InputError(f"random_pad draws all new channels; noise is {noise!r} but must be 'none' with it")
    coupling = couple(teacher, example_input)
    if next(teacher.parameters(), None) is None:
        raise InputError(f"{type(teacher).__name__} has no parameters to grow")
    plan = _plan(teacher, target, coupling, generator)
    if random_pad is None:
        sample = (
            None if data is None else example_input
        )  # whatever its statistics, an inserted batch norm is the identity
        probing = torch.Generator().manual_seed(0)
        hint = "its code depends on the widths"
        if plan.insert:
            hint += " or on the layers that it is made of"
        if plan.new:
            hint = f"its new layers ({', '.join(plan.new)}) cannot all start as the identity"
        check_preserved(
            teacher, lambda probe: _build(probe, plan, None, example_input, sample, probing), example_input, hint
        )
    grown = _build(teacher, plan, random_pad, example_input, data, generator)
    if noise != "none":
        for name, layer in coupling.layers.items():
            add_noise_(grown.layers[name], layer, plan.mappings, noise, sigma, generator)
    return grown.student


def _build(
    teacher: nn.Module,
    plan: "_Plan",
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
    aliases = _aliases(teacher)
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


# From a request to widths -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """What is to be built: the network to fill, if not the teacher's own; the drawn copies of every group; where to insert;
    and which modules only the target has."""

    coupling: Coupling
    mappings: Mapping[Axis, Copies]
    target: nn.Module | None = None
    insert: Sequence[str] = ()
    new: Sequence[str] = ()


def _plan(
    teacher: nn.Module, target: nn.Module | GrowthSpec | Mapping, coupling: Coupling, generator: torch.Generator
) -> _Plan:
    if isinstance(target, nn.Module):
        widths = _target_widths(coupling, target)
        return _Plan(coupling, _draw(coupling, widths, generator), target, new=_new_modules(teacher, target))
    if isinstance(target, Mapping):
        known = [f.name for f in fields(GrowthSpec)]
        for key in target:
            if key not in known:
                raise InputError(f"growth: unknown setting {key!r}; known: {', '.join(known)}")
        target = GrowthSpec(**target)
    if isinstance(target.insert, str):
        raise InputError(f"growth: insert is the text {target.insert!r}; give a list of names")
    for name, parameter in teacher.named_parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise InputError(
                f"{name!r} has a hook on its gradient, which a student would lose: remove it, and add it after"
            )
    mappings = _draw(coupling, _spec_widths(teacher, coupling, target), generator)
    if target.factor > 1:
        _check_complete(coupling, mappings)
    return _Plan(coupling, mappings, insert=target.insert)


def _check_complete(coupling: Coupling, mappings: Mapping[Axis, Copies]) -> None:
    """A factor means the whole network: what growth cannot see must not stay as it was without a word."""
    if coupling.opaque:
        name, where = next(iter(coupling.opaque.items()))
        at = "" if where == name else f" ({where})"
        raise InputError(
            f"growth: factor: {name!r} makes channels that growth cannot widen{at}; name the layers to widen in widths"
        )
    if not mappings:
        raise InputError(
            "growth: factor: no layer can be widened but the network's output; docs/net2net.md says what can"
        )


def _draw(coupling: Coupling, widths: Mapping[Axis, int], generator: torch.Generator) -> dict[Axis, Copies]:
    mappings = {axis: draw(axis, width, generator) for axis, width in widths.items()}
    check_drawn(coupling, mappings)
    return mappings


def _spec_widths(teacher: nn.Module, coupling: Coupling, spec: GrowthSpec) -> dict[Axis, int]:
    if not spec.factor >= 1:
        raise InputError(f"growth: factor is {spec.factor!r}; a student is never narrower, so use 1 or more")
    asked: dict[Axis, tuple[str, int]] = {}
    first = {alias: name for name, names in _aliases(teacher).items() for alias in names}
    for name, width in spec.widths.items():
        layer = coupling.layers.get(first.get(name, name))
        if layer is None or not isinstance(layer.module, DENSE) or layer.depthwise:
            why = "has no width of its own" if layer is not None else "is not called by the forward pass"
            if any(maker == name or maker.startswith(f"{name}.") for maker in coupling.opaque):
                why = "computes its outputs in code of its own"
            raise InputError(f"growth: widths: {name!r} {why}; name a convolution or linear layer")
        if not isinstance(width, int):
            raise InputError(f"growth: widths: {name!r} is {width!r}; give a whole number of channels")
        axis = layer.rows.segments[0].axis.root()
        other, other_width = asked.setdefault(axis, (name, width))
        if other_width != width:
            raise InputError(
                f"growth: widths: {other!r} and {name!r} share channels, but get {other_width} and {width}"
            )
    widths = {axis: width for axis, (_, width) in asked.items()}
    for axis in coupling.axes():
        if axis in widths or any(pin.kind == "boundary" for pin in axis.pins):
            continue
        width = int(axis.size * spec.factor + 0.5)
        widths[axis] = -(-width // axis.blocks) * axis.blocks
    return widths


def _target_widths(coupling: Coupling, target: nn.Module) -> dict[Axis, int]:
    """The width of each group in the target, which must hold the teacher's layers under the same names."""
    modules = dict(target.named_modules())
    widths: dict[Axis, tuple[str, int]] = {}
    for name, layer in coupling.layers.items():
        module = modules.get(name)
        if module is None:
            raise InputError(f"the target has no layer {name!r}; it must keep the teacher's names")
        _check_same_kind(name, layer, module)
    for axis in coupling.axes():
        # A size written as a number in the code is the target's own affair: its code holds the new one.
        axis.pins[:] = [pin for pin in axis.pins if pin.kind != "literal"]
        for name in axis.layers:
            width = len(modules[name].weight)
            first, first_width = widths.setdefault(axis, (name, width))
            if width != first_width:
                raise InputError(
                    f"{first!r} and {name!r} share channels; the target gives them {first_width} and {width}"
                )
    return {axis: width for axis, (_, width) in widths.items()}


def _check_same_kind(name: str, layer: Layer, module: nn.Module) -> None:
    old = layer.module
    if type(old) is not type(module):
        raise InputError(
            f"layer {name!r} is {type(old).__name__} in the teacher and {type(module).__name__} in the target"
        )
    settings = ["kernel_size", "stride", "padding", "dilation", "padding_mode", "eps", "num_groups"]
    settings += [] if layer.depthwise else ["groups"]
    for setting in settings:
        before, after = getattr(old, setting, None), getattr(module, setting, None)
        if before != after:
            raise InputError(f"layer {name!r}: {setting} is {before} in the teacher, {after} in the target")


def _new_modules(teacher: nn.Module, target: nn.Module) -> list[str]:
    """The topmost modules that only the target has."""
    old = dict(teacher.named_modules())
    return [n for n, _ in target.named_modules() if n not in old and n.rpartition(".")[0] in old]


def _aliases(model: nn.Module) -> dict[str, list[str]]:
    """The first name of every module -> all names under which it is registered."""
    first = {module: name for name, module in model.named_modules()}
    names: dict[str, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(first[module], []).append(name)
    return names


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
