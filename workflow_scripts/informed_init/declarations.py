"""What a folder of plug-in files declares, read from their source without importing them.

``@initializer("gabor")`` in one file is all it takes to add an initializer. The workflow must know names, parameters, what
they may be, and files before any job starts and without importing torch, so decorators and signatures are found by parsing.
Settings are declared by annotations (:mod:`.settings`); one without an annotation has the type of its default. Keywords of
the decorator are facts: what an initializer ``needs`` of a network, what an architecture ``has``.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from . import settings
from .errors import InputError
from .reference_names import is_reference

PACKAGE = Path(__file__).parent
HANDED = (
    "model",
    "generator",
    "bank",
    "source",
    "teacher",
    "data",
    "schedule",
)  # what an initializer is given beside its settings
IMAGES = ("num_classes", "in_channels", "input_size")  # what an architecture is told of the images
_KNOWN = {name: getattr(builtins, name) for name in ("int", "float", "bool", "str", "list")}
_KNOWN |= {"Literal": Literal, "Annotated": Annotated, "Sequence": Sequence}
_KNOWN |= {name: value for name, value in vars(settings).items() if name[0].isupper()}


@dataclass(frozen=True)
class Declaration:
    """One registered function: its module under the package, e.g. ``initializers.gabor``, its file, its parameters.

    ``parameters`` are all names; ``schemas`` says of those with plain values what they may be (JSON Schema), ``defaults``
    what they are if not given, as written; ``facts`` are the decorator's keywords; ``summary`` is the docstring's first
    sentence.
    """

    name: str
    module: str
    path: Path
    parameters: tuple[str, ...]
    schemas: Mapping[str, dict]
    defaults: Mapping[str, str]
    facts: Mapping[str, tuple[str, ...]]
    summary: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        """The parameters that a config may set."""
        return tuple(name for name in self.parameters if name not in (*HANDED, *IMAGES))

    def violations(self, given: Mapping) -> Iterable[tuple[str, object, str]]:
        """``(setting, value, what it must be)`` for each given value that its annotation does not allow."""
        for name, value in given.items():
            if name in self.schemas and not settings.fits(value, self.schemas[name]):
                yield name, value, settings.describe(self.schemas[name])

    def check(self, given: Mapping) -> None:
        """Raise :class:`InputError` for a setting that does not exist or has a value that it cannot have."""
        for name in given:
            if name not in self.parameters:
                takes = ", ".join(self.parameters) or "none"
                raise InputError(f"{self.name!r} has no setting {name!r}; it takes: {takes}")
        for name, value, wanted in self.violations(given):
            raise InputError(f"{self.name}: {name} is {value!r}; give {wanted}")


@cache
def declared(folder: str, decorator: str) -> dict[str, Declaration]:
    """All functions in the package's ``folder`` decorated with ``@decorator("name", ...)``, by name.

    A file that is not Python is left out, so that one file under work does not take all others with it; :func:`unreadable`
    names it.
    """
    found = {}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in [] if (tree := _parsed(path)) is None else tree.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and getattr(call.func, "id", None) == decorator:
                    name = _name(call, path)
                    if name in found:
                        raise InputError(
                            f"{decorator} {name!r} is declared in {found[name].path} and in {path}; rename one"
                        )
                    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
                    facts = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
                    arguments = tuple(argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))
                    given = _schemas(node.args, path), _defaults(node.args)
                    found[name] = Declaration(name, module, path, arguments, *given, facts, _summary(node))
    return found


def unreadable(folder: str) -> list[str]:
    """The files of a folder that are not Python, each with its line and what is wrong there, in one line."""
    found = []
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        if _parsed(path) is None:
            try:
                ast.parse(path.read_text(encoding="utf-8"), str(path))
            except (SyntaxError, ValueError) as error:
                where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
                found.append(f"{path}{where}: {getattr(error, 'msg', error)}; mend the file or take it out")
    return found


def _name(call: ast.Call, path: Path) -> str:
    """The name that a decorator registers."""
    first = call.args[0] if call.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        raise InputError(f"{path}, line {call.lineno}: a decorator's name must be written out, as text in quotes")
    return first.value


def _summary(node: ast.FunctionDef) -> str:
    """The first sentence of a docstring, on one line and without markup."""
    text = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    text = re.sub(r" \(:\w+:`[^`]*`\)", "", text)
    text = re.sub(r":\w+:`\.*([^`]*)`", r"\1", text).replace("``", "")
    return re.split(r"(?<!al)\. (?=[A-Z])", text)[0].rstrip(".")


@cache
def initializers() -> dict[str, Declaration]:
    """Every initializer; ``parameters`` without the model and the generator."""
    return _without(declared("initializers", "initializer"), "model", "generator")


@cache
def architectures() -> dict[str, Declaration]:
    """Every architecture; ``parameters`` without the number of classes. Looked up by name, a reference to a network of
    another package or file (:mod:`.reference_names`) is one of them, of which nothing is known."""
    return _Networks(_without(declared("architectures", "architecture"), "num_classes"))


class _Networks(dict):
    def __missing__(self, name: str) -> Declaration:
        if not is_reference(name):
            raise KeyError(name)
        path = PACKAGE / "architectures" / "references.py"
        return Declaration(name, "architectures.references", path, ("in_channels", "input_size"), {}, {}, {})


def _without(found: Mapping[str, Declaration], *names: str) -> dict[str, Declaration]:
    return {name: replace(d, parameters=tuple(p for p in d.parameters if p not in names)) for name, d in found.items()}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _parsed(path: Path) -> ast.Module | None:
    """The syntax of a file; None if it is not Python."""
    try:
        return _tree(path)
    except (SyntaxError, ValueError):
        return None


def _pairs(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a signature, each with its default or None."""
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    return list(zip([*arguments.args, *arguments.kwonlyargs], [*defaults, *arguments.kw_defaults], strict=True))


