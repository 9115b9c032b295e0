"""Whole jobs of an architecture search: find what other blocks finished already, train the rest, write the tables."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ..columns import COLUMNS, write_rows
from ..files import file_digest
from ..jobs import made_by, write_record
from ..search.rungs import read_rungs
from .data import Data
from .finished import finished_tables
from .partial import Partial, digest_of
from .search import CONFUSION, FEATURES, ROWS, train_final, train_rung

FINAL_TABLES = {"curves": COLUMNS, "confusion": CONFUSION, "features": FEATURES}


def rung_job(spec: Mapping, given: Mapping, outputs: Mapping, partial: str | Path, log: Callable[[str], None]) -> None:
    """Train a block of a rung and write its rows and its record. ``given`` are train, test, earlier and code; ``spec`` as
    :func:`.search.train_rung` reads it."""
    digest, record, rows = digest_of({**spec, "members": None}, _files(given)), Path(outputs["record"]), outputs["rows"]
    known = {}
    for told, tables in finished_tables(digest, record, {"rows": Path(rows)}):
        seconds = {(part["configuration"], part["replica"]): part["seconds"] for part in told["trainings"]}
        for row in tables["rows"]:
            place = row["configuration"], int(row["replica"])
            known[f"{place[0]}@{place[1]}"] = [{**row, "seconds": seconds[place]}]
    pieces = Partial(partial, digest_of(spec, _files(given)), known)
    data = Data.load(given["train"], given["test"])
    made, trainings = train_rung(spec, data, read_rungs(given.get("earlier", [])), pieces, log)
    write_rows(made, rows, ROWS)
    facts = {"spec": spec, "digest": digest, "sha256": {"rows": file_digest(rows)}, "trainings": trainings}
    write_record(record, made_by(**facts))
    pieces.remove()


def final_job(spec: Mapping, given: Mapping, outputs: Mapping, partial: str | Path, log: Callable[[str], None]) -> None:
    """Train a final model on a block of replicas and write its tables and its record. ``given`` are train, test, rungs and
    code; ``spec`` as :func:`.search.train_final` reads it."""
    digest, record = digest_of({**spec, "replicas": None}, _files(given)), Path(outputs["record"])
    places = {kind: Path(outputs[kind]) for kind in FINAL_TABLES}
    known = {}
    for told, tables in finished_tables(digest, record, places):
        for replica, seconds in told["seconds"].items():
            own = {kind: [row for row in rows if row["replica"] == replica] for kind, rows in tables.items()}
            known[f"{int(replica):03d}"] = [{**own, "seconds": seconds}]
    pieces = Partial(partial, digest_of(spec, _files(given)), known)
    rungs, data = read_rungs(given.get("rungs", [])), Data.load(given["train"], given["test"])
    tables, facts = train_final(spec, data, rungs[-1] if rungs else [], pieces, log)
    for kind, columns in FINAL_TABLES.items():
        write_rows(tables[kind], places[kind], columns)
    sums = {kind: file_digest(path) for kind, path in places.items()}
    write_record(record, made_by(spec=spec, digest=digest, sha256=sums, **facts))
    pieces.remove()


def _files(given: Mapping) -> list[str]:
    """All that a job reads, each file once."""
    more = [file for kind in ("code", "earlier", "rungs") for file in given.get(kind, [])]
    return sorted({given["train"], given["test"], *more})
