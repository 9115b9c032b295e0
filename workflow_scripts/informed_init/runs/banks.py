"""The body of the jobs that build banks: each replica's sources are drawn, and what their filters have in common is kept."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path

from .. import architectures
from ..banks.bank import Bank, bankable_layers, build
from ..files import write_checksum
from ..training.live_taps import live_taps
from .sources import replica_sources


def make_banks(
    specs: Mapping[str, Mapping],
    told: Mapping,
    files: Iterable[str | Path],
    places: Iterable[str | Path],
    log: Callable[[str], None],
) -> None:
    """Build banks and write them with their checksums.

    ``specs`` are by name; ``told`` has tasks (of all sources), num_classes and input_size; ``files`` hold the trained
    sources. ``places`` are the files to write, ``<name of the bank>/<replica>.safetensors``.
    """
    for place in map(Path, places):
        _make(specs[place.parent.name], int(place.stem), told, files, log).save(place)
        write_checksum(place)


def _make(spec: Mapping, replica: int, told: Mapping, files: Iterable[str | Path], log: Callable[[str], None]) -> Bank:
    """The bank of one replica: averages of aligned sources, or clusters of their filters."""
    classes, shape = told["num_classes"], tuple(told["input_size"])
    chosen = replica_sources(spec, replica, told["tasks"], classes, shape, files)
    model = architectures.build_for(spec["architecture"], classes, shape)
    if spec["layers"]:
        # by name, so that clustered banks do not depend on its code
        alignment = import_module("informed_init.banks.alignment")
        return alignment.aligned_bank(spec["method"], chosen, model, spec["layers"], input_size=shape, progress=log)
    layers = [name for name, _ in bankable_layers(model)]
    live = live_taps(model, shape) if spec["taps"] == "live" else None
    return build(spec["method"], chosen, layers, (replica,), k=spec["k"], live=live, progress=log)
