"""Whole folders put in place in one step."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``path``; on success it replaces ``path``, on any error it is
    removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        new = workplace / "new"
        new.mkdir()
        yield new
        if path.exists():  # a folder that is not empty cannot be replaced by a rename; move it out of the way first
            os.rename(path, workplace / "old")
        os.rename(new, path)
    finally:
        shutil.rmtree(workplace)
