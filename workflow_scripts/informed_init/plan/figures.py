"""Figures of training curves: their arms, protocols and recipe, and what drawing one is told."""

from collections.abc import Mapping

from .arms import arm_setting
from .datasets import data_set
from .families import cells
from .work import ordered


def published(config: Mapping) -> dict[str, list[float]]:
    """The published means of the arms that this run trains on the paper's data; images made by code and folders of
    somebody's own have none."""
    return {
        arm: means
        for arm, means in ordered(config["published"]).items()
        if arm in config["arms"] and data_set(config, arm_setting(config, arm, "dataset")).archives
    }


def figure_arms(config: Mapping, figure: str) -> dict[str, str]:
    """Arm -> label of a figure; an overlay takes an arm out by giving it no label."""
    return {arm: label for arm, label in config["figures"][figure]["arms"].items() if label is not None}


def figure_recipe(config: Mapping, figure: str) -> str:
    """The recipe a figure's arms were trained under."""
    return config["figures"][figure].get("recipe", config["recipe"])


def figure_protocols(config: Mapping, figure: str) -> list[str]:
    """The protocols a figure is drawn under: one picture each."""
    return config["figures"][figure].get("protocols", config["protocols"])


def drawn_figures(config: Mapping) -> list[tuple[str, str]]:
    """The (figure, protocol) that the run's families have every arm for; others are drawn when asked for by name."""
    trained = set(cells(config))
    return [
        (figure, protocol)
        for figure in config["figures"]
        for protocol in figure_protocols(config, figure)
        if trained.issuperset(figure_cells(config, figure, protocol))
    ]


def figure_cells(config: Mapping, figure: str, protocol: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that a figure is drawn from under a protocol."""
    return [(protocol, figure_recipe(config, figure), arm) for arm in figure_arms(config, figure)]


def figure_spec(config: Mapping, figure: str, protocol: str) -> dict:
    """What ``figures.draw_curves`` is told: title, arms with labels, and the published means under ``published``."""
    section, arms = config["figures"][figure], figure_arms(config, figure)
    spec = {key: value for key, value in section.items() if key not in ("arms", "protocols")}
    spec |= {"protocol": protocol, "recipe": figure_recipe(config, figure)}
    spec["arms"] = [{"arm": arm, "label": label} for arm, label in arms.items()]
    if protocol == "published":
        spec["published"] = {arm: means for arm, means in published(config).items() if arm in arms}
    return ordered(spec)
