"""Drawings of networks and banks: which of them a run's families suffice for, and of which arms they are."""

from collections.abc import Mapping

from .arms import arm_setting
from .banks import bank_spec
from .families import cells
from .tables import is_made


def drawn(config: Mapping) -> list[str]:
    """The drawings that the run's families give the networks for, by name."""
    names = ["live_taps"]
    if any(bank_spec(config, arm) for _, _, arm in cells(config)):
        names += ["cosine"]
    if aligned_arms(config):
        names += ["figure1"]
    if drawn_bank(config) in {arm for _, _, arm in cells(config)}:
        names += ["figure10"]
    return names + (["best_rates"] if is_made(config, "best_rates") else [])


def drawn_bank(config: Mapping) -> str | None:
    """The arm whose bank is drawn, or None if the config names none."""
    return config.get("drawings", {}).get("bank")


def aligned_arms(config: Mapping) -> list[str]:
    """The run's arms that take the averages of aligned sources."""
    return [arm for _, _, arm in cells(config) if (bank_spec(config, arm) or {}).get("layers")]


def alignment_architecture(config: Mapping) -> str:
    """The network whose sources' matchings are compared: the aligned arms', or the run's own if it has none."""
    aligned = aligned_arms(config)
    return arm_setting(config, aligned[0], "architecture") if aligned else config["architecture"]


def walsh_arms(config: Mapping) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that pretrain by Sup-Walsh, one recipe each."""
    found = {
        arm: cell for cell in reversed(cells(config)) if config["arms"][arm := cell[2]]["initializer"] == "sup-walsh"
    }
    return list(reversed(found.values()))
