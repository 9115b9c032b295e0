"""Initializers by name.

A new initializer is one file in this folder: a function ``f_(model, *, generator, ...)`` decorated with
``@initializer("name")``. If it has a parameter ``bank``, ``source``, ``teacher`` or ``data``, the workflow hands it a bank, a
source's weights, a trained network or training images; its other parameters are the arm's settings in the config. Their
annotations (``Literal["none", "he"]``, ``Count``, ... of :mod:`..settings`) say what they may be, once for config and call.
"""

import importlib
from collections.abc import Callable

import torch
from torch import nn

from ..declarations import initializers
from ..errors import InputError

_FUNCTIONS: dict[str, Callable] = {}


def initializer(name: str, *, needs: str | None = None):
    """Register an in-place initializer ``f_(model, *, generator, **settings)`` under ``name`` (decorator).

    ``needs`` names what a network must have for it to set anything: ``convolutions`` or ``branches`` (those facts of
    :func:`..architectures.registry.architecture`). It is read from the source, so that the plan knows it without torch.
    """

    def register(function):
        _FUNCTIONS[name] = function
        return function

    return register


def names() -> list[str]:
    """All initializer names, sorted."""
    return sorted(initializers() | _FUNCTIONS)


def initialize_(model: nn.Module, name: str, *, generator: torch.Generator | None = None, **settings) -> nn.Module:
    """Apply an initializer to ``model`` in place and return the model.

    ``generator`` is a CPU generator (torch's default one when None); ``settings`` are the initializer's own parameters.

    Raises:
        InputError: the initializer or a setting of it does not exist, has a value that its annotation does not allow, or
            does not fit the model.
    """
    known = initializers()
    if name in known and name not in _FUNCTIONS:
        importlib.import_module(f"..{known[name].module}", __package__)  # only the file that declares it
    if name not in _FUNCTIONS:
        raise InputError(f"unknown initializer {name!r}; known: {', '.join(names())}")
    if name in known:
        known[name].check(settings)
    with torch.no_grad():
        _FUNCTIONS[name](model, generator=generator or torch.default_generator, **settings)
    return model
