"""Tables that speak of chosen families: which those are, the config's section ``tables`` says."""

from collections.abc import Mapping

from .families import family_cells, family_recipes, selected
from .work import ordered


def table_family(config: Mapping, table: str) -> str | None:
    """The family that a table of its own is made of, or None if the config names none."""
    section = config.get("tables", {}).get(table) or {}
    return section.get("family")


def table_cells(config: Mapping, table: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that such a table reads, even if the run's `all` leaves its family out."""
    family = table_family(config, table)
    return family_cells(config, family) if family else []


def table_arms(config: Mapping, table: str) -> list[str]:
    """The arms of such a table, in their order."""
    family = table_family(config, table)
    return list(config["families"][family]["arms"]) if family else []


def is_made(config: Mapping, table: str) -> bool:
    """Whether the table's family is one of the run's, so that `all` makes the table."""
    return table_family(config, table) in selected(config) and bool(table_cells(config, table))


def rate_recipes(config: Mapping) -> list[str]:
    """The recipes among which every arm finds its own best learning rate: the config's, and those of the table's family."""
    family = table_family(config, "best_rates")
    return list(dict.fromkeys([config["recipe"], *(family_recipes(config, family) if family else [])]))


def shared_recipes(config: Mapping) -> list[str]:
    """The recipes under which the shares of the controls are told, one table each."""
    return (config.get("tables", {}).get("attribution") or {}).get("recipes", [config["recipe"]])


def audit_places(config: Mapping) -> dict[str, dict]:
    """Where the paper's claims are judged: place -> ``architecture``, ``dataset`` and ``recipe``, the run's own if not said."""
    said = (config.get("tables", {}).get("audit") or {}) | {"own": {}}
    own = {key: config[key] for key in ("architecture", "dataset", "recipe")}
    return ordered({name: own | section for name, section in said.items() if section is not None})
