"""Networks the project trains; :func:`build` makes one by name."""

from .registry import architecture, build, build_for, names

__all__ = ["architecture", "build", "build_for", "names"]
