"""Checks of a config before any job starts: one line that names the key, what is wrong, and the remedy. No torch here."""

from .config import check_config

__all__ = ["check_config"]
