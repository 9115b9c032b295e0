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
        for panel, members in figure.get("panels", {}).items():
            for arm in members:
                check_known(arm, config["arms"], f"{where}.panels.{panel}", "arm")
        if not arms:
            refuse(f"{where}.arms", "no arm is left", "give at least one a label")
        if figure.get("baseline") is not None:
            check_known(figure["baseline"], arms, f"{where}.baseline", "arm of the figure")
