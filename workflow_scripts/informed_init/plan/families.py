"""Families: written out for the networks and data sets that they are run on, and the trainings that they ask for."""

from collections.abc import Mapping

DEFAULT_RECIPE = "stepwise"
RATE_FAMILY, TINY_FAMILY, ALIGNED_FAMILY = (
    "rates",
    "tiny",
    "custom",
)  # families that tables and drawings of their own read
HEADLINE_ARMS = ["random", "gabor-1", "euclid-k2", "fourier-k2", "clustered-untrained-k2"]


def expanded(config: Mapping) -> dict:
    """The config with every family that is run `across` several networks or data sets written out: its arms become
    ``<dataset>-<architecture>-<arm>``, and ``templates`` says which arm each was made from."""
    arms, families = dict(config["arms"]), {}
    for name, family in config["families"].items():
        places = _places(family)
        templates = {}
        for place in places:
            written = {arm: "-".join([*place.values(), arm]) for arm in family["arms"]}
            for arm, full in written.items():
                section = {**config["arms"].get(arm, {}), **place}
                section |= {"replicas": family["replicas"]} if "replicas" in family else {}
                if "teacher" in section:
                    teacher = section["teacher"]
                    section["teacher"] = {**teacher, "arm": written.get(teacher["arm"], teacher["arm"])}
                if place:
                    arms[full] = section
                templates[full] = arm
        families[name] = {**family, "arms": list(templates), "templates": templates}
    return {**config, "arms": arms, "families": families}


def _places(family: Mapping) -> list[dict[str, str]]:
    """Every combination of data set and architecture that a family is run on; one empty one if it names none."""
    on = family.get("across", {})
    datasets = [{"dataset": name} for name in on.get("datasets", [])] or [{}]
    networks = [{"architecture": name} for name in on.get("architectures", [])] or [{}]
    return [dataset | network for dataset in datasets for network in networks]


def cells(config: Mapping) -> list[tuple[str, str, str]]:
    """Every (protocol, recipe, arm) that the families ask for, each once however many families share it."""
    found = {}
    for family in config["families"].values():
        for protocol in family.get("protocols", config["protocols"]):
            for recipe in family.get("recipes", [DEFAULT_RECIPE]):
                for arm in family["arms"]:
                    found[protocol, recipe, arm] = None
    return list(found)


def family_cells(config: Mapping, family: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) of one family; none if the run leaves the family out."""
    return cells({**config, "families": {family: config["families"].get(family, {"arms": []})}})


def paper_cells(config: Mapping) -> list[tuple[str, str, str]]:
    """The cells that the audit of the paper's claims reads: those of families on the run's own data and network."""
    return cells({**config, "families": {n: f for n, f in config["families"].items() if "across" not in f}})


def rate_recipes(config: Mapping) -> list[str]:
    """The recipes among which every headline arm finds its own best learning rate."""
    return [DEFAULT_RECIPE, *config["families"].get(RATE_FAMILY, {}).get("recipes", [])]


def table1_cells(config: Mapping) -> list[tuple[str, str, str]]:
    """What Table 1 is made of: the Tiny ImageNet arms as the config has them, even if the run's `all` leaves them out."""
    arms = [arm for arm in ("tiny-random", "tiny-pretrained", "tiny-clustered") if arm in config["arms"]]
    family = config["families"].get(TINY_FAMILY, {}) | {"arms": arms}
    return cells({**config, "families": {TINY_FAMILY: family}})
