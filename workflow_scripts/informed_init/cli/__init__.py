"""``informed-init``: the package from a terminal. One file a subcommand, with ``arguments(parser)`` and ``run(options)``; it is
found by its name, and imported only when it is asked for, so that the others start at once.

Bad input is one line and exit status 2.
"""

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..errors import InputError

FOLDER = Path(__file__).parent


def commands() -> dict[str, str]:
    """Subcommand -> its line of help, the first of its file's docstring after the name."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        first = ast.get_docstring(ast.parse(path.read_text())).split("\n", 1)[0]
        found[path.stem.replace("_", "-")] = first.partition(": ")[2].rstrip(".")
    return found


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all other refusals do."""

    def error(self, message: str):
        self.exit(2, f"informed-init: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status."""
    given = sys.argv[1:] if arguments is None else [*arguments]  # list is a subcommand here
    parser = _Parser(prog="informed-init", description="Initialize neural networks well, and compare.")
    parser.add_argument("--version", action="version", version=f"informed-init {__version__}")
    places = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in given if not word.startswith("-")), None)
    modules = {}
    for name, words in commands().items():
        own = places.add_parser(name, help=words, description=f"{words}.")
        if name == asked:
            modules[name] = importlib.import_module(f".{name.replace('-', '_')}", __name__)
            modules[name].arguments(own)
    options = parser.parse_args(given)
    try:
        return modules[options.command].run(options)
    except InputError as error:
        print(f"informed-init: {error}", file=sys.stderr)
        return 2
