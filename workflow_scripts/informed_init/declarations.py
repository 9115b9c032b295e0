"""What a folder of plug-in files declares, read from their source without importing them.

``@initializer("gabor")`` in one file is all it takes to add an initializer. The workflow must know names, parameters
and files before any job starts and without importing torch, so decorators are found by parsing.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Declaration:
    """One registered function: its module under the package, e.g. ``initializers.gabor``, its file, its parameters."""

    name: str
    module: str
    path: Path
    parameters: tuple[str, ...]


@cache
def declared(folder: str, decorator: str) -> dict[str, Declaration]:
    """All functions in the package's ``folder`` decorated with ``@decorator("name")``, by name."""
    found = {}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and getattr(call.func, "id", None) == decorator:
                    name = ast.literal_eval(call.args[0])
                    if name in found:
                        raise ValueError(f"{decorator} {name!r} is declared in {found[name].path} and in {path}")
                    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
                    arguments = tuple(argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))
                    found[name] = Declaration(name, module, path, arguments)
    return found


def initializers() -> dict[str, Declaration]:
    """Every initializer; ``parameters`` without the model and the generator."""
    return {
        name: Declaration(name, d.module, d.path, tuple(p for p in d.parameters if p not in ("model", "generator")))
        for name, d in declared("initializers", "initializer").items()
    }


def architectures() -> dict[str, Declaration]:
    """Every architecture; ``parameters`` without the number of classes."""
    return {
        name: Declaration(name, d.module, d.path, tuple(p for p in d.parameters if p != "num_classes"))
        for name, d in declared("architectures", "architecture").items()
    }
