"""Banks that are there before a run: those that ship, by name, and ``.safetensors`` files of a user's own. An arm whose ``bank``
is a text draws from one of them; nothing is trained or clustered for it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ..banks.shipped import cards
from ..errors import InputError


def ready_bank(config: Mapping, arm: str) -> str | None:
    """The file of an arm's bank if it is there before the run, relative to the working directory, so that a checkout that is
    moved re-runs nothing; None for an arm without a bank, and for one whose bank the run makes."""
    bank = config["arms"][arm].get("bank")
    return os.path.relpath(bank_file(bank)) if isinstance(bank, str) else None


def bank_file(bank: str) -> Path:
    """Where the bank of a name, or a file's name, lies."""
    return next((card.path for card in cards() if card.name == bank), Path(bank))


def bank_facts(bank: str) -> dict:
    """What a ready bank is, as :mod:`..facts` say it: its name, and how and of how many networks it was made.

    Raises:
        InputError: the file is missing, or no bank.
    """
    header = _header(bank_file(bank))
    made = {key: header["facts"].get(key) for key in ("k", "taps") if header["facts"].get(key) is not None}
    return {"bank": bank, "method": header["method"], "models": len(header["sources"])} | made


def _header(path: Path) -> dict:
    """What a bank's file says of itself, read without its tensors."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: no such file; name a bank that ships, or the file that informed-init build wrote")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["bank"])
        return {key: header[key] for key in ("method", "sources", "facts")}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a bank, which is a file that informed-init build makes") from error