def _defaults(arguments: ast.arguments) -> dict[str, str]:
    return {argument.arg: ast.unparse(default) for argument, default in _pairs(arguments) if default is not None}


def _schemas(arguments: ast.arguments, path: Path) -> dict[str, dict]:
    """What each parameter may be, by name; parameters that no plain value can be are left out."""
    found = {}
    for argument, default in _pairs(arguments):
        if argument.annotation is not None:
            schema = settings.schema_of(_evaluated(argument.annotation, path))
        else:
            schema = settings.schema_of(type(default.value)) if isinstance(default, ast.Constant) else None
        if schema is not None:
            found[argument.arg] = schema
    return found


def _evaluated(annotation: ast.expr, path: Path) -> object:
    """The value of an annotation; None where it names something that takes an import to know, such as a tensor."""
    try:
        return eval(ast.unparse(annotation), {"__builtins__": {}}, _Names(path))
    except (NameError, AttributeError):
        return _Unknown


class _Unknown:
    """The annotation of what no plain value can be."""


class _Names(dict):
    """The names that the annotations of one file may use: those of :mod:`.settings`, and what the file assigns, or imports
    from another file of the package that assigns it."""

    def __init__(self, path: Path):
        super().__init__(_KNOWN)
        self.path = path

    def __missing__(self, name: str) -> object:
        for node in _tree(self.path).body:
            if isinstance(node, ast.Assign) and any(getattr(target, "id", None) == name for target in node.targets):
                return eval(ast.unparse(node.value), {"__builtins__": {}}, self)
            if isinstance(node, ast.ImportFrom) and node.level and name in [alias.name for alias in node.names]:
                folder = self.path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                source = next((f for f in (folder.with_suffix(".py"), folder / "__init__.py") if f.is_file()), None)
                if source is not None:
                    return _Names(source)[name]
        raise NameError(name)
