"""Atomic writes: a reader sees the old file or the whole new one, never a part."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from .errors import InputError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on any error it is removed.

    Raises :class:`InputError` naming ``path`` when the disk is full or nothing may be written there.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes the file private; give it the mode that an ordinary open() would have
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); make room or the folder writable and run again"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8, newlines as given) to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode())


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal; a file that did not change is read once a process."""
    status = os.stat(path)
    return _digest(str(path), status.st_size, status.st_mtime_ns)


@cache
def _digest(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksum(path: str | Path) -> None:
    """Write ``<path>.sha256`` for a large file: rules compare that small file by content, the large one only exists."""
    write_text(f"{path}.sha256", f"{file_digest(path)}  {Path(path).name}\n")


def verified_digest(path: str | Path) -> str:
    """:func:`file_digest` of a file that is what the checksum beside it says; one without a checksum is taken as it is.

    Raises :class:`InputError` naming a file that differs.
    """
    beside = Path(f"{path}.sha256")
    digest = file_digest(path)
    if beside.is_file() and digest not in beside.read_text().split():
        raise InputError(f"{path}: not the file that {beside.name} beside it was written for; delete it and run again")
    return digest


def save_tensors(path: str | Path, tensors: Mapping, metadata: Mapping[str, str] | None = None) -> None:
    """Write torch tensors (made contiguous) and string metadata to a safetensors file, atomically."""
    # imported here: figures and tables use this module without torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata=dict(metadata or {}))
        except SafetensorError as error:  # also what it makes of a full disk
            raise InputError(f"{path}: cannot be written ({error}); make room and run again") from error


@contextmanager
def open_tensors(path: str | Path) -> Iterator:
    """A safetensors file, opened to read one tensor at a time; one that is missing, damaged or not what the checksum beside it
    says raises :class:`InputError` with its name."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            verified_digest(path)
            yield file
    except SafetensorError as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); delete it and run again") from error


def load_tensors(path: str | Path) -> tuple[dict, dict[str, str]]:
    """Tensors and metadata of a safetensors file; errors as :func:`open_tensors`."""
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
