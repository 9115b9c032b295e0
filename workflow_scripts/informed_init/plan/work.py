"""How work is handed to jobs: in blocks of numbers, with parameters in one order, on a GPU or none. No torch here."""

import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

MOST = 1000  # blocks are named by numbers of three digits


def ordered(value):
    """The same nested value with sorted keys: Snakemake compares parameters as text."""
    if isinstance(value, Mapping):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list | tuple) else value


def blocks(count: int, per_job: int) -> list[str]:
    """Ranges of numbers that jobs handle together, e.g. ``["000-004", "005-009"]``."""
    return [f"{start:03d}-{min(start + per_job, count) - 1:03d}" for start in range(0, count, per_job)]


def block_members(block: str) -> list[int]:
    """The numbers of a block, e.g. ``"000-002"`` -> ``[0, 1, 2]``."""
    first, last = map(int, block.split("-"))
    return list(range(first, last + 1))


def any_of(names: Iterable[str]) -> str:
    """A pattern for a wildcard that is one of ``names``; for none it matches nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


def gpus_per_job(device: str) -> int:
    """1 if training jobs will use a GPU, else 0; found without importing torch, which would slow every dry run."""
    if device == "auto":
        has_nvidia = any(Path(path).exists() for path in ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg"))
        return int(has_nvidia or (platform.system() == "Darwin" and platform.machine() == "arm64"))
    return int(device != "cpu")
