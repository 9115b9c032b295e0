"""Codes of +1 and -1, one a class, that gate the support network."""

from typing import Literal

import torch
from scipy.linalg import hadamard
from torch import Tensor

from ...errors import InputError

Codes = Literal["walsh", "random", "none"]
CodeLength = Literal[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]  # rows of a Hadamard matrix


def code_length(classes: int) -> int:
    """The next power of two above the number of classes: 16 for ten."""
    return 1 << classes.bit_length()


def walsh_codes(classes: int, length: int | None = None) -> Tensor:
    """Rows 1 to ``classes`` of Sylvester's Hadamard matrix, float32 ``(classes, length)``, orthogonal to each other.

    Row 0 is all ones, a gate that does nothing, and so is left out, as published. ``length`` is :func:`code_length`
    if None.

    Raises:
        InputError: the length is no power of two, or there are not more of its rows than classes.
    """
    length = code_length(classes) if length is None else length
    if length < 1 or length & (length - 1):
        raise InputError(f"sup-walsh: code_length must be a power of two, got {length}")
    if length <= classes:
        raise InputError(
            f"sup-walsh: {classes} classes need a code_length of at least {code_length(classes)}, got {length}"
        )
    return torch.from_numpy(hadamard(length)[1 : classes + 1]).float()


def class_codes(kind: Codes, classes: int, length: int | None, generator: torch.Generator) -> Tensor:
    """The codes of an arm, float32 ``(classes, length)``: ``walsh``, ``random`` signs, or ``none`` (all ones)."""
    walsh = walsh_codes(classes, length)
    if kind == "walsh":
        return walsh
    return torch.ones_like(walsh) if kind == "none" else torch.randint(2, walsh.shape, generator=generator) * 2.0 - 1
