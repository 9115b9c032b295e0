"""Checks of a config before any job starts: one line that names the key, what is wrong, and the remedy. No torch here."""

from .config import check_config
from .files import check_repeated_keys

__all__ = ["check_config", "check_repeated_keys"]
