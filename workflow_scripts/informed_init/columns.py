"""The columns of the table of training curves, and writing its rows.

Apart from :mod:`.curves`, which reads and checks the table, because training jobs start a second sooner without pandas.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from .files import write_text

NAMES = ("run", "protocol", "recipe", "task", "arm")
COUNTS = ("replica", "seed", "epoch", "diverged")
PARTS, MEASURES = ("train", "val", "test"), ("loss", "accuracy", "accuracy_top5")
METRICS = tuple(f"{part}_{measure}" for part in PARTS for measure in MEASURES)
COLUMNS = ("run", "protocol", "recipe", "task", "arm", "replica", "seed", "epoch", "lr", *METRICS, "diverged")
FLOAT_FORMAT = "%.8g"


def write_rows(rows: Iterable[Mapping], path: str | Path, columns: Iterable[str] = COLUMNS) -> None:
    """Write rows as CSV, atomically: eight significant digits, an empty field for NaN and for what a row lacks."""
    columns = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_field(row.get(column)) for column in columns] for row in rows)
    write_text(path, text.getvalue())


def _field(value) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else FLOAT_FORMAT % value
