"""What README.md says is what the result files hold: every number has its source, and a changed result fails here."""

import re

import pandas as pd
import pytest
import yaml
from informed_init.report.curves import cell_matrix, pair, read_curves, select
from informed_init.report.statistics import paired_difference
from repository import ROOT

STATEMENTS = yaml.safe_load((ROOT / "tests" / "statements.yaml").read_text())
README = " ".join((ROOT / "README.md").read_text().split())


def written(entry: dict) -> str:
    """The text of a statement, made from the file that it names."""
    if "from" in entry:
        table = pd.read_csv(ROOT / entry["from"])
        for column, value in entry["where"].items():
            table = table[table[column] == value]
        assert len(table) == 1, f"{entry['where']} names {len(table)} rows of {entry['from']}"
        return entry["as"].format(**table.iloc[0])
    own = entry["paired"]
    folder = ROOT / own["results"] / "curves" / "controlled" / own["recipe"]
    curves = select(read_curves(sorted(p for arm in (own["of"], own["minus"]) for p in (folder / arm).glob("*.csv"))))
    cells = pair(*(cell_matrix(curves, arm, "test_accuracy") for arm in (own["of"], own["minus"])))
    found = paired_difference(*cells)
    number = f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    return re.sub(r"[+-]\d+\.\d \[.*?\]", number, entry["says"])


@pytest.mark.parametrize(
    "entry", [e for e in STATEMENTS if "difference" not in e], ids=lambda entry: entry["says"][:50]
)
def test_a_statement_is_what_its_file_says(entry):
    assert entry["says"] in README, "README.md no longer says this; take it out of statements.yaml"
    assert written(entry) == entry["says"]


def test_every_signed_number_of_the_readme_has_a_source():
    spans = [(m.start(), m.end()) for entry in STATEMENTS for m in re.finditer(re.escape(entry["says"]), README)]
    numbers = re.finditer(r"(?<![\w.])[+-]\d+\.\d+", README)
    bare = [n.group() for n in numbers if not any(low <= n.start() < high for low, high in spans)]
    assert bare == []
