"""The arms that a list of names asks for: initializers, and banks to draw from."""

import re
from collections.abc import Callable
from pathlib import Path

from ..banks.shipped import cards
from ..declarations import initializers, unreadable
from ..errors import InputError
from .checks.arms import check_ready_bank
from .checks.refusals import check_known

DRAWS = "clustered"  # what is meant by a bank that stands alone


def arms_of(names: str, baseline: str, where: str, place: Callable[[Path], str] = str) -> dict[str, dict]:
    """Arm -> section of the config, for names with commas between them, after that of the initializer ``baseline``.

    A name is an initializer's, a bank's (one that ships, or a ``.safetensors`` file, which ``place`` says how to find from the
    run), or ``INITIALIZER:BANK`` for another initializer that takes a bank.

    Raises:
        InputError: naming ``where``: nothing is asked for but the baseline, a name is unknown, a file is no bank, or an
            initializer needs what no name can say.
    """
    asked = [name.strip() for name in names.split(",") if name.strip()]
    if not asked:
        raise InputError(f"{where}: no name in it; informed-init list shows them")
    found = {baseline: {"initializer": baseline}}
    for name in asked:
        arm, section = _arm(name, where, place)
        if found.setdefault(arm, section) != section:
            raise InputError(f"{where}: {name} would be called {arm} as another is; rename the bank's file")
    if len(found) == 1:
        raise InputError(f"{where}: {baseline} is what others are compared with; name another initializer or bank")
    return found


def _arm(name: str, where: str, place: Callable[[Path], str]) -> tuple[str, dict]:
    """The name of an arm and its section."""
    known, ship = initializers(), [card.name for card in cards()]
    initializer, colon, bank = name.partition(":")
    if not colon and (name in ship or name.endswith(".safetensors")):
        initializer, bank = DRAWS, name
    if initializer not in known and (broken := unreadable("initializers")):
        raise InputError(f"{where}: {initializer!r} is not known, and {broken[0]}")
    check_known(
        initializer, known if bank else [*known, *ship], where, "initializer" if bank else "initializer or bank"
    )
    takes = known[initializer].parameters
    if bank and "bank" not in takes:
        raise InputError(f"{where}: {initializer} takes no bank; write {initializer} alone")
    if not bank and "bank" in takes:
        raise InputError(
            f"{where}: {initializer} needs a bank; write {initializer}:{ship[0]} or another's name or file"
        )
    if needs := {"source", "teacher"} & set(takes):
        raise InputError(f"{where}: {initializer} needs a {needs.pop()}; write it into the config as an arm (--plan)")
    if not bank:
        return initializer, {"initializer": initializer}
    check_ready_bank(where, bank)
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(bank).stem).strip("-") or "bank"
    arm = stem if initializer == DRAWS else f"{initializer}-{stem}"
    return arm, {"initializer": initializer, "bank": bank if bank in ship else place(Path(bank))}
