"""Initializers by name.

A new initializer is one file in this folder: a function ``f_(model, *, generator, ...)`` decorated with
``@initializer("name")``. If it has a parameter ``bank``, ``source``, ``teacher``, ``data`` or ``schedule``, the workflow hands it
a bank, a source's weights, a trained network, training images, or the training's learning rate, steps and momentum; its other
parameters are the arm's settings in the config. Their annotations (``Literal["none", "he"]``, ``Count``, ... of
:mod:`..settings`) say what they may be, once for config and call.
It may fail at any point: :func:`initialize_` then puts the model back.
"""

import contextlib
import difflib
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping

import torch
from torch import nn

from ..declarations import initializers, unreadable
from ..errors import InputError
from .data import checked_data
from .models import require_ordinary, unwrapped
from .report import Report, listening, report_on
from .transaction import all_or_nothing

_FUNCTIONS: dict[str, Callable] = {}
_UNLABELED: set[str] = set()  # those that make no use of labels
LARGEST_SEED = 2**63 - 1


class InitializationWarning(UserWarning):
    """The model was initialized, but the report holds a caution."""


def initializer(name: str, *, needs: str | None = None, source: str | None = None, labels: bool = True):
    """Register an in-place initializer ``f_(model, *, generator, **settings)`` under ``name`` (decorator).

    ``needs`` names what a network must have for it to set anything: ``convolutions``, ``branches`` or ``norms`` (those facts
    of :func:`..architectures.registry.architecture`); ``source`` the paper it is from. Both are read from the source code, so
    that the plan and listings know them without torch.

    Raises:
        InputError: another function has that name.
    """

    def register(function):
        known = initializers()
        owner = f"{__package__.rpartition('.')[0]}.{known[name].module}" if name in known else None
        other = _FUNCTIONS.get(name)
        taken = other is not None and (other.__module__, other.__qualname__) != (
            function.__module__,
            function.__qualname__,
        )
        if taken or (owner is not None and function.__module__ != owner):
            where = owner or other.__module__
            raise InputError(f"an initializer {name!r} is registered by {where}; give yours another name")
        _FUNCTIONS[name] = function
        (_UNLABELED.discard if labels else _UNLABELED.add)(name)
        return function

    return register


def names() -> list[str]:
    """All initializer names, sorted."""
    return sorted(initializers() | _FUNCTIONS)


def function(name: str) -> Callable:
    """The function registered under ``name``; its file is imported if it was not yet.

    Raises:
        InputError: there is no initializer of that name.
    """
    if not isinstance(name, str):
        raise InputError(f"the initializer is a {type(name).__name__}; give its name, one of informed_init.available()")
    known = initializers()
    if name in known and name not in _FUNCTIONS:
        with torch.random.fork_rng(devices=[]):  # modules that draw while they are imported make no first call another
            importlib.import_module(f"..{known[name].module}", __package__)  # only the file that declares it
    if name not in _FUNCTIONS:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        broken = "".join(f"; left out: {line}" for line in unreadable("initializers"))
        raise InputError(f"unknown initializer {name!r}; {hint}known: {', '.join(names())}{broken}")
    return _FUNCTIONS[name]


def initialize_(
    model: nn.Module, name: str, *, generator: torch.Generator | int | None = None, **settings: object
) -> Report:
    """Set the weights of ``model`` in place by the initializer ``name``, and return what was set and what was left.

    All or nothing: on any error the model (tensors, ``requires_grad``, gradients, modes, hooks), ``generator`` and the
    global random states are as they were before the call.

    Args:
        model: any module whose weights are ordinary tensors, on any device; inside ``torch.compile``, ``DataParallel`` and
            the like the network itself is meant. During the call a copy of its tensors is held on its device.
        name: one of :func:`informed_init.available`.
        generator: a CPU generator, or a seed for a new one. None draws from torch's global generator and advances it, as
            the functions of ``torch.nn.init`` do. Weights do not depend on the model's device.
        settings: the initializer's own parameters, e.g. ``bank="resnet18-cifar100-euclid-k2"``.

    Raises:
        InputError: the initializer or a setting of it does not exist, has a value that its annotation does not allow, or
            does not fit the model; one line.

    Warns:
        InitializationWarning: for each of the report's cautions.
    """
    require_ordinary(model)
    model = unwrapped(model)
    apply = function(name)
    given = _settings_of(name, apply, settings)
    rng = random_source(generator)
    with all_or_nothing(model, rng) as before, listening() as notes, torch.no_grad(), _on_the_cpu():
        apply(model, generator=rng, **given)
        report = report_on(model, name, before, notes)
    for text in report.cautions:
        warnings.warn(f"{name}: {text}", InitializationWarning, stacklevel=2)
    return report


def random_source(generator: torch.Generator | int | None) -> torch.Generator:
    """The generator to draw from: the given one, a new one of a seed (0 is a seed), or torch's global one for None."""
    if generator is None:
        return torch.default_generator
    if isinstance(generator, torch.Generator):
        if generator.device.type != "cpu":
            raise InputError(
                f"generator is on {generator.device}; weights are drawn on the CPU: give torch.Generator() or a seed"
            )
        return generator
    if isinstance(generator, bool) or not hasattr(generator, "__index__"):
        raise InputError(f"generator is a {type(generator).__name__}; give a torch.Generator, a whole number or None")
    seed = generator.__index__()
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"generator is the seed {seed}; give one from 0 to 2^63 - 1")
    return torch.Generator("cpu").manual_seed(seed)


def _settings_of(name: str, apply: Callable, settings: Mapping[str, object]) -> Mapping[str, object]:
    """The settings, if the initializer has all of them and needs no other."""
    if name in initializers():
        initializers()[name].check(settings)
    own = {key: p for key, p in inspect.signature(apply).parameters.items() if key not in ("model", "generator")}
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own.values()):
        return settings
    if unknown := sorted(set(settings) - set(own)):
        takes = ", ".join(own) or "none"
        raise InputError(f"initializer {name!r} has no setting {unknown[0]!r}; it takes: {takes}")
    missing = [key for key, p in own.items() if p.default is inspect.Parameter.empty and settings.get(key) is None]
    if missing:
        raise InputError(f"initializer {name!r} needs {missing[0]}=...: {_WANTED.get(missing[0], 'it has no default')}")
    return (
        settings | {"data": checked_data(name, settings["data"], name not in _UNLABELED)} if "data" in own else settings
    )


_WANTED = {
    "bank": "a name of informed_init.banks(), a file, or a bank made by informed_init.build_bank",
    "data": "(images, labels), tensors of shape (n, channels, height, width) and (n,)",
    "schedule": "(learning rate, number of steps, momentum) of the training that follows",
    "source": "the weights to start from: a state dict or a .safetensors file",
    "teacher": "the trained network to grow from",
}


def _on_the_cpu() -> contextlib.AbstractContextManager:
    """Undo a default device other than the CPU: what is drawn must not depend on it."""
    if torch.get_default_device().type == "cpu":
        return contextlib.nullcontext()
    return torch.device("cpu")
