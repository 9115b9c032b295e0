"""Banks that ship with the package, each with a card: what it was made from, what it did in the study, its license.

Listing them imports no torch.
"""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .bank import Bank

FOLDER = Path(__file__).parent / "files"


@dataclass(frozen=True)
class Card:
    """What is known of a bank that ships.

    ``difference`` is what it gained over random initialization in the study, in points of test accuracy, with its 95 %
    interval ``(mean, low, high)``; ``effect`` and ``controls`` say that and what other arms gained in words.
    """

    name: str
    summary: str
    method: str
    k: int
    architecture: str
    sources: tuple[str, ...]
    data: str
    protocol: str
    effect: str
    difference: tuple[float, float, float]
    controls: tuple[str, ...]
    effect_from: str
    made_from: str
    made_by: str
    license: str

    @property
    def path(self) -> Path:
        """The bank's file."""
        return FOLDER / f"{self.name}.safetensors"

    def __str__(self) -> str:
        facts = {
            "method": f"{self.method}, k = {self.k}",
            "sources": f"{len(self.sources)} networks {self.architecture}: {', '.join(self.sources)}",
            "data": self.data,
            "protocol": self.protocol,
            "effect": f"{self.effect} ({self.effect_from})",
            "controls": "; ".join(self.controls),
            "made from": self.made_from,
            "license": self.license,
        }
        facts = {key: text for key, text in facts.items() if text}
        width = max(map(len, facts))
        return "\n".join([f"{self.name}: {self.summary}"] + [f"  {key:{width}}  {text}" for key, text in facts.items()])


class Cards(tuple[Card, ...]):
    """Cards in a row; printed as a table of names, summaries and effects."""

    def __repr__(self) -> str:
        width = max((len(card.name) for card in self), default=0)
        return "\n".join(f"{card.name:{width}}  {card.summary}; {card.effect}" for card in self)

    __str__ = __repr__


@cache
def cards() -> Cards:
    """The cards of all banks that ship, by name."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: tuple(value) for key, value in facts.items() if isinstance(value, list)}
        found.append(Card(**facts | lists | {"name": path.stem}))
    return Cards(found)


def find_bank(bank: "Bank | str | Path") -> "Bank":
    """A bank that can be drawn from: the given one, one that ships, by its name, or that of a file.

    Raises:
        InputError: there is none of that name, with the nearest; or the file is no bank.
    """
    from .bank import Bank  # imported here: a listing needs no torch

    if isinstance(bank, Bank):
        bank.check()
        return bank
    if not isinstance(bank, str | Path):
        raise InputError(
            f"bank is a {type(bank).__name__}; give a name of informed_init.banks(), a file, or a bank made by build_bank"
        )
    known = {card.name: card.path for card in cards()}
    if str(bank) in known:
        return Bank.load(known[str(bank)])
    path = Path(bank)
    if path.is_file() and path.suffix != ".safetensors":
        raise InputError(f"{path}: not a bank, which is a .safetensors file that informed_init.build_bank makes")
    if path.is_file() or path.suffix == ".safetensors":
        return Bank.load(path)
    near = difflib.get_close_matches(str(bank), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"no bank and no file {str(bank)!r}; {hint}banks that ship: {', '.join(known)}")
