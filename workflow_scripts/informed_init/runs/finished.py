"""Trainings that earlier jobs finished and that nothing has changed since: taken over, whatever block of replicas they were in.

The record beside an arm's curves says for every replica what decided its results (a digest of settings, images, bank, source,
teacher and code) and what the curves were (their checksum), so both together vouch for a replica.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..banks.sources import load as load_networks
from ..errors import InputError
from ..files import file_digest


@dataclass
class Replica:
    """One replica of an arm: the rows of its curves, the cost of each training, the networks that a teacher keeps, and the
    files and facts of the record that it is taken from."""

    rows: list[Mapping] = field(default_factory=list)
    trainings: list[dict] = field(default_factory=list)
    networks: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    record: Path | None = None
    made_by: dict = field(default_factory=dict)


def finished_replicas(
    digests: Mapping[int, str], curves: Path, record: Path, networks: Path | None
) -> dict[int, Replica]:
    """The replicas among ``digests`` that are finished as they would be now, by number.

    ``curves``, ``record`` and (of a teacher) ``networks`` are where a job writes; what other blocks wrote lies beside them.
    """
    found: dict[int, Replica] = {}
    for path in sorted(record.parent.glob("*.json"), key=lambda path: (path != record, path)):
        told = _whole(path, curves.parent / f"{path.stem}.csv")
        wanted = {number for number, digest in digests.items() if told.get("digests", {}).get(str(number)) == digest}
        if not wanted - found.keys():
            continue
        kept = _networks(networks.parent / f"{path.stem}.safetensors") if networks else {}
        with open(curves.parent / f"{path.stem}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for number in sorted(wanted - found.keys()):
            own = {name: network for name, network in kept.items() if name.endswith(f"@{number}")}
            trainings = [training for training in told["trainings"] if training["replica"] == number]
            if networks and len(own) < len(trainings):
                continue
            facts = {key: told.get(key) for key in ("versions", "python", "machine")}
            mine = [row for row in rows if row["replica"] == str(number)]
            found[number] = Replica(mine, trainings, own, path, facts)
    return found


def finished_tables(
    digest: str, record: Path, tables: Mapping[str, Path]
) -> Iterator[tuple[dict, dict[str, list[dict[str, str]]]]]:
    """The records beside ``record`` that tell of the same ``digest``, each with the rows of its tables.

    ``tables`` are where the job of ``record`` writes; those of another block have its name in their place. A block whose
    tables are not what its record says is left out.
    """
    for path in sorted(record.parent.glob("*.json")):
        try:
            told = json.loads(path.read_text())
            if told["digest"] != digest:
                continue
            rows = {}
            for kind, table in tables.items():
                beside = table.with_name(table.name.replace(record.stem, path.stem, 1))
                if told["sha256"][kind] != file_digest(beside):
                    raise ValueError
                with open(beside, newline="") as file:
                    rows[kind] = list(csv.DictReader(file))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield told, rows


def _whole(record: Path, curves: Path) -> dict:
    """A record whose curves are what it says they were; nothing of a damaged or older one."""
    try:
        told = json.loads(record.read_text())
        return told if told["curves_sha256"] == file_digest(curves) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _networks(path: Path) -> dict[str, dict[str, Tensor]]:
    """The networks of a teacher's file, by name; none of a file that is damaged or gone."""
    try:
        return {name: network.state_dict() for name, network in load_networks([path]).items()}
    except InputError:
        return {}
