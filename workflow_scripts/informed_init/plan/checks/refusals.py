"""How a config is refused: one line that names the place, what is wrong with it, and the remedy."""

import difflib
from collections.abc import Iterable
from typing import NoReturn

from ...errors import InputError


def refuse(where: str, wrong: str, remedy: str) -> NoReturn:
    """Raise the :class:`InputError` that ends a check: ``where`` is the key, ``remedy`` what to do about ``wrong``."""
    raise InputError(f"{where}: {wrong}; {remedy}")


def shown(value: object) -> str:
    """A value as Python writes it, shortened to a part of a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def hint(name: object, choices: Iterable[str]) -> str:
    """The remedy for a name that does not exist: the nearest one that does, or what there is."""
    choices = sorted(choices)
    lower = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(str(name).lower(), lower, 1, cutoff=0.5)  # two letters of four exchanged
    if near:
        return f"did you mean {lower[near[0]]!r}?"
    if not choices:
        return "there is none; leave it out"
    listed = ", ".join(choices[:8])
    return f"known: {listed}" if len(choices) <= 8 else f"known: {listed} and {len(choices) - 8} more"


def check_known(name: str, choices: Iterable[str], where: str, what: str) -> None:
    """Refuse a ``name`` that is none of the ``choices``."""
    choices = list(choices)
    if name not in choices:
        refuse(where, f"{what} {name!r} does not exist", hint(name, choices))
