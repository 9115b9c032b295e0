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

# what an operating system answers where there is no room or no right; other errors are faults of the code
REFUSED = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR),
    *(errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST),
)


def refusal(error: OSError, path: str | Path | None = None, wanted: str = "used") -> InputError | None:
    """The one line for a full disk or a place that is closed, naming ``path`` (or the file that the error names); None for an
    error of another kind."""
    if error.errno not in REFUSED and not (error.errno is None and type(error) is OSError):  # Pillow gives no number
        return None
    where = path or error.filename or "a file"
    in_the_way = error.errno in (errno.ENOTDIR, errno.EEXIST)
    remedy = "move it out of the way" if in_the_way else "make room there, or give the right to read and write,"
    return InputError(f"{where}: cannot be {wanted} ({error.strerror or error}); {remedy} and run again")


@contextmanager
def refusals_of(path: str | Path, wanted: str = "used") -> Iterator[None]:
    """Where work on ``path`` (and what lies in it) meets a full disk or a closed folder, raise :func:`refusal`'s line."""
    try:
        yield
    except OSError as error:
        found = refusal(error, error.filename or path, wanted)
        if found is None:
            raise
        raise found from error


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
        found = refusal(error, path, "written")
        if found is None:
            raise
        raise found from error
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
    """Write torch tensors (made contiguous) and string metadata to a safetensors file, atomically.

    With one entry of metadata at most the same tensors make the same bytes; several are written in any order.
    """
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
