"""What README tells a reader to type works as it stands there."""

import re
import shlex

import informed_init
import pytest
import yaml
from informed_init.cli import main
from repository import ROOT, Repository

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_the_first_code_sets_a_network_and_says_what_it_set(capsys):
    pytest.importorskip("torchvision")
    language, code = BLOCKS[0]
    assert language == "python" and len([line for line in code.splitlines() if line]) == 4  # with its import
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("clustered: 17 of 161 tensors set, 144 left\n")


def test_the_comparison_asks_for_what_there_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (command,) = [line for _, code in BLOCKS for line in code.splitlines() if line.startswith("informed-init ")]
    assert main(shlex.split(command)[1:]) == 2
    assert capsys.readouterr().err.startswith("informed-init: --images: photos: no such folder; ")


def test_every_named_member_of_the_package_is_there():
    for name in re.findall(r"informed_init\.(\w+)\(", README):
        assert name in informed_init.__all__


@pytest.fixture
def mine(tmp_path):
    """The repository with README's initializer and overlay."""
    repository = Repository(tmp_path)
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    (code,) = [code for language, code in BLOCKS if language == "python" and "@initializer" in code]
    (folder,) = re.findall(r"One file in `(workflow_scripts/[\w/]+)`", README)
    (tmp_path / folder / "small_noise.py").write_text(code)
    (overlay,) = [code for language, code in BLOCKS if language == "yaml"]
    (tmp_path / "mine.yaml").write_text(overlay)
    return repository


def command():
    """README's words after `snakemake`, and how many jobs it says that they take in miniature and without the demo's config."""
    (found,) = re.findall(r"`snakemake (mine [^`]+)`", README)
    words = {"six": 6, "seven": 7, "eight": 8}
    return found.split(), [words[number] for number in re.findall(r"\((\w+)\sjobs", README)]


@pytest.mark.slow
@pytest.mark.xdist_group("workflow")
def test_an_initializer_of_ones_own_is_compared_by_readmes_lines(mine):
    words, (small, whole) = command()
    plain = [word for word in words if word != "config/demo.yaml"]
    for given, jobs in ((words, small), (plain, whole)):
        said = mine.snakemake(*given, "-n", "--quiet", "rules")
        assert re.findall(r"^total +(\d+)", said, re.MULTILINE)[0] == str(jobs), said
    mine.snakemake(*words)
    for name in ("tables/mine.md", "figures/mine.png"):
        assert name in README and (mine.folder / "results" / "demo" / name).is_file()
    table = (mine.folder / "results" / "demo" / "tables" / "mine.md").read_text()
    assert {"random", "mine"} <= {cell.strip() for cell in table.replace("\n", "|").split("|")}


def test_the_overlay_is_the_whole_run_of_what_it_adds():
    (overlay,) = [yaml.safe_load(code) for language, code in BLOCKS if language == "yaml"]
    assert overlay["only"] == list(overlay["families"]) == ["mine"]
