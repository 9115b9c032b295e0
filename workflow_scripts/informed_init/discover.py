"""What there is to use, listed without importing torch.

``python -m informed_init.discover`` prints ``docs/initializers.md``.
"""

from dataclasses import dataclass

from .declarations import HANDED, initializers, unreadable

NEEDS = tuple(name for name in HANDED if name not in ("model", "generator"))


@dataclass(frozen=True)
class Entry:
    """An initializer: what it does in a sentence, what it must be given (``bank``, ``data``, ``source``, ``teacher``), what a
    network must have (``convolutions``, ``branches``, ``norms``; empty for any), its settings, and the paper it is from."""

    name: str
    summary: str
    needs: tuple[str, ...]
    network: str
    settings: tuple[str, ...]
    source: str


class Entries(tuple[Entry, ...]):
    """Initializers in a row; printed as a table. ``[name]`` finds one."""

    def __repr__(self) -> str:
        cells = [("name", "needs", "what it does")]
        cells += [(e.name, ", ".join(e.needs) or "-", e.summary + (f" [{e.source}]" if e.source else "")) for e in self]
        widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
        lines = [f"{name:{widths[0]}}  {needs:{widths[1]}}  {what}" for name, needs, what in cells]
        return "\n".join(lines + [f"left out: {line}" for line in unreadable("initializers")])

    __str__ = __repr__

    def __getitem__(self, key):
        if isinstance(key, str):
            return next(entry for entry in self if entry.name == key)
        return super().__getitem__(key)


def available() -> Entries:
    """Every initializer by name, with one line each, what it needs, and where it is from; ``print`` shows a table.

    Those that a session registered itself with :func:`informed_init.initializer` are not among them.
    """
    found = []
    for name, declaration in sorted(initializers().items()):
        needs = tuple(key for key in NEEDS if key in declaration.parameters)
        facts = declaration.facts
        found.append(
            Entry(
                name,
                declaration.summary,
                needs,
                facts.get("needs") or "",
                declaration.settings,
                facts.get("source") or "",
            )
        )
    return Entries(found)


PAGE = """# Initializers

`initialize_(model, NAME, generator=0)`, or an arm of the config. Each is a file in `workflow_scripts/informed_init/initializers/`,
whose docstring says the equation; what each may be told stands in [the reference of settings](../config/README.md).

"Needs" is what it must be given: `bank`, a filter bank; `data`, training images and labels; `source` or `teacher`, a trained
network. "Network" is what a network must have. Where it lacks that, or an initializer does not fit it for another reason, the
initializer is refused in one line that says "not applicable", and the network stays as it was.

| initializer | what it does | needs | network | source |
| --- | --- | --- | --- | --- |
"""


def initializers_page() -> str:
    """The text of ``docs/initializers.md``: every initializer, as its file declares it."""
    rows = [
        f"| `{e.name}` | {e.summary} | {', '.join(f'`{need}`' for need in e.needs)} | {e.network} | {e.source} |"
        for e in available()
    ]
    return PAGE + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(initializers_page(), end="")
