"""Finished pieces of unfinished jobs, kept beside the results: a killed job loses at most the training in flight.

The name of a job's folder is a digest of everything that decides its results, so leftovers of another configuration are never
used, and the table of a resumed job is that of an undisturbed one.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..files import load_tensors, save_tensors, verified_digest, write_text


class Partial:
    """Finished pieces of an unfinished job, in ``<folder>/<digest>``; removed when the job is done. ``known`` are pieces that
    finished jobs made, by name."""

    def __init__(self, folder: str | Path, digest: str, known: Mapping[str, list[dict]] | None = None):
        self.folder, self.known = Path(folder) / digest, known or {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> list[dict] | None:
        """The rows of a finished training, or None; a file that a crash of the machine left half-written counts as none."""
        if name in self.known:
            return self.known[name]
        try:
            return json.loads((self.folder / f"{name}.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def network(self, name: str) -> dict[str, Tensor] | None:
        """The network that a finished training kept, by tensor; None if it kept none or the file is not whole."""
        try:
            return load_tensors(self._network(name))[0]
        except InputError:
            return None

    def store(self, name: str, rows: list[dict], network: Mapping[str, Tensor] | None = None) -> None:
        """Keep the rows of a finished training (NaN is written as such; only this class reads it back), and its network: first,
        so that rows never stand for a network that is not there."""
        if network is not None:
            save_tensors(self._network(name), network)
        write_text(self.folder / f"{name}.json", json.dumps(rows))

    def drop_network(self, name: str) -> None:
        """Forget a network that nothing continues from any more; its training's rows stay."""
        self._network(name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the folder; the job's table holds all it held."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _network(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def digest_of(settings: Mapping, files: Iterable[str | Path]) -> str:
    """A digest of settings and of the contents of files: what decides a job's results.

    Raises :class:`InputError` naming a file that is not what the checksum beside it says.
    """
    total = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for path in sorted(map(str, files)):
        total.update(bytes.fromhex(verified_digest(path)))
    return total.hexdigest()[:20]
