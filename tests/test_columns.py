"""Rows written by a training job read back as the table they are."""

import math

from informed_init.columns import COLUMNS, METRICS, write_rows
from informed_init.report.curves import read_curves, write_csv


def test_rows_are_the_table_that_pandas_would_write(tmp_path):
    identity = {"run": "r", "protocol": "controlled", "recipe": "s", "task": "t", "arm": "a", "replica": 0}
    values = dict(zip(METRICS, (1 / 3, 65.2, 100.0, 2.5e-7, 12.5, 50, math.nan, 3.0, 7e10), strict=True))
    rows = [identity | {"seed": 2**62, "epoch": e, "lr": 0.01, "diverged": 0, "unknown": 5} | values for e in (1, 2)]
    del rows[0]["test_loss"]
    write_rows(rows, tmp_path / "rows.csv")
    table = read_curves([tmp_path / "rows.csv"])
    assert list(table.columns) == list(COLUMNS)
    assert table["val_accuracy"].tolist() == [12.5, 12.5] and table["test_loss"].isna().all()
    assert table["seed"].tolist() == [2**62] * 2
    write_csv(table, tmp_path / "again.csv")
    again = read_curves([tmp_path / "again.csv"])
    assert again.equals(table)
