"""Seeds derived from names.

Every random draw of the project comes from a seed that is a hash of what the draw is for, so that adding an arm, a
replica or a job never shifts the draws of another one, and arms that share a purpose, task and replica are paired by
construction.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(*names: str | int) -> int:
    """A 63-bit seed from names, e.g. ``derive_seed("order", "cifar100-10-11", 3)``.

    Names are joined with a separator that no name may contain, so ``("a", "bc")`` and ``("ab", "c")`` differ.
    """
    if not names:
        raise ValueError("derive_seed needs at least one name")
    parts = [str(name) for name in names]
    for part in parts:
        if "\x1f" in part:
            raise ValueError(f"a seed name may not contain the separator: {part!r}")
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*names: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A ``torch.Generator`` seeded by :func:`derive_seed`."""
    import torch  # imported here: the workflow derives seeds while parsing, where torch would cost seconds

    return torch.Generator(device=device).manual_seed(derive_seed(*names))
