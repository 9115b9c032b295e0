"""How far a student is from its teacher: measured on images, and as the guard that no growth passes without."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...channels.trace import at_least_two, duplicate, first_line, is_dropout
from ...errors import InputError
from .calibration import mode

# Of two computations of the same function in double precision; batch norm in training mode enlarges rounding errors.
TOLERANCE = 1e-6
# Two images on maps of one pixel make batch norm a sign function: a network of a hundred layers is chaotic there.
IMAGES = 8
SEED = 0


class _NoDropout(TorchFunctionMode):
    """Inside, dropout that is called as a function returns what it is given."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if "dropout" in getattr(func, "__name__", ""):
            return args[0] if args else kwargs["input"]
        return func(*args, **(kwargs or {}))


def outputs(model: nn.Module, x: Tensor, training: bool = False, frozen: Iterable[nn.Module] = ()) -> list[Tensor]:
    """All numbers that ``model`` returns for ``x``, as a flat list. A copy runs, so that nothing is noted in the model.

    Dropout is off and other random numbers are the same in every call; the modules ``frozen`` are in evaluation mode, too.
    """
    with mode(model, training):
        for module in model.modules():
            if is_dropout(module):
                module.training = False
        for module in frozen:
            module.eval()
        ran = duplicate(model)
        with torch.no_grad(), torch.random.fork_rng([x.device] if x.is_cuda else []), _NoDropout():
            torch.manual_seed(SEED)
            return list(_tensors(ran(x)))


def _tensors(value) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def fidelity(teacher: nn.Module, student: nn.Module, x: Tensor) -> dict[str, float]:
    """Largest absolute difference of the outputs for the images ``x``, in both modes, dropout off.

    Returns:
        ``eval`` and ``train``: max |teacher - student|; ``eval_scale`` and ``train_scale``: max |teacher|.
    """
    result = {}
    for name, training in (("eval", False), ("train", True)):
        theirs, ours = outputs(teacher, x, training), outputs(student, x, training)
        result[name] = max((a - b).abs().max().item() for a, b in zip(theirs, ours, strict=True))
        result[f"{name}_scale"] = max(a.abs().max().item() for a in theirs)
    return result


# The guard ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grown:
    """A student, its ``layers`` by their names in the teacher, and what was put in: ``inserted`` modules by the place that
    was asked for, and those of the new batch norms that are the identity by their measured statistics, and so in
    evaluation mode alone."""

    student: nn.Module
    layers: dict[str, nn.Module]
    inserted: dict[str, nn.Module] = field(default_factory=dict)
    measured: Sequence[nn.Module] = ()


def check_preserved(teacher: nn.Module, build: Callable[[nn.Module], Grown], example_input: Tensor, hint: str) -> None:
    """Compare outputs in evaluation and in training mode: the last guard, for code whose effect a graph does not show.

    What is compared is not the student itself, whose head may hide everything (zeros, say), but the student that
    ``build`` makes of the teacher with random weights, on random images of the shape of ``example_input``, in double
    precision. Only where the network does not run like that, as many images as are given, its own weights, and its own
    precision are used. Modules that were inserted must have run.

    Raises:
        InputError: a difference, with ``hint`` as the likely reason, or no numbers to compare; one line.
    """
    name = type(teacher).__name__
    for dtype in (torch.float64, None):
        for least in (IMAGES, 1, 0):
            try:
                probe, x = _probe(teacher, example_input, dtype, least)
                theirs = [outputs(probe, x, training) for training in (False, True)]
            except Exception:  # whatever the user's code does with other numbers; the next probe has its own
                continue
            values = [tensor for part in theirs for tensor in part]
            if not all(tensor.isfinite().all() for tensor in values) or not any(
                _tells_apart(tensor) for tensor in values
            ):
                continue
            grown = build(probe)
            tolerance = TOLERANCE if dtype else torch.finfo(values[0].dtype).eps ** 0.5
            return _compare(name, theirs, grown, x, tolerance, hint)
    raise InputError(f"{name} returns no finite numbers that differ between images; no student can be compared with it")


