"""Values travel, not names: no code knows an arm, a family, a figure or a recipe by what the configs call it."""

import re

import pytest
import yaml
from informed_init.declarations import architectures, initializers
from repository import ROOT

SECTIONS = ("arms", "families", "figures", "recipes")
CODE = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk")), *sorted((ROOT / "workflow_scripts").rglob("*.py"))]

# words that code needs for what they mean, beside what a config calls by them
WORDS = {
    "augmentation": "a key of recipes",
    "augmented": "what happens to images",
    "clusters": "what a bank counts",
    "controls": "what a comparison has",
    "custom": "the paper's word for one of its architectures",
    "gaussian": "a method of banks and of Sup-Walsh",
    "layers": "a setting of initializers and banks",
    "legacy": "a setting of an architecture",
    "models": "a setting of banks",
    "pretraining": "what Sup-Walsh does",
    "random": "how numbers are drawn",
    "rates": "what learning has",
    "resampled": "what an interval does to replicas",
    "walsh": "a code",
}


def names():
    """What all configs of the repository call something, by name."""
    found = {}
    for path in (ROOT / "config.yaml", *sorted((ROOT / "config").glob("*.yaml"))):
        config = yaml.safe_load(path.read_text())
        found |= {name: section for section in SECTIONS for name in config.get(section) or {}}
    return found


def test_every_excused_word_is_a_name_and_none_is_a_name_in_disguise():
    assert set(WORDS) <= set(names())
    assert all(word.isalpha() for word in WORDS)  # nobody needs a word such as euclid-k2 for its meaning


@pytest.mark.parametrize("section", SECTIONS)
def test_no_code_mentions_anything_by_its_name(section):
    terms = {*initializers(), *architectures(), *WORDS}
    distinct = [name for name, where in names().items() if where == section and name not in terms]
    assert len(distinct) > 5
    pattern = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, distinct)) + r")(?![\w-])")
    lines = [(path, line) for path in CODE for line in path.read_text().splitlines()]
    assert [f"{path.relative_to(ROOT)}: {line.strip()}" for path, line in lines if pattern.search(line)] == []
