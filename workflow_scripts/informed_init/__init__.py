"""Initialize neural networks well, and prove it.

    import informed_init

    report = informed_init.initialize_(model, "clustered", bank="resnet18-cifar100-euclid-k2", generator=0)
    print(report)                      # every tensor: what it was set from, or why it was left

``available()`` lists the initializers, ``banks()`` the filter banks that ship, ``build_bank(models)`` makes one of networks
of your own, ``grow(teacher, ...)`` makes a trained network wider or deeper without changing what it computes, and
``initializer("name")`` registers an initializer of your own. The command ``informed-init`` does the same from a shell, and
compares initializers on your images.
"""

import importlib

__version__ = "0.1.0"

# Looked up on demand: the workflow's checks and figures import this package without paying for torch, and a rule that uses
# one module is not re-run when another is edited.
_PUBLIC = {
    "Bank": "banks.bank",
    "InitializationWarning": "initializers.registry",
    "InputError": "errors",
    "Report": "initializers.report",
    "available": "discover",
    "banks": "banks",
    "build_bank": "banks.make",
    "grow": "initializers.growth",
    "initialize_": "initializers.registry",
    "initializer": "initializers.registry",
}

__all__ = [  # noqa: RUF022, what everybody needs first
    "initialize_",
    "available",
    "banks",
    "build_bank",
    "grow",
    "initializer",
    "Bank",
    "InitializationWarning",
    "InputError",
    "Report",
    "__version__",
]

TYPE_CHECKING = False  # importing typing for it would take longer than all else here
if TYPE_CHECKING:
    from . import banks
    from .banks.bank import Bank
    from .banks.make import build_bank
    from .discover import available
    from .errors import InputError
    from .initializers.growth import grow
    from .initializers.registry import InitializationWarning, initialize_, initializer
    from .initializers.report import Report


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PUBLIC[name]}")
    return module if _PUBLIC[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__file__", "__name__", "__path__"])
