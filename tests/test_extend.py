"""What is added is added in one place: a figure and a family are config lines, an architecture is a file."""

import pytest
from repository import Repository

pytestmark = pytest.mark.xdist_group("workflow")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_an_added_figure_is_config_lines_only(repository):
    repository.config["figures"]["mine"] = {"title": "Mine", "arms": {"gabor-1": "Gabor", "random": "random"}}
    repository.write_config()
    assert "Drawing mine (controlled)" in repository.would_do()


def test_an_added_family_is_config_lines_only_and_may_name_its_baseline_by_facts(repository):
    family = {"arms": ["random", "gabor-1"], "baseline": {"initializer": "default"}}
    repository.config["families"]["mine"] = family
    repository.config["only"] = ["mine"]
    repository.write_config()
    jobs = repository.would_do()
    assert "Comparing the arms of mine" in jobs
    assert not any("euclid-k2" in job for job in jobs)  # the run is this family


def test_an_added_architecture_is_one_file(repository):
    (repository.folder / "workflow_scripts/informed_init/architectures/thin.py").write_text(
        "from torch import nn\n\nfrom .registry import architecture\n\n\n"
        '@architecture("thin")\ndef thin(num_classes):\n'
        '    """A linear network."""\n'
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))\n"
    )
    repository.config["arms"]["random"]["architecture"] = "thin"
    repository.config["figures"] = {"draw_me": {"title": "Thin", "arms": {"random": "thin"}}}
    repository.write_config()
    assert "Training random, replicas 000-001 (controlled, stepwise)" in repository.would_do("draw_me")
