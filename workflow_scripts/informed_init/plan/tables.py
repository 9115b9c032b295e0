"""Tables that speak of chosen families: which those are, the config's section ``tables`` says."""

from collections.abc import Mapping

from .families import family_cells, family_recipes, named_families, selected
from .work import ordered


def table_families(config: Mapping, table: str) -> list[str]:
    """The families that a table of its own is made of; none if the config names none."""
    return named_families(config.get("tables", {}).get(table))


def table_cells(config: Mapping, table: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that such a table reads, even if the run's `all` leaves its family out."""
    return [cell for family in table_families(config, table) for cell in family_cells(config, family)]


def table_arms(config: Mapping, table: str) -> list[str]:
    """The arms of such a table, in their order."""
    return [arm for family in table_families(config, table) for arm in config["families"][family]["arms"]]


def is_made(config: Mapping, table: str) -> bool:
    """Whether the table's families are the run's, so that `all` makes the table."""
    return set(table_families(config, table)) <= set(selected(config)) and bool(table_cells(config, table))


def rate_recipes(config: Mapping) -> list[str]:
    """The recipes among which every arm finds its own best learning rate: the config's, and those of the table's family."""
    asked = [recipe for family in table_families(config, "best_rates") for recipe in family_recipes(config, family)]
    return list(dict.fromkeys([config["recipe"], *asked]))


def shared_recipes(config: Mapping) -> list[str]:
    """The recipes under which the shares of the controls are told, one table each."""
    return (config.get("tables", {}).get("attribution") or {}).get("recipes", [config["recipe"]])


def audit_places(config: Mapping) -> dict[str, dict]:
    """Where the paper's claims are judged: place -> ``architecture``, ``dataset`` and ``recipe``, the run's own if not said."""
    said = (config.get("tables", {}).get("audit") or {}) | {"own": {}}
    own = {key: config[key] for key in ("architecture", "dataset", "recipe")}
    return ordered({name: own | section for name, section in said.items() if section is not None})
