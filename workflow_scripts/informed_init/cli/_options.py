"""Values that subcommands take, refused by name in one line, and what a subcommand must find installed."""

import argparse
import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError


def at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number from ``least`` on."""

    def number(text: str) -> int:
        if not re.fullmatch(r"\+?\d{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is none; give a whole number of at least {least}")
        return int(text)

    return number


def device(text: str) -> str:
    """The name of a device."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is none; give auto, cpu, mps, cuda or cuda:NUMBER")
    return text


def minutes(text: str) -> float:
    """Seconds of ``45``, ``45min`` or ``1.5h``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(h|min|m|)", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30min or 2h")
    return float(found[1]) * (3600 if found[2] == "h" else 60)


def require(what: str, extra: str, *modules: str) -> None:
    """Raise :class:`.InputError` for the first of the modules that is not installed, with the extra that brings it."""
    for name in modules:
        if not _installed(name):
            raise InputError(f"{what} needs {name}, which is not installed; pip install 'informed-init[{extra}]'")


def check_place(option: str, folder: Path) -> None:
    """Raise :class:`.InputError` unless a folder can be made or written to; nothing is made."""
    found = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not found.is_dir():
        raise InputError(f"{option}: {found} is not a folder; name another, or move it out of the way")
    if not os.access(found, os.W_OK | os.X_OK):
        raise InputError(f"{option}: nothing may be written to {found}; name another folder")


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a module that is there in name alone
        return False
