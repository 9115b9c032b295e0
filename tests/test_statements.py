"""What README.md says is what the result files hold: every number has its source, and a changed result fails here."""

import re

import pandas as pd
import pytest
import yaml
from informed_init.report.curves import cell_matrix, pair, read_curves, select
from informed_init.report.statistics import paired_difference
from repository import ROOT


def statements() -> list[dict]:
    """The entries of ``statements.yaml``; one that has ``rows`` stands for a statement of each row of its file."""
    found = []
    for entry in yaml.safe_load((ROOT / "tests" / "statements.yaml").read_text()):
        if "rows" not in entry:
            found.append(entry)
            continue
        table = pd.read_csv(ROOT / entry["from"])
        for row in table[table["verdict"] != "not run"].to_dict("records"):
            if all(row[column] == value for column, value in entry["rows"].items()):
                found.append({"says": entry["as"].format(**row), "made": True})
    return found


STATEMENTS = statements()
README = " ".join((ROOT / "README.md").read_text().split())


def written(entry: dict) -> str:
    """The text of a statement, made from the file that it names."""
    if "from" in entry:
        table = pd.read_csv(ROOT / entry["from"])
        for column, value in entry["where"].items():
            table = table[table[column] == value]
        assert len(table) == 1, f"{entry['where']} names {len(table)} rows of {entry['from']}"
        return entry["as"].format(**table.iloc[0])
    if "published" in entry:
        table = pd.read_csv(ROOT / "published" / "curves.csv")
        first = table[(table["architecture"] == "resnet18") & (table["dataset"] == "cifar100")]
        ends = [first[first["initializer"] == entry["published"][side]]["epoch_15"].iloc[0] for side in ("of", "minus")]
        return re.sub(r"[+-]\d+\.\d \|$", f"{ends[0] - ends[1]:+.1f} |", entry["says"])
    if "made" in entry:
        return entry["says"]
    own = entry["paired"]
    folder = ROOT / own["results"] / "curves" / "controlled" / own["recipe"]
    curves = select(read_curves(sorted(p for arm in (own["of"], own["minus"]) for p in (folder / arm).glob("*.csv"))))
    cells = pair(*(cell_matrix(curves, arm, "test_accuracy") for arm in (own["of"], own["minus"])))
    found = paired_difference(*cells)
    number = f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    return re.sub(r"[+-]\d+\.\d \[.*?\]", number, entry["says"])


@pytest.mark.parametrize("entry", STATEMENTS, ids=lambda entry: entry["says"][:50])
def test_a_statement_is_what_its_file_says(entry):
    assert entry["says"] in README, "README.md no longer says this; take it out of statements.yaml"
    assert written(entry) == entry["says"]


def test_every_signed_number_of_the_readme_has_a_source():
    spans = [(m.start(), m.end()) for entry in STATEMENTS for m in re.finditer(re.escape(entry["says"]), README)]
    numbers = re.finditer(r"(?<![\w.])[+-]\d+\.\d+", README)
    bare = [n.group() for n in numbers if not any(low <= n.start() < high for low, high in spans)]
    assert bare == []
