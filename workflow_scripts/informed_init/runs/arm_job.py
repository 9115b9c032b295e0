"""A whole job of arms: find what is finished already, train the rest, write every arm's files."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ..banks import sources
from ..banks.bank import Bank
from ..columns import write_rows
from ..declarations import initializers
from ..draws import choose_source
from ..files import file_digest, write_checksum
from ..jobs import made_by, write_record
from .arms import train_arm
from .data import Data
from .finished import Replica, finished_replicas
from .partial import Partial, digest_of


class Inputs:
    """The files that a job of arms reads, and what of them each arm and replica needs.

    ``given`` has train, test and code, and banks, sources and teachers where arms need them. ``own_code`` lists what of the
    code belongs to single arms.
    """

    def __init__(self, given: Mapping, own_code: Sequence[str] = ()):
        self._given = given
        self._common = [given["train"], given["test"], *sorted(set(given["code"]) - set(own_code))]
        self._banks = {(Path(p).parent.name, int(Path(p).stem)): p for p in given.get("banks", [])}
        self._teachers = {tuple(Path(p).parts[-3:-1]): p for p in given.get("teachers", [])}

    @cached_property
    def data(self) -> Data:
        """The images, read when the first arm is trained."""
        return Data.load(self._given["train"], self._given["test"])

    @cached_property
    def _sources(self) -> dict[str, sources.Source]:
        return sources.load(self._given.get("sources", []))

    def source(self, arm: Mapping, replica: int) -> sources.Source | None:
        """The source that a replica starts from, if the arm's initializer takes one."""
        known = initializers().get(arm["spec"]["initializer"])
        if known is None or "source" not in known.parameters:
            return None
        return self._sources[choose_source(self._sources, replica)]

    def _teacher(self, arm: Mapping) -> str | None:
        teacher = arm["spec"].get("teacher")
        return self._teachers[teacher["recipe"], teacher["arm"]] if teacher else None

    def digest(self, arm: Mapping, replica: int) -> str:
        """A digest of all that decides a replica's results."""
        source = self.source(arm, replica)
        files = [*self._common, *arm["code"], self._banks.get((arm["bank"], replica)), self._teacher(arm)]
        spec = {**arm["spec"], "replicas": [replica], "source": source and source.name}
        return digest_of(spec, filter(None, [*files, source and source.path]))

    def resources(self, arm: Mapping, replica: int) -> dict:
        """What the arm's initializer is given besides its settings."""
        found = {"source": self.source(arm, replica)}
        if arm["bank"]:
            found["bank"] = Bank.load(self._banks[arm["bank"], replica])
        if teacher := self._teacher(arm):
            found["teachers"] = sources.load([teacher])
        return {name: value for name, value in found.items() if value is not None}


OUTPUTS = ("curves", "records", "networks")  # of an arm; networks of teachers alone


def train_arms(
    arms: Sequence[Mapping], given: Mapping, outputs: Mapping, partial: str | Path, log: Callable[[str], None]
) -> None:
    """Train the arms of one job and write their files.

    Each of ``arms`` has spec (see :func:`.arms.train_arm`), bank (a name or None) and code (files that are its alone).
    ``given`` are the files read, see :class:`Inputs`; ``outputs`` has curves and records, and networks of teachers, one an
    arm each. Replicas that are finished as they would be now are taken over; with all of a file's, it stays as it is.
    """
    inputs = Inputs(given, [file for arm in arms for file in arm["code"]])
    unfinished = []
    for number, arm in enumerate(arms):
        files = {kind: Path(outputs.get(kind)[number]) for kind in OUTPUTS if outputs.get(kind)}
        unfinished += _train(arm, inputs, files, partial, log)
    for piece in unfinished:  # only now: a job that fails at its last arm has lost none of the others
        piece.remove()


def _train(
    arm: Mapping,
    inputs: Inputs,
    files: Mapping[str, Path],
    partial: str | Path,
    log: Callable[[str], None],
) -> list[Partial]:
    """Finish one arm and write its files; what was kept on the way."""
    curves, record, networks = (files.get(kind) for kind in OUTPUTS)
    spec, replicas = arm["spec"], arm["spec"]["replicas"]
    digests = {replica: inputs.digest(arm, replica) for replica in replicas}
    done = finished_replicas(digests, curves, record, networks)
    missing = [replica for replica in replicas if replica not in done]
    log(f"{spec['arm']}: {len(missing)} of {len(replicas)} replicas to train")
    if not missing and all(replica.record == record for replica in done.values()):
        return []
    pieces = {replica: Partial(partial, digests[replica]) for replica in missing}
    if missing:
        resources = {replica: inputs.resources(arm, replica) for replica in missing}
        keep = networks is not None
        trained = train_arm({**spec, "replicas": missing}, inputs.data, resources, pieces, log, keep=keep)
        done |= _by_replica(missing, *trained)
    if networks:
        kept = {name: network for replica in replicas for name, network in done[replica].networks.items()}
        sources.save(networks, kept, {"architecture": spec["architecture"]})
        write_checksum(networks)
    write_rows((row for replica in replicas for row in done[replica].rows), curves)
    facts = {"spec": spec, "digests": digests, "curves_sha256": file_digest(curves)}
    facts["trainings"] = [training for replica in replicas for training in done[replica].trainings]
    chosen = {replica: inputs.source(arm, replica) for replica in replicas}
    facts["sources"] = {replica: source.name for replica, source in chosen.items() if source}
    facts["taken_over"] = {replica: own.made_by for replica, own in sorted(done.items()) if own.record}
    write_record(record, made_by(**facts))
    return list(pieces.values())


def _by_replica(replicas: Sequence[int], rows: list, trainings: list, networks: Mapping) -> dict[int, Replica]:
    return {
        replica: Replica(
            [row for row in rows if row["replica"] == replica],
            [training for training in trainings if training["replica"] == replica],
            {name: network for name, network in networks.items() if name.endswith(f"@{replica}")},
        )
        for replica in replicas
    }
