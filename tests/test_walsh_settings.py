"""The Sup-Walsh arms of a comparison differ in one thing only, and the published recipe is the published one."""

import pytest
from informed_init.facts import PLACE
from informed_init.plan.comparisons import compared_families, comparison_spec, table_members
from informed_init.plan.families import expanded
from informed_init.plan.published import published_settings
from informed_init.report.walsh import FREE, SIDES, differences, find
from repository import ROOT
from test_config import PAPER, overlay

RUNS = {"paper": None} | {path.stem: path.stem for path in sorted((ROOT / "config").glob("*.yaml"))}
PARTS = ("reducer", "codes", "labels")  # what a control replaces; anything else must be as the method has it


def run(name):
    return expanded(PAPER if RUNS[name] is None else overlay(name))


@pytest.mark.parametrize("name", RUNS)
def test_the_arms_of_a_comparison_differ_from_sup_walsh_in_one_part_only(name):
    config = run(name)
    for family in compared_families(config):
        members = comparison_spec(config, family)["members"]
        for place in {tuple(member[key] for key in PLACE) for member in members}:
            facts = {m["label"]: m["facts"] for m in members if tuple(m[key] for key in PLACE) == place}
            methods = [label for label in facts if facts[label]["initializer"] == "sup-walsh"]
            for method in (label for label in methods if find({label: facts[label]}, SIDES["with"], FREE)):
                for control in set(methods) - {method}:
                    different = {k for k in facts[method] if facts[method][k] != facts[control].get(k)}
                    assert len(different) == 1 and different < set(PARTS), (family, control, different)
                for control in (label for label in facts if facts[label]["initializer"] == "extra-steps"):
                    same = [facts[label][key] for label in (method, control) for key in ("steps", "rate")]
                    assert same[:2] == same[2:], (family, control)


@pytest.mark.parametrize("name", ["paper", "study"])
def test_every_comparison_of_sup_walsh_has_ordinary_steps_beside_it(name):
    config = run(name)
    for family in compared_families(config):
        used = {member["facts"]["initializer"] for member in comparison_spec(config, family)["members"]}
        assert "sup-walsh" not in used or "extra-steps" in used, family


def test_the_paper_run_differs_from_the_publication_in_nothing():
    config = run("paper")
    settings, members = published_settings(config), table_members(config, "walsh_layout")
    assert set(settings) == {"mnist", "fashionmnist", "cifar10"} == {member["dataset"] for member in members}
    methods = [m for m in members if find({m["arm"]: m["facts"]}, SIDES["with"], FREE)]
    assert len(methods) == 3 * 7
    for member in methods:
        assert differences(settings[member["dataset"]], member["facts"]) == "", member["arm"]


def test_every_conclusion_of_the_study_on_sup_walsh_names_extra_steps():
    text = (ROOT / "results" / "study" / "README.md").read_text()
    section = text.split("## Sup-Walsh", 1)[1].split("\n## ", 1)[0]
    concluding = [part for part in section.split("\n* ")[1:] if "Sup-Walsh" in part]
    assert len(concluding) == 4 and all("`extra-steps`" in part for part in concluding)
