"""What the arena's report is told, which files it reads, and which it makes."""

from collections.abc import Mapping

from . import arena

TABLES = "<results>/tables/arena{kind}"
PICTURES = "<results>/figures/arena-{picture}.{kind}"
# over all workloads; and one picture for each of them
OVER_ALL = {
    "profile": "Images to the target",
    "costs": "What accuracy costs",
    "rates": "Sensitivity to the learning rate",
}
DIFFERENCES = "differences-{workload}"
TARGET = 0.9  # the part of its training after which the baseline's accuracy is the target, if none is given


def told(config: Mapping) -> dict:
    """What the tables are told: ``baseline, target``, and in the config's order ``titles`` and ``labels``, the pairs of a
    workload's or a seat's name and of what it is called, and ``ideas``, those of a seat's name and of its idea, if it has one;
    nothing without a section ``arena``."""
    section = arena.arena(config)
    if not section:
        return {}
    titles = [[name, section["workloads"][name].get("title", name)] for name in arena.workloads(config)]
    labels = [[name, section["seats"][name].get("label", name)] for name in arena.seats(config)]
    ideas = [[name, idea] for name in arena.seats(config) if (idea := section["seats"][name].get("idea"))]
    return {
        "baseline": section["baseline"],
        "target": section.get("target", TARGET),
        "titles": titles,
        "labels": labels,
        "ideas": ideas,
    }


def files_read(config: Mapping) -> dict[str, list[str]]:
    """The curves and records of all seats in all workloads."""
    return {"curves": arena.played(config, arena.CURVES), "records": arena.played(config, arena.RECORDS)}


def pictures(config: Mapping) -> dict[str, str]:
    """The arena's pictures: name -> title."""
    titles = dict(told(config).get("titles", []))
    return OVER_ALL | {DIFFERENCES.format(workload=workload): title for workload, title in titles.items()}


def report(config: Mapping) -> list[str]:
    """The files of the report: the board and the pictures; none without a section ``arena``."""
    if not arena.workloads(config):
        return []
    return [TABLES.format(kind=".csv"), *(PICTURES.format(picture=name, kind="png") for name in pictures(config))]
