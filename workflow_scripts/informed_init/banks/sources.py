"""Files of trained networks, sources and teachers: one or many networks in a safetensors file, each under its name.

A bank reads one layer of one source at a time, so a file is never loaded whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..files import open_tensors, save_tensors

SEPARATOR = "/"


@dataclass(frozen=True)
class Source:
    """One network in a sources file; behaves as a read-only lookup of its tensors."""

    path: Path
    name: str

    def get(self, key: str) -> Tensor | None:
        """One tensor, or None if the network has none of that name."""
        with open_tensors(self.path) as file:
            full = f"{self.name}{SEPARATOR}{key}"
            return file.get_tensor(full) if full in set(file.keys()) else None

    def state_dict(self) -> dict[str, Tensor]:
        """All tensors of the network."""
        prefix = self.name + SEPARATOR
        with open_tensors(self.path) as file:
            return {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


def save(path: str | Path, networks: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, str]) -> None:
    """Write networks (name -> state dict) to one file, atomically."""
    tensors = {f"{name}{SEPARATOR}{key}": t for name, state in networks.items() for key, t in state.items()}
    save_tensors(path, tensors, facts)


def load(paths: Iterable[str | Path]) -> dict[str, Source]:
    """Every network in the files, by name, in the order of the files and of their names."""
    found = {}
    for path in map(Path, paths):
        with open_tensors(path) as file:
            for name in sorted({key.split(SEPARATOR)[0] for key in file.keys()}):  # noqa: SIM118
                found[name] = Source(path, name)
    return found
