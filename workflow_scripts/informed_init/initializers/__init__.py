"""Initializers: in place, from a generator, chosen by name with :func:`initialize_`."""

from .registry import initialize_, initializer, names

__all__ = ["initialize_", "initializer", "names"]
