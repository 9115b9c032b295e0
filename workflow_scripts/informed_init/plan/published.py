"""The papers' own numbers, from ``published/*.csv``: each stands beside the arm that is exactly what its row says."""

import csv
from collections.abc import Iterable, Mapping
from functools import cache

import yaml

from ..errors import InputError
from ..facts import find
from .arm_facts import declared, facts_of
from .comparisons import comparison_spec, table_members
from .families import cells, family_recipes
from .place import workflow_folder
from .tables import table_families
from .work import ordered

_EPOCH = "epoch_"


@cache
def _rows(table: str) -> list[dict]:
    """The rows of a table, each without its empty cells; numbers and truth values are read as such."""
    path = workflow_folder() / "published" / f"{table}.csv"
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; get the file again from the repository") from error
    return [{key: yaml.safe_load(cell) for key, cell in row.items() if cell} for row in rows]


def published_curves(config: Mapping, arms: Iterable[str] | None = None) -> dict[str, list[float]]:
    """Arm -> published mean accuracies from epoch 1 on, of the arms named (of all that the config declares if none are) that
    the paper has; in the order of the table."""
    arms, found = declared(config) if arms is None else facts_of(config, arms), {}
    for row in _rows("curves"):
        facts = {key: value for key, value in row.items() if not key.startswith(_EPOCH)}
        if (arm := find(arms, facts)) is not None:
            found[arm] = [float(value) for key, value in row.items() if key.startswith(_EPOCH)]
    return found


def published_trainings(config: Mapping) -> list[dict]:
    """What Sup-Walsh's tables say of the data sets and networks that the family of the layout table is run on: rows
    ``dataset, architecture, initializer, epoch, train_accuracy``."""
    places = {(member["dataset"], member["architecture"]) for member in table_members(config, "walsh_layout")}
    return [dict(row) for row in _rows("sup_walsh") if (row["dataset"], row["architecture"]) in places]


def published_settings(config: Mapping) -> dict[str, dict]:
    """Data set -> ``theirs``, how the networks of Sup-Walsh's tables were trained on it, and ``ours``, the recipe of the
    layout table's families there; nothing for data sets that are not published."""
    rows = {row["dataset"]: {key: row[key] for key in row if key != "dataset"} for row in _rows("sup_walsh_settings")}
    ours: dict[str, dict] = {}
    for family in table_families(config, "walsh_layout"):
        recipe = config["recipes"][family_recipes(config, family)[0]]
        ours |= {member["dataset"]: dict(recipe) for member in comparison_spec(config, family)["members"]}
    return ordered({name: {"theirs": rows[name], "ours": ours[name]} for name in ours if name in rows})


def published_test_accuracy(dataset: str, architecture: str) -> float | None:
    """The published test accuracy of a compact network, or None."""
    rows = [row for row in _rows("compact") if (row["dataset"], row["architecture"]) == (dataset, architecture)]
    return float(rows[0]["test_accuracy"]) if rows else None


def reproduced_recipes(config: Mapping) -> dict[str, str]:
    """Arm -> recipe of the trainings that are set beside the published curves: those under ``published`` of arms that the
    paper has; where an arm is trained with several recipes, the run's own."""
    known, found = published_curves(config), {}
    for protocol, recipe, arm in cells(config):
        if protocol == "published" and arm in known and (arm not in found or recipe == config["recipe"]):
            found[arm] = recipe
    return found


def reproduced_cells(config: Mapping) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) of :func:`reproduced_recipes`."""
    return [("published", recipe, arm) for arm, recipe in reproduced_recipes(config).items()]
