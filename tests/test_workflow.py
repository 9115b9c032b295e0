"""What Snakemake does with the repository: exact job lists after a change, and the same results after a kill."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from repository import Repository

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

FIGURE2, FIGURE8 = "Drawing figure2 (controlled)", "Drawing figure8 (controlled)"
DRAWINGS = ["Drawing how far training moved each layer", "Drawing which weights a 32x32 image can train"]
MEASURES = ["Measuring how far training moved each layer", "Measuring which weights a 32x32 image can train"]
TABLES = ["Writing the table of final accuracies", "Auditing the paper's claims"]


def training(arm, block="000-001"):
    return f"Training {arm}, replicas {block} (controlled, stepwise)"


ARMS = [training(arm) for arm in ("random", "gabor-1", "euclid-k2")]
MATCHING = "Comparing greedy and optimal matching of sources"
BANKS = ["Building bank resnet18-small-euclid-k2-m2, replicas 000-001"]
RESAMPLED = ["Building bank resnet18-small-reservoir-m2, replicas 000-001", training("resampled")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("finished"))
    # its bank is of several megabytes: Snakemake compares files of that size by date
    repository.config["arms"]["resampled"] = {"initializer": "clustered", "bank": {"method": "reservoir", "models": 2}}
    repository.config["families"]["all"]["arms"] += ["resampled"]
    repository.write_config()
    repository.run()
    return repository


@pytest.fixture
def changed(finished):
    """The finished run, to be edited; the edit is undone afterwards."""
    kept = {
        path: path.read_bytes()
        for path in finished.folder.rglob("*")
        if path.is_file() and "results" not in path.parts and ".snakemake" not in path.parts
    }
    config = finished.config
    yield finished
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    finished.config = config


def test_every_result_is_there(finished):
    names = set(finished.results("figures/*")) | set(finished.results("tables/*"))
    expected = {f"figures/figure{n}-controlled.{kind}" for n in (2, 8) for kind in ("png", "svg", "csv")}
    assert names >= expected | {"tables/final.csv", "tables/final.md", "tables/curves.csv"}
    assert finished.results("figures/figure2-controlled.png")["figures/figure2-controlled.png"].startswith(b"\x89PNG")
    assert not any((finished.folder / "results/mini/partial/arms").iterdir())


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_the_report_opens_in_a_browser_and_lists_its_figures(finished, tmp_path):
    def shown(page):
        """What the browser made of the page, without the page's own code, and what it complained of."""
        command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        command += [
            "--virtual-time-budget=10000",
            f"--user-data-dir={tmp_path / 'browser'}",
            "--dump-dom",
            page.as_uri(),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        app = ended.stdout[ended.stdout.index('<div id="app">') :]
        assert "Uncaught" not in ended.stderr
        return re.sub(r"<[^>]+>|\s+", " ", app[: app.index("<script")])

    report = tmp_path / "report.html"
    finished.snakemake("--report", str(report), "--cores", "1")
    home = shown(report)
    assert "Read the audit first" in home and "2 replicas of" in home
    assert all(category in home for category in ("1. Audit", "Figures", "Tables"))
    clicked = report.read_text() + "<script>setTimeout(() => app.showCategory('Figures'), 500)</script>"
    report.write_text(clicked)
    figures = shown(report)
    assert re.search(r"figure2\s+controlled", figures) and re.search(r"figure8\s+controlled", figures)


def test_arms_of_a_replica_are_paired(finished):
    curves = finished.results("curves/controlled/stepwise/*/000-001.csv")
    lines = {name.split("/")[3]: content.decode().splitlines() for name, content in curves.items()}
    header = lines["random"][0].split(",")
    seed, replica = header.index("seed"), header.index("replica")
    seeds = {arm: [(row.split(",")[replica], row.split(",")[seed]) for row in rows[1:]] for arm, rows in lines.items()}
    assert seeds["random"] == seeds["gabor-1"] == seeds["euclid-k2"]
    assert len(set(seeds["random"])) == 2


def test_nothing_is_left_to_do_even_after_touching_every_file(finished):
    assert "Nothing to be done" in finished.snakemake("-n")
    for path in finished.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts and "results" not in path.parts:
            os.utime(path)
    assert finished.would_do() == []
    assert finished.results("banks/*reservoir*/0.safetensors").popitem()[1].__len__() > 1e6
    for path in (finished.folder / "results").rglob("*"):  # the later a file, the earlier it was made
        os.utime(path)
    assert finished.would_do() == []


def test_nothing_is_left_to_do_in_a_checkout_that_was_moved(finished, tmp_path):
    moved = Repository(tmp_path / "moved", finished.folder)
    assert moved.would_do() == []


def test_a_figures_title_redraws_that_figure_only(changed):
    changed.config = {**changed.config, "figures": {**changed.config["figures"]}}
    changed.config["figures"]["figure2"] = {**changed.config["figures"]["figure2"], "title": "Another title"}
    changed.write_config()
    assert changed.would_do() == [FIGURE2]


def test_one_arms_parameter_retrains_that_arm_only(changed):
    changed.config = {
        **changed.config,
        "arms": {**changed.config["arms"], "gabor-1": {"initializer": "gabor", "layers": 2}},
    }
    changed.write_config()
    assert changed.would_do() == sorted([training("gabor-1"), FIGURE8, *TABLES])


def test_more_replicas_train_only_the_new_ones(changed):
    changed.config = {**changed.config, "replicas": {"count": 4, "per_job": 2}}
    changed.write_config()
    new = [training(arm, "002-003") for arm in ("random", "gabor-1", "euclid-k2", "resampled")]
    banks = [f"Building bank resnet18-small-{bank}-m2, replicas 002-003" for bank in ("euclid-k2", "reservoir")]
    assert changed.would_do() == sorted([*new, *banks, FIGURE2, FIGURE8, *TABLES])


def test_another_k_builds_that_bank_only(changed):
    arm = {"initializer": "clustered", "bank": {"method": "euclid", "k": 3, "models": 2}}
    changed.config = {**changed.config, "arms": {**changed.config["arms"], "euclid-k2": arm}}
    changed.write_config()
    banks = ["Building bank resnet18-small-euclid-k3-m2, replicas 000-001"]
    assert changed.would_do() == sorted([*banks, training("euclid-k2"), FIGURE2, *TABLES])


@pytest.mark.parametrize(
    ("helper", "jobs"),
    [
        ("initializers/gabor.py", [training("gabor-1"), FIGURE8, *TABLES]),
        ("report/figures/curves.py", [FIGURE2, FIGURE8]),
        ("report/figures/style.py", [FIGURE2, FIGURE8, *DRAWINGS]),  # what is drawn is not measured again
        ("report/audit.py", TABLES[1:]),
        ("initializers/pretrained.py", []),
        (
            "banks/bank.py",
            [*BANKS, *RESAMPLED, *ARMS, FIGURE2, FIGURE8, *TABLES, MEASURES[0], DRAWINGS[0], MATCHING],
        ),  # but no source is trained again
        ("tasks/procedural.py", None),
    ],
)
def test_editing_a_helper_reruns_exactly_its_users(changed, helper, jobs):
    changed.append(f"workflow_scripts/informed_init/{helper}")
    done = changed.would_do()
    if jobs is None:  # the images themselves: everything follows
        assert "Drawing the procedural images" in done and TABLES[0] in done and training("random") in done
    else:
        assert done == sorted(jobs)


def test_an_added_initializer_is_one_file_and_a_few_config_lines(changed):
    new = changed.folder / "workflow_scripts/informed_init/initializers/tiny_noise.py"
    new.write_text(
        "from .registry import initializer\n\n\n"
        '@initializer("tiny-noise")\ndef tiny_noise_(model, *, generator, scale=0.1):\n'
        '    """Scale every convolution down."""\n    model.conv1.weight.mul_(scale)\n'
    )
    try:
        changed.config = {
            **changed.config,
            "arms": {**changed.config["arms"], "mine": {"initializer": "tiny-noise", "scale": 0.2}},
        }
        changed.config["families"] = {"all": {"arms": [*changed.config["arms"]]}}
        changed.write_config()
        assert changed.would_do() == sorted([training("mine"), *TABLES])
    finally:
        new.unlink()


def test_a_kill_loses_nothing_and_changes_nothing(finished, tmp_path):
    repository = Repository(tmp_path)
    process = repository.start(
        "--cores", "1", "--", "results/mini/curves/controlled/stepwise/euclid-k2/000-001.csv", start_new_session=True
    )
    partial = tmp_path / "results/mini/partial/arms"
    while not list(partial.glob("*/*.json")):  # until the first of two trainings is done
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not repository.results("curves/**/*.csv")
    repository.snakemake("--unlock")
    repository.run("results/mini/curves/controlled/stepwise/euclid-k2/000-001.csv")
    (log,) = repository.results("logs/train_arm/*").values()
    assert b"taken over from an earlier job" in log
    again, before = (r.results("curves/controlled/stepwise/euclid-k2/*") for r in (repository, finished))
    assert again == before and len(again) == 1


# ---------------------------------------------------------------- arms that share a job, other blocks, failed jobs


FINAL = "results/mini/tables/final.csv"


def trained(repository):
    """The trainings that the jobs of a run did, from the logs of its arms."""
    logs = repository.results("logs/train_arm/*").values()
    return sum(line.endswith(" left") for log in logs for line in log.decode().splitlines())


@pytest.fixture
def copied(finished, tmp_path):
    """The finished run in a folder of its own, without its logs."""
    repository = Repository(tmp_path / "copy", finished.folder)
    shutil.rmtree(repository.folder / "results/mini/logs")
    return repository


def test_arms_that_come_to_share_a_job_are_not_trained_again(copied):
    before = copied.results("curves/**/*.csv")
    copied.config["share"] = 4
    copied.write_config()
    shared = "Training 4 arms of all on procedural (resnet18-small), replicas 000-001 (controlled, stepwise)"
    assert shared in copied.would_do()
    copied.run(FINAL)
    assert trained(copied) == 0 and copied.results("curves/**/*.csv") == before and copied.would_do(FINAL) == []
    copied.config["arms"]["gabor-1"]["layers"] = 2
    copied.write_config()
    copied.run(FINAL)
    after = copied.results("curves/**/*.csv")
    assert [name.split("/")[3] for name in after if after[name] != before[name]] == ["gabor-1"]
    assert trained(copied) == 2


def test_other_blocks_of_replicas_train_none_of_them_again(copied):
    copied.config["replicas"]["per_job"] = 1
    copied.config["families"]["all"]["arms"] = ["random", "euclid-k2"]
    copied.write_config()
    copied.run(FINAL)
    assert trained(copied) == 0 and copied.would_do(FINAL) == []
    parts = copied.results("curves/*/*/*/00[01]-00[01].csv")
    for arm in ("random", "euclid-k2"):
        name = f"curves/controlled/stepwise/{arm}/000-001.csv"
        content = parts[name]
        first, second = (parts[name.replace("000-001", block)] for block in ("000-000", "001-001"))
        assert content == first + second.split(b"\n", 1)[1]


def test_a_failed_job_leaves_what_was_good_and_is_done_again(copied):
    bank = copied.folder / "results/mini/banks/resnet18-small-euclid-k2-m2/0.safetensors"
    curves = copied.results("curves/**/euclid-k2/*.csv")
    content = bank.read_bytes()
    bank.write_bytes(content[:-10])
    copied.config["arms"]["euclid-k2"]["rescale"] = "he"
    copied.write_config()
    said = copied.snakemake("--cores", "1", "--", FINAL, ok=False)
    assert "0.safetensors: not the file that" in said and "delete it and run again" in said
    assert copied.results("curves/**/euclid-k2/*.csv") == curves
    assert training("euclid-k2") in copied.would_do()
    bank.unlink()
    copied.run(FINAL)
    assert bank.read_bytes() == content and copied.results("curves/**/euclid-k2/*.csv") != curves
    assert copied.would_do(FINAL) == []


def test_targets_come_by_name(finished):
    finished.snakemake("figure8", "-n")
    listed = finished.snakemake("--list-target-rules")
    assert "figure2" in listed and "figure8" in listed
