"""Networks the project trains; :func:`build` makes one by name."""

from .registry import architecture, build, names

__all__ = ["architecture", "build", "names"]
