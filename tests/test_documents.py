"""What the documents say is what the code does."""

import re

import pytest
import yaml
from informed_init.plan.checks import config_reference
from repository import ROOT, Repository

PINS = dict(
    line.split(";")[0].strip().split("==")
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if "==" in line
)
CONDA_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib"}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_agree_with_the_pins(path):
    versions = dict(
        entry.split("=", 1)
        for entry in yaml.safe_load(path.read_text())["dependencies"]
        if re.match(r"[\w-]+=\d", entry)
    )
    assert versions.pop("python")
    assert {name: PINS[CONDA_NAMES.get(name, name)] for name in versions} == versions
    assert "torch" in {CONDA_NAMES.get(name, name) for name in versions}


def test_the_config_reference_is_current():
    assert (ROOT / "config" / "README.md").read_text() == config_reference()


def test_every_file_the_readme_names_exists():
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"`((?:config|rules|profiles|benchmarks|results|workflow_scripts|schemas)/[\w./-]+)`", text)
    assert named
    made_by_runs = ("results/demo", "results/<run>")
    missing = [name for name in named if not name.startswith(made_by_runs) and not (ROOT / name).exists()]
    assert missing == []


def test_every_figure_and_table_the_readme_names_is_a_target(tmp_path):
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^snakemake ([a-z]\w+)", text, re.MULTILINE)) | set(
        re.findall(r"\| `([a-z]+\d+|audit)`", text)
    )
    listed = Repository(tmp_path).snakemake("--list-target-rules", "--config", "run=x").split()
    repository_targets = set(listed) | {f"figure{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9)}
    assert named <= repository_targets
