"""Drawings of networks and banks: which of them a run's families suffice for, and of which arms they are."""

from collections.abc import Mapping

from .arms import arm_setting
from .banks import bank_spec
from .families import ALIGNED_FAMILY, RATE_FAMILY, TINY_FAMILY, cells, family_cells


def drawn(config: Mapping) -> list[str]:
    """The drawings that the run's families give the networks for, by name."""
    names = ["live_taps"]
    if any(bank_spec(config, arm) for _, _, arm in cells(config)):
        names += ["cosine"]
    if family_cells(config, ALIGNED_FAMILY):
        names += ["figure1"]
    if family_cells(config, TINY_FAMILY):
        names += ["figure10"]
    return names + (["best_rates"] if family_cells(config, RATE_FAMILY) else [])


def alignment_architecture(config: Mapping) -> str:
    """The network whose sources' matchings are compared: the aligned arms', or the run's own if it has none."""
    aligned = [arm for _, _, arm in cells(config) if (bank_spec(config, arm) or {}).get("layers")]
    return arm_setting(config, aligned[0], "architecture") if aligned else config["architecture"]


def walsh_arms(config: Mapping) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that pretrain by Sup-Walsh, one recipe each."""
    found = {
        arm: cell for cell in reversed(cells(config)) if config["arms"][arm := cell[2]]["initializer"] == "sup-walsh"
    }
    return list(reversed(found.values()))
