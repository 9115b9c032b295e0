"""What every job does around its work: put all output in the log, keep to its threads, say what made its results."""

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import InputError
from .files import write_text

PACKAGES = ("torch", "numpy", "scikit-learn", "safetensors", "pandas", "snakemake")


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Send everything the process writes, C libraries included, to the log file (Snakemake does not for
    ``script:``). Bad input ends the job with its one line there, anything else with a traceback."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    try:
        yield
    except InputError as error:
        say(f"error: {error}")
        raise SystemExit(1) from None
    except BaseException:
        import traceback

        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(saved, start=1):
            os.dup2(copy, number)
            os.close(copy)


def say(line: str) -> None:
    """One line of progress with the time of day, written at once."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def made_by(**facts) -> dict:
    """Versions, machine and given facts: what made a result."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()},
        **facts,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def write_record(path: str | Path, record: dict) -> None:
    """Write a record as JSON with sorted keys, atomically."""
    write_text(path, json.dumps(record, indent=1, sort_keys=True, default=str) + "\n")
