"""What every job does around its work: put all output in the log, keep to its threads, say what made its results."""

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import InputError
from .files import refusal, refusals_of, write_text

PACKAGES = ("torch", "numpy", "scikit-learn", "safetensors", "pandas", "snakemake")


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Send everything the process writes, C libraries included, to the log file (Snakemake does not for
    ``script:``). Bad input, a full disk or a closed folder end the job with one line there, or where Snakemake shows it if
    the log is what cannot be written; anything else ends it with a traceback."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    try:
        with refusals_of(path, "written"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        yield
    except (InputError, OSError) as error:
        line = error if isinstance(error, InputError) else refusal(error)
        if line is None:
            _print_traceback()
            raise
        try:
            say(f"error: {line}")
        except InputError:  # the log takes no more, so the line goes where Snakemake shows it
            os.write(saved[1], f"error: {line}\n".encode())
        raise SystemExit(1) from None
    except BaseException:
        _print_traceback()
        raise
    finally:
        for number, (stream, copy) in enumerate(zip((sys.stdout, sys.stderr), saved, strict=True), start=1):
            with suppress(OSError):
                stream.flush()
            os.dup2(copy, number)
            os.close(copy)


def _print_traceback() -> None:
    with suppress(OSError):  # a full log: the traceback is shown where the process ends
        traceback.print_exc()


def say(line: str) -> None:
    """One line of progress with the time of day, written at once; :class:`InputError` if the log takes no more."""
    with refusals_of("the log of the job", "written"):
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
