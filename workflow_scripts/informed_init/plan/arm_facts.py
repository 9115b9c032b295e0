"""The facts of the config's arms (:mod:`..facts`): how what an arm is leaves the config, to travel to tables and figures."""

from collections.abc import Iterable, Mapping

from ..facts import completed
from .arms import ARM_KEYS, arm_setting
from .families import cells
from .ready_banks import bank_facts
from .work import ordered


def arm_facts(config: Mapping, arm: str) -> dict:
    """What an arm is, with sorted keys."""
    section = config["arms"][arm]
    given = {key: value for key, value in section.items() if key not in ARM_KEYS}
    given |= {key: section[key] for key in ("initializer", "tasks") if key in section}
    given |= {key: arm_setting(config, arm, key) for key in ("architecture", "dataset")}
    given |= {f"published_{key}": value for key, value in section.get("published", {}).items()}
    for group, factors in section.get("layer_factors", {}).items():
        given |= {f"{of}_of_{group}": factor for of, factor in factors.items() if factor != 1}
    if isinstance(section.get("bank"), str):
        given |= bank_facts(section["bank"])
    elif "bank" in section:
        # an arm and its bank may both have `layers`
        given |= {"aligned_layers" if key == "layers" else key: value for key, value in section["bank"].items()}
    if teacher := section.get("teacher"):
        taught = arm_facts(config, teacher["arm"]) | {"recipe": teacher["recipe"]}
        given |= {f"teacher_{key}": value for key, value in taught.items()}
    return ordered(completed(given))


def facts_of(config: Mapping, arms: Iterable[str]) -> dict[str, dict]:
    """Arm -> facts, in the order given, each once."""
    return {arm: arm_facts(config, arm) for arm in arms}


def trained(config: Mapping) -> dict[str, dict]:
    """Arm -> facts of all arms that the run trains."""
    return facts_of(config, [arm for _, _, arm in cells(config)])


def declared(config: Mapping) -> dict[str, dict]:
    """Arm -> facts of all arms that the config declares, trained or not; those that families write out are not among them."""
    templates = [family["templates"] for family in config["families"].values()]
    written = {arm for made in templates for arm, template in made.items() if arm != template}
    return facts_of(config, [arm for arm in config["arms"] if arm not in written])
