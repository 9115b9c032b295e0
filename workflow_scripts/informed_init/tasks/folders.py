"""Whole folders put in place in one step."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import refusal


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``path``; on success it replaces ``path``, on any error it is
    removed.

    Raises :class:`InputError` naming ``path`` when the disk is full or nothing may be written there.
    """
    path, workplace = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        new = workplace / "new"
        new.mkdir()
        yield new
        if path.exists():  # a folder that is not empty cannot be replaced by a rename; move it out of the way first
            os.rename(path, workplace / "old")
        os.rename(new, path)
    except OSError as error:
        found = refusal(error, path, "written")
        if found is None:
            raise
        raise found from error
    finally:
        if workplace is not None:
            shutil.rmtree(workplace, ignore_errors=True)
