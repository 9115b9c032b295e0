"""The local modules a script imports, so that they can be inputs of the rule that runs it.

Snakemake does not notice when a helper module changes. With these files as inputs, compared by checksum, editing a
helper re-runs exactly its users.
"""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .place import workflow_folder

ROOT = Path(__file__).parents[2]  # where the package is imported from
PACKAGE = "informed_init"


# an import statement, in brackets over several lines or to the end of its line; parsing whole files takes ten times as long
_IMPORT = re.compile(r"^[ \t]*((?:from\s+[.\w]+\s+)?import\s+(?:\([^)]*\)|[^\n;]+))", re.MULTILINE)
# what follows is for type checkers alone and never runs
_TYPES_ALONE = re.compile(r"^([ \t]*)if TYPE_CHECKING:\n(?:\1[ \t]+[^\n]*\n|[ \t]*\n)*", re.MULTILINE)


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """The files of the package that one file imports, its parent packages included."""
    package = (
        list(path.relative_to(ROOT).parent.parts) if path.is_relative_to(ROOT) else []
    )  # an installed script has none
    found = []
    for node in _statements(path.read_text()):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            found += [base] + [[*base, alias.name] for alias in node.names]
    return tuple(file for parts in found if parts[0] == PACKAGE for file in _files(parts))


def _statements(text: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement in a piece of code, nested ones included; also one in its words, which does no harm."""
    for match in _IMPORT.finditer(_TYPES_ALONE.sub("", text)):
        try:
            yield ast.parse(match[1]).body[0]
        except SyntaxError:
            continue  # words that begin like one


@cache
def _has_code(path: Path) -> bool:
    """Whether a file holds more than words about it."""
    body = ast.parse(path.read_text()).body
    return not all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def _files(parts: list[str]) -> list[Path]:
    """The file of a module and the ``__init__`` files above it that hold code; nothing for a name that is no module."""
    path = ROOT.joinpath(*parts)
    own = [path / "__init__.py", path.with_suffix(".py")]
    above = [ROOT.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts))]
    return [file for file in above + own if file.is_file() and (file.name != "__init__.py" or _has_code(file))]


@cache
def code(script: str, *plugins: str) -> tuple[str, ...]:
    """A script under ``workflow_scripts`` and every local module it imports, directly or not.

    Paths are relative to the working directory, so that a checkout that is moved re-runs nothing.
    ``plugins`` names modules that are imported by name at run time, e.g. ``initializers.gabor``.
    """
    waiting = [workflow_folder() / "workflow_scripts" / script]
    for plugin in plugins:
        waiting += _files([PACKAGE, *plugin.split(".")])
    found = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    return tuple(sorted(os.path.relpath(path) for path in found))


def own_code(script: str, *plugins: str) -> list[str]:
    """The files of :func:`code` that plug-ins bring: what of a shared job's code is one arm's alone."""
    return sorted(set(code(script, *plugins)) - set(code(script)))
