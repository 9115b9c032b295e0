"""Architectures by name: one file each in this folder, a builder decorated with ``@architecture("name")``."""

import importlib
from collections.abc import Callable

import torch
from torch import nn

from ..declarations import architectures
from ..errors import InputError
from ..reference_names import is_reference
from . import references

_BUILDERS: dict[str, Callable[..., nn.Module]] = {}


def architecture(name: str, *, convolutions: int | None = None, branches: int | None = None, norms: int | None = None):
    """Register ``build(num_classes, **settings) -> nn.Module`` under ``name`` (decorator).

    ``convolutions`` is how many convolutions larger than 1x1 the network has at its default settings
    (:func:`..banks.bank.bankable_layers`), ``branches`` how many residual branches
    (:func:`..initializers.fixup.residual_branches`), ``norms`` how many normalization layers with a gain; None if nobody
    counted. They are read from the source, so that the plan can refuse an initializer that would set nothing of the
    network, without torch.
    """

    def register(build):
        _BUILDERS[name] = build
        return build

    return register


def names() -> list[str]:
    """All architecture names, sorted."""
    return sorted(architectures() | _BUILDERS)


def build_for(name: str, num_classes: int, image_shape: tuple[int, int, int], seed: int | None = None) -> nn.Module:
    """Build an architecture, or the network of a reference (:mod:`.references`), for images ``(channels, height, width)``:
    builders with parameters ``in_channels`` or ``input_size`` are given them.

    Raises:
        InputError: the images do not have the three channels that the architecture is made for.
    """
    parameters = architectures()[name].parameters if name in architectures() else ()
    channels, size = image_shape[0], image_shape[1]
    if is_reference(name):
        return build(name, num_classes, seed, in_channels=channels, input_size=size)
    if channels != 3 and "in_channels" not in parameters:
        raise InputError(f"architecture {name!r} takes images of 3 channels, these have {channels}")
    fitting = {"in_channels": channels, "input_size": size}
    return build(name, num_classes, seed, **{key: value for key, value in fitting.items() if key in parameters})


def build(name: str, num_classes: int, seed: int | None = None, **settings) -> nn.Module:
    """Build an architecture; with ``seed``, its default initialization is drawn from that seed alone.

    torch's layer constructors draw from the global generator; it is forked here, so the caller's state is untouched.

    Raises:
        InputError: no architecture has that name, or a setting does not exist or has a value that its annotation does not
            allow (:mod:`..settings`); ``input_size`` is the setting that images too small for a network violate.
    """
    known = architectures()
    if is_reference(name) and name not in _BUILDERS:
        _BUILDERS[name] = references.builder(name)
    if name in known and name not in _BUILDERS:
        importlib.import_module(f"..{known[name].module}", __package__)  # only the file that declares it
    if name not in _BUILDERS:
        raise InputError(f"unknown architecture {name!r}; known: {', '.join(names())}")
    if name in known:
        known[name].check(settings)
    if seed is None:
        return _BUILDERS[name](num_classes=num_classes, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _BUILDERS[name](num_classes=num_classes, **settings)