def _tells_apart(output: Tensor) -> bool:
    """Whether an output differs between images; what does not depend on them says nothing of the layers."""
    return output.ndim > 0 and bool((output != output[:1]).any())


def check_student(teacher: nn.Module, student: nn.Module, x: Tensor) -> None:
    """The student itself, in its own precision: that it is what the guard let pass, and its measured statistics are numbers.

    Raises:
        InputError: it does not compute what its teacher does.
    """
    for theirs, our in zip(outputs(teacher, x), outputs(student, x), strict=True):
        tolerance = torch.finfo(theirs.dtype).eps ** 0.5 * max(1.0, theirs.abs().max().item())
        difference = (theirs - our).abs().max().item()
        if not difference <= tolerance:
            raise InputError(
                f"the student of {type(teacher).__name__} differs from it by {difference:.3g} on example_input; "
                "are its weights and data= finite?"
            )


def unwatched(model: nn.Module) -> nn.Module:
    """A copy whose hooks on the network as a whole are gone: who counts its images is not told of what is compared."""
    model = duplicate(model)
    model._forward_hooks.clear()
    model._forward_pre_hooks.clear()
    return model


def _compare(name: str, theirs: list[list[Tensor]], grown: Grown, x: Tensor, tolerance: float, hint: str) -> None:
    ran: set[str] = set()
    for place, module in grown.inserted.items():
        module.register_forward_hook(lambda *_, place=place: ran.add(place))
    for words, training, expected in zip(("evaluation", "training"), (False, True), theirs, strict=True):
        try:
            ours = outputs(grown.student, x, training, grown.measured)
        except Exception as error:
            raise InputError(f"the student of {name} does not run: {first_line(error)} ({hint})") from error
        if [tensor.shape for tensor in ours] != [tensor.shape for tensor in expected]:
            raise InputError(f"the student of {name} would return tensors of other shapes: {hint}")
        for their, our in zip(expected, ours, strict=True):
            scale, difference = their.abs().max().item(), (their - our).abs().max().item()
            if not difference <= tolerance * scale:
                raise InputError(
                    f"the student of {name} would differ from it by {difference / scale if scale else difference:.2g} of "
                    f"its outputs' size in {words} mode: {hint}"
                )
    for place in grown.inserted:
        if place not in ran:
            raise InputError(
                f"cannot deepen at {place!r}: what is inserted there never runs, as the code calls the layer itself"
            )


def _probe(
    teacher: nn.Module, example_input: Tensor, dtype: torch.dtype | None, least: int
) -> tuple[nn.Module, Tensor]:
    """A copy of the teacher and images for it, in ``dtype`` if given; with random weights and at ``least`` so many random
    images, or with its own weights and ``example_input`` if that is 0."""
    probe, x = unwatched(teacher), at_least_two(example_input)
    if dtype is not None:
        probe = probe.to(dtype)
        x = x.to(dtype) if x.is_floating_point() else x
    if least:
        generator = torch.Generator().manual_seed(SEED)
        _draw_(probe, generator)
        if x.is_floating_point():
            x = _normal(x.new_empty(max(len(x), least), *x.shape[1:]), generator)
    return probe, x


def _draw_(model: nn.Module, generator: torch.Generator) -> None:
    """Random numbers in place of all parameters and of batch norms' statistics: nothing is zero, nothing vanishes."""
    with torch.no_grad():
        for module in model.modules():
            for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
                if tensor is None or not tensor.is_floating_point():
                    continue
                if name in module._buffers and name not in ("running_mean", "running_var"):
                    continue
                if tensor.ndim > 1:  # He's scale, for which deep networks neither vanish nor explode
                    tensor.copy_(_normal(tensor, generator) * (2 / tensor[0].numel()) ** 0.5)
                elif name in ("bias", "running_mean"):
                    tensor.copy_(_normal(tensor, generator) / 4)
                else:  # scales, slopes and variances
                    tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
