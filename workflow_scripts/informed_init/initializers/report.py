"""What an initializer did to a model, tensor by tensor, found by comparing before and after.

An initializer says why in a word or two (:func:`was_set`, :func:`was_left`, :func:`caution`); whether a tensor changed is
never taken from it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from .transaction import Held, Snapshot

BLOCK = 4096


@dataclass(frozen=True)
class Row:
    """One tensor of the model.

    ``scale_before`` and ``scale_after`` are root mean squares, the standard deviation about zero; None for an empty tensor.
    ``why`` says what a tensor was set from, or why it was left, and ``detail`` what is true of this tensor alone.
    """

    name: str
    shape: tuple[int, ...]
    set: bool
    why: str
    scale_before: float | None
    scale_after: float | None
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """What :func:`initialize_` did: ``rows`` for every parameter, and every buffer that changed; ``cautions`` in words.

    ``print(report)`` shows all rows as a table, ``report`` alone in a notebook or shell a summary.
    ``pandas.DataFrame(report.rows)`` makes a data frame.
    """

    initializer: str
    rows: tuple[Row, ...]
    cautions: tuple[str, ...] = ()

    @property
    def set(self) -> tuple[Row, ...]:
        """The rows of what was set."""
        return tuple(row for row in self.rows if row.set)

    @property
    def left(self) -> tuple[Row, ...]:
        """The rows of what was left as it was."""
        return tuple(row for row in self.rows if not row.set)

    def __getitem__(self, name: str) -> Row:
        """The row of a tensor, e.g. ``report["conv1.weight"]``."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def summary(self) -> str:
        """How many tensors were set and left, by reason, and the cautions."""
        lines = [f"{self.initializer}: {len(self.set)} of {len(self.rows)} tensors set, {len(self.left)} left"]
        for word, rows in (("set", self.set), ("left", self.left)):
            for why, count in Counter(row.why for row in rows).most_common():
                lines.append(f"  {word} {count:4}  {why}")
        return "\n".join(lines + [f"  caution: {text}" for text in self.cautions])

    def __repr__(self) -> str:
        return self.summary()

    def __str__(self) -> str:
        head = ("tensor", "shape", "scale before", "after", "what happened")
        table = [head] + [
            (row.name, _shape(row.shape), _number(row.scale_before), _number(row.scale_after), _happened(row))
            for row in self.rows
        ]
        widths = [max(len(cells[column]) for cells in table) for column in range(4)]
        lines = [self.summary().splitlines()[0]]
        for name, shape, before, after, what in table:
            line = f"{name:{widths[0]}}  {shape:>{widths[1]}}  {before:>{widths[2]}}  {after:>{widths[3]}}  {what}"
            lines.append(line.rstrip())
        return "\n".join(lines + [f"caution: {text}" for text in self.cautions])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _happened(row: Row) -> str:
    return f"{'set' if row.set else 'left'}: {row.why}" + (f" ({row.detail})" if row.detail else "")


@dataclass
class Notes:
    """What an initializer says while it runs, by the identity of the tensor it speaks of."""

    set: dict[int, tuple[str, str]] = field(default_factory=dict)
    left: dict[int, tuple[str, str]] = field(default_factory=dict)
    cautions: list[str] = field(default_factory=list)


_NOTES: ContextVar[Notes | None] = ContextVar("notes", default=None)


@contextmanager
def listening() -> Iterator[Notes]:
    """Collect what initializers say inside the block."""
    notes = Notes()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def was_set(tensor: Tensor, why: str, detail: str = "") -> None:
    """Say what a parameter was set from; what is said last counts. ``why`` is the same for many tensors."""
    if (notes := _NOTES.get()) is not None:
        notes.set[id(tensor)] = why, detail


def was_left(tensor: Tensor, why: str, detail: str = "") -> None:
    """Say why a parameter was left as it was."""
    if (notes := _NOTES.get()) is not None:
        notes.left[id(tensor)] = why, detail


def caution(text: str) -> None:
    """Say what the user should know, e.g. that the network cannot train from here."""
    if (notes := _NOTES.get()) is not None and text not in notes.cautions:
        notes.cautions.append(text)


def report_on(model: nn.Module, initializer: str, before: Snapshot, notes: Notes) -> Report:
    """Compare a model with how it was."""
    rows: dict[str, Row] = {}
    first_names: dict[int, str] = {}
    owners = {id(p): module for module in model.modules() for p in module.parameters(recurse=False)}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        if (first := first_names.setdefault(id(tensor), name)) != name:
            rows[name] = replace(rows[first], name=name, why=f"the same tensor as {first}", detail="")
            continue
        held = before.held.get(id(tensor))
        said = notes.set.get(id(tensor))
        if said is not None or held is None or held.changed():
            rows[name] = _row(name, tensor, held, True, *(said or ("by the initializer",)))
        else:
            why = notes.left.get(id(tensor)) or (_untouched(owners[id(tensor)], initializer),)
            rows[name] = _row(name, tensor, held, False, *why)
    for name, tensor in model.named_buffers():
        held = before.held.get(id(tensor))
        if held is None or held.changed():
            rows[name] = _row(name, tensor, held, True, "a buffer, by the initializer")
    return Report(initializer, tuple(rows.values()), tuple(notes.cautions))


def _row(name: str, tensor: Tensor, held: Held | None, is_set: bool, why: str, detail: str = "") -> Row:
    before = None if held is None else scale(held.values)
    after = before if held is not None and not is_set else scale(tensor)
    return Row(name, tuple(tensor.shape), is_set, why, before, after, detail)


def scale(tensor: Tensor) -> float | None:
    """Root mean square, the standard deviation about zero; None for an empty tensor."""
    if tensor.numel() == 0:
        return None
    values = tensor.detach().reshape(-1)
    values = values if values.is_floating_point() or values.is_complex() else values.double()
    narrow = values.dtype in (torch.float16, torch.bfloat16)
    # in blocks: one sum over 100 million squares in float32 loses its last digits by the percent
    whole = len(values) // BLOCK * BLOCK
    parts = [values[:whole].view(-1, BLOCK), values[whole:].view(1, -1)]
    norms = [torch.linalg.vector_norm(part, dim=1, dtype=torch.float32 if narrow else None) for part in parts]
    norm = torch.linalg.vector_norm(torch.cat(norms)).item()
    return norm / tensor.numel() ** 0.5


def _untouched(owner: nn.Module, initializer: str) -> str:
    """Why a tensor that nothing was said of was left: what it is."""
    kind = type(owner).__name__
    if "norm" in kind.lower():
        return f"{kind}: scale and shift stay as they are"
    return f"{kind}: not what {initializer} sets"
