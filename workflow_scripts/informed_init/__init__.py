"""Initialize neural networks well, and prove it.

import informed_init
informed_init.initialize_(model, "clustered", bank="bank.safetensors", match="depth")
"""

import importlib

# Looked up on demand: the workflow's checks and figures import this package without paying for torch, and a rule that uses
# one module is not re-run when another is edited.
_PUBLIC = {"initialize_": "initializers", "Bank": "banks", "build": "architectures", "grow": "initializers.growth"}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
