"""Read CIFAR's python-format files, which are pickles, without letting them do anything.

A pickle may name any function and have it called. Here every name resolves to an inert stand-in that only
records what it was given, and only for the handful of names that a numpy array consists of; any other name is
refused. The array is then built from the recorded bytes, so no code that the file chose ever runs.
"""

import io
import pickle
from pathlib import Path

import numpy as np

from ..errors import InputError

# the names an ndarray's pickle holds: numpy 1 and numpy 2 spell the module differently; Python 3 writes bytes
# with _codecs
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}
_REMEDY = "delete it and fetch or write the data set again"


class _Record:
    """What a stand-in was called with, and the state it was given; nothing else can be set on it."""

    __slots__ = ("arguments", "kind", "state")

    def __init__(self, kind: str, arguments: tuple):
        self.kind, self.arguments, self.state = kind, arguments, None

    def __setstate__(self, state):
        self.state = state


class _StandIn:
    """Stands where the pickle names a function or class; calling it makes a record."""

    __slots__ = ("kind",)

    def __init__(self, kind: str):
        self.kind = kind

    def __call__(self, *arguments):
        return _Record(self.kind, arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("a state given to a name")


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, path: Path):
        # "bytes": Python 2's str, which holds the image data, arrives as bytes and is never decoded
        super().__init__(io.BytesIO(content), encoding="bytes")
        self.path = path

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise InputError(
                f"{self.path}: the pickle names {module}.{name}, which no image data needs; "
                f"refused without running it: {_REMEDY}"
            )
        return _StandIn(_ALLOWED[module, name])


def read_batch(content: bytes, path: Path) -> dict:
    """The dictionary in a CIFAR python-format file: str keys; values are arrays (uint8), lists of int, bytes
    or str.

    ``path`` is only named in errors. Raises :class:`InputError` for a damaged file, a name that is not part
    of a numpy array, or an array that is not plain uint8.
    """
    try:
        loaded = _Unpickler(content, path).load()
        if not isinstance(loaded, dict):
            raise ValueError(f"it holds a {type(loaded).__name__}, not a dictionary")
        return {_text(key): _plain(value) for key, value in loaded.items()}
    except InputError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything: the machine's stack, keys, types, memory
        detail = str(error) or type(error).__name__
        raise InputError(f"{path}: not a whole CIFAR python-format file ({detail}); {_REMEDY}") from error


def _text(value) -> str:
    value = _plain(value)
    return value.decode() if isinstance(value, bytes) else value


def _plain(value):
    """``value`` with records turned into what they stand for, and lists of names into str."""
    if isinstance(value, _Record):
        return _encoded(value) if value.kind == "encode" else _array(value)
    if isinstance(value, list):
        return value if all(isinstance(item, int) for item in value) else [_text(item) for item in value]
    return value


def _encoded(record: _Record) -> bytes:
    text, encoding = record.arguments
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _array(record: _Record) -> np.ndarray:
    """A uint8 array from the state ``(version, shape, dtype, fortran order, data)`` that numpy gives its
    arrays.
    """
    if record.kind != "reconstruct" or record.state is None:
        raise ValueError(f"a bare {record.kind}")
    _, shape, dtype, fortran_order, data = record.state
    if dtype.kind != "dtype" or dtype.arguments[0] not in ("u1", b"u1"):
        raise ValueError(f"an array of type {dtype.arguments[0]!r} where only uint8 is expected")
    data = _plain(data)
    if not isinstance(data, bytes):
        raise ValueError(f"array data of type {type(data).__name__}")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape, order="F" if fortran_order else "C")
