"""Figures of training curves: arms, panels, recipe and metric that exist."""

from collections.abc import Mapping

from ...columns import METRICS
from ..figures import figure_arms, figure_recipe
from .refusals import check_known, refuse


def check_figures(config: Mapping) -> None:
    """Refuse a figure of something that is not there. ``config`` is expanded."""
    for name, figure in config["figures"].items():
        where, arms = f"figures.{name}", figure_arms(config, name)
        check_known(figure_recipe(config, name), config["recipes"], f"{where}.recipe", "recipe")
        check_known(figure.get("metric", "val_accuracy"), METRICS, f"{where}.metric", "metric")
        for arm in figure["arms"]:
            check_known(arm, config["arms"], f"{where}.arms", "arm")
        if not arms:
            refuse(f"{where}.arms", "no arm is left", "give at least one a label")
        if figure.get("baseline") is not None:
            check_known(figure["baseline"], arms, f"{where}.baseline", "arm of the figure")
        for panel, members in figure.get("panels", {}).items():
            for arm in members:
                check_known(arm, arms, f"{where}.panels.{panel}", "arm of the figure")


def check_published(config: Mapping) -> None:
    """Refuse published numbers of an arm that does not exist. ``config`` is expanded."""
    for arm in config.get("published", {}):
        check_known(arm, [*config["arms"], *_published_elsewhere()], "published", "arm")


def _published_elsewhere() -> list[str]:
    """Arms of the paper with a published curve that a config may leave out."""
    tiny = [f"tiny-{name}" for name in ("random", "pretrained", "clustered")]
    return [*tiny, "custom-random", *(f"custom-aligned-{layers}" for layers in (1, 2, 4))]
