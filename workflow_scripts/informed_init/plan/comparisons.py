"""Families with a baseline: which trainings their comparison reads, and what it is told of them."""

from collections.abc import Mapping

from ..facts import method
from .arm_facts import arm_facts
from .arms import arm_setting
from .families import family_cells, family_recipes, selected
from .tables import table_family
from .work import ordered


def compared_families(config: Mapping) -> list[str]:
    """The families that get a comparison of their own: those that name a baseline."""
    return [name for name, family in selected(config).items() if family["arms"] and "baseline" in family]


def comparison_cells(config: Mapping, family: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that a comparison reads: the family's under ``controlled``, and its teachers."""
    own = [cell for cell in family_cells(config, family) if cell[0] == "controlled"]
    taught = [config["arms"][arm].get("teacher") for _, _, arm in own]
    return list(dict.fromkeys(own + [("controlled", t["recipe"], t["arm"]) for t in taught if t]))


def comparison_spec(config: Mapping, family: str) -> dict:
    """What :mod:`.comparison` is told of a family: its members with their baselines, and the recipes among which each finds
    its best."""
    section = config["families"][family]
    by_template, members = {}, []
    for arm, template in section["templates"].items():
        place = tuple(arm_setting(config, arm, key) for key in ("dataset", "architecture"))
        by_template[template, arm.removesuffix(template)] = arm
        members.append({"arm": arm, "template": template, "dataset": place[0], "architecture": place[1]})
    named = section["baseline"]
    for member in members:
        template = member.pop("template")
        prefix = member["arm"].removesuffix(template)
        baseline = named if isinstance(named, str) else named.get(template)
        member |= {"baseline": by_template.get((baseline, prefix)), "label": template}
        member["panel"] = prefix.rstrip("-")
        teacher = config["arms"][member["arm"]].get("teacher")
        member["facts"] = arm_facts(config, member["arm"])
        member["method"] = method(member["facts"])
        member["teacher"] = None if teacher is None else [teacher["arm"], teacher["recipe"]]
    return ordered(
        {
            "title": section.get("title", family),
            "members": members,
            "recipes": family_recipes(config, family),
            "shown": section.get("shown", list(dict.fromkeys(section["templates"].values()))),
        }
    )


def table_members(config: Mapping, table: str) -> list[dict]:
    """The members of the family that a table of its own is made of; none if the config names none."""
    family = table_family(config, table)
    return comparison_spec(config, family)["members"] if family else []
