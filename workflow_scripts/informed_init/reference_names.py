"""Names of networks that are not the project's own: ``torchvision:resnet50``, ``timm:resnet18``, ``mine.py:make``.

Read and checked here without importing torch; :mod:`.architectures.references` builds them.
"""

import ast
import importlib.util
from pathlib import Path

from .errors import InputError

PACKAGES = ("torchvision", "timm")


def is_reference(name: str) -> bool:
    """Whether a network's name says where it comes from; names of the project's own architectures hold no colon."""
    return ":" in name


def parts(reference: str) -> tuple[str, str]:
    """``(package or file, name)``.

    Raises:
        InputError: it is none of the three forms.
    """
    place, _, name = reference.rpartition(":")
    if not name.isidentifier() and not (place == "timm" and name.replace(".", "_").isidentifier()):
        raise InputError(f"{reference!r}: {name!r} is no name of a network; {FORMS}")
    if place not in PACKAGES and not place.endswith(".py"):
        raise InputError(f"{reference!r} does not say where the network comes from; {FORMS}")
    return place, name


FORMS = "write torchvision:NAME, timm:NAME or FILE.py:FUNCTION"


def check(reference: str) -> None:
    """Raise :class:`.InputError` for a reference that cannot work, as far as can be seen without importing anything."""
    place, name = parts(reference)
    if place in PACKAGES:
        if importlib.util.find_spec(place) is None:
            raise InputError(f"{reference}: {place} is not installed; pip install {place}")
        return
    try:
        tree = ast.parse(Path(place).read_text())
    except OSError as error:
        raise InputError(f"{reference}: {place} cannot be read ({error.strerror}); name a Python file") from None
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{reference}: {place} is not Python ({error}); mend the file") from None
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if name not in functions:
        raise InputError(f"{reference}: the file has no function {name!r}; it has: {', '.join(functions) or 'none'}")


def own_file(name: str) -> str | None:
    """The file that a network comes from, if it is one of the user's own."""
    if not is_reference(name) or parts(name)[0] in PACKAGES:
        return None
    return parts(name)[0]
