"""The results of the repository are recognized: in a fresh copy, once touched, nothing of them would be made again."""

import shutil

import pytest
from informed_init.plan.provenance import read_sums
from repository import ROOT, Repository

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


class Clone(Repository):
    """A copy of the repository as git has it, with the committed results of one run."""

    def __init__(self, folder, run):
        super().__init__(folder)
        shutil.copy2(ROOT / "config.yaml", folder)
        self.files = [f"results/{run}/{name}" for name in read_sums(ROOT / "results" / run)]
        for file in self.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, folder / file)


@pytest.mark.parametrize("run", ["study", "decisive", "fidelity", "tiny", "precision", "arena", "fresh"])
def test_committed_results_are_current_after_touch(tmp_path, run):
    clone = Clone(tmp_path, run)
    config = ("--configfile", f"config/{run}.yaml")
    clone.snakemake("--touch", "--forceall", "--cores", "1", *config)
    # the study has all that its config asks for; the others are small runs of which a part is committed
    targets = () if run == "study" else clone.files
    assert "Nothing to be done" in clone.snakemake("-n", *config, "--", *targets)
