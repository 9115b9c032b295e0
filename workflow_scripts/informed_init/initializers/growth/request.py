"""What is asked of a growth: from names, a factor or a target network to the width of every group and the drawn copies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import CellType

import torch
from torch import nn

from ...channels.axes import Axis
from ...channels.operations import DENSE
from ...channels.rules import Coupling, Layer
from ...errors import InputError
from .mapping import Mapping as Copies
from .mapping import check_drawn, draw


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
class Plan:
    """What is to be built: the network to fill, if not the teacher's own; the drawn copies of every group; where to insert;
    and which modules only the target has."""

    coupling: Coupling
    mappings: Mapping[Axis, Copies]
    target: nn.Module | None = None
    insert: Sequence[str] = ()
    new: Sequence[str] = ()


def plan_growth(
    teacher: nn.Module, target: nn.Module | GrowthSpec | Mapping, coupling: Coupling, generator: torch.Generator
) -> Plan:
    if isinstance(target, nn.Module):
        widths = _target_widths(coupling, target)
        return Plan(coupling, _draw(coupling, widths, generator), target, new=_new_modules(teacher, target))
    if isinstance(target, Mapping):
        known = [f.name for f in fields(GrowthSpec)]
        for key in target:
            if key not in known:
                raise InputError(f"growth: unknown setting {key!r}; known: {', '.join(known)}")
        target = GrowthSpec(**target)
    if isinstance(target.insert, str):
        raise InputError(f"growth: insert is the text {target.insert!r}; give a list of names")
    _check_copied(teacher)
    mappings = _draw(coupling, _spec_widths(teacher, coupling, target), generator)
    if target.factor > 1:
        _check_complete(coupling, mappings)
    return Plan(coupling, mappings, insert=target.insert)


def _check_copied(teacher: nn.Module) -> None:
    """What a copy of the teacher would lose or share with it: hooks on gradients, and layers that a hook itself holds."""
    for name, parameter in teacher.named_parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise InputError(
                f"{name!r} has a hook on its gradient, which a student would lose: remove it, and add it after"
            )
    own = {id(part) for part in (*teacher.modules(), *teacher.parameters(), *teacher.buffers())}
    for name, module in teacher.named_modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values(), *module._backward_hooks.values()]
        for code in [*hooks, vars(module).get("forward")]:
            cells = getattr(code, "__closure__", None) or ()
            if any(
                id(cell.cell_contents) in own for cell in cells if cell != CellType()
            ):  # an empty one cannot be read
                raise InputError(
                    f"a hook of {name!r} holds a layer of the teacher, which the student's would still read: "
                    "let it look at the module that it is given, or add it after"
                )


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
    if not 1 <= spec.factor < math.inf:
        raise InputError(f"growth: factor is {spec.factor!r}; a student is never narrower: give a number from 1 on")
    asked: dict[Axis, tuple[str, int]] = {}
    first = {alias: name for name, names in aliases_of(teacher).items() for alias in names}
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


def aliases_of(model: nn.Module) -> dict[str, list[str]]:
    """The first name of every module -> all names under which it is registered."""
    first = {module: name for name, module in model.named_modules()}
    names: dict[str, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(first[module], []).append(name)
    return names
