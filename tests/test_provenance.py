"""A manifest says what made a run, checksums say whether its published files are whole, an estimate says how long it takes."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from informed_init.errors import InputError
from informed_init.plan import arms, families, sharing, tasks
from informed_init.plan.estimate import START, Job, estimate, makespan, rates, report
from informed_init.plan.provenance import (
    SUMS,
    UNPUBLISHED,
    check_sums,
    code_version,
    job_costs,
    manifest,
    published_files,
    write_sums,
)
from repository import ROOT, Repository
from test_config import overlay

PUBLISHED = sorted(path.parent for path in ROOT.glob("results/*/README.md"))
CHECK = ROOT / "workflow_scripts/plan/check_results.py"


# ---------------------------------------------------------------- checksums of published results


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_published_results_are_what_was_published(folder):
    count, unlisted = check_sums(folder)
    assert count > 0 and unlisted == []


def test_what_is_not_published_is_what_git_ignores():
    ignored = re.findall(r"^/results/\*/(\w+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
    assert set(UNPUBLISHED) == set(ignored)


@pytest.fixture
def run(tmp_path):
    """A run with published and unpublished files, checksums written."""
    for name in ("curves/a.csv", "tables/final.csv", "figures/figure2.png", "data/x/train.safetensors", "logs/a.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"content of {name}\n")
    (tmp_path / "curves/.b.csv.x1.part").write_text("what a killed job left")
    assert write_sums(tmp_path) == 3
    return tmp_path


def test_sha256sum_reads_the_checksums(run):
    assert check_sums(run) == (3, [])
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=run, check=True, capture_output=True)


def test_one_changed_byte_and_a_missing_file_are_named(run):
    (run / "tables/final.csv").write_text("content of tables/final.csv ")
    (run / "curves/a.csv").unlink()
    with pytest.raises(InputError) as error:
        check_sums(run)
    said = str(error.value)
    assert "1 missing (curves/a.csv) and 1 changed (tables/final.csv)" in said and "\n" not in said


def test_what_was_not_published_is_told_apart(run):
    (run / "tables/mine.csv").write_text("mine\n")
    assert check_sums(run) == (3, ["tables/mine.csv"])


@pytest.mark.parametrize(
    "line", ["abc  tables/final.csv", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/hosts", "0" * 64]
)
def test_checksums_that_make_no_sense_are_refused(run, line):
    (run / SUMS).write_text(line + "\n")
    with pytest.raises(InputError, match="line 1 is not a checksum"):
        check_sums(run)


def test_the_command_says_what_it_found_without_a_traceback(run):
    def command(*arguments):
        return subprocess.run([sys.executable, CHECK, *arguments], capture_output=True, text=True)

    assert "3 published files are what they were" in command(run).stdout
    (run / "tables/final.csv").unlink()
    failed = command(run)
    assert (
        failed.returncode == 1 and "1 missing (tables/final.csv)" in failed.stderr and "Traceback" not in failed.stderr
    )
    assert "2 files written" in command("--write", run).stdout
    assert command(run).returncode == 0
    assert "no such file; python workflow_scripts/plan/check_results.py --write" in command(run / "tables").stderr


# ---------------------------------------------------------------- the manifest


def test_the_manifest_tells_what_made_the_study():
    config = families.expanded(overlay("study"))
    records = sorted((ROOT / "results/study/records").rglob("*.json"))
    told = manifest(config, ROOT / "results/study", records, ROOT)
    spent = [training["seconds"] for path in records for training in json.loads(path.read_text())["trainings"]]
    assert told["trainings"] == {"count": len(spent), "seconds": round(sum(spent))}
    assert sum(maker["jobs"] for maker in told["trained_with"]) == len(records)
    assert all(maker["versions"]["torch"] and maker["machine"]["processor"] for maker in told["trained_with"])
    assert told["config"]["content"]["run"] == "study" and len(told["config"]["sha256"]) == 64
    trained = {training["replica"] for path in records for training in json.loads(path.read_text())["trainings"]}
    assert told["seeds"]["replicas"] == sorted(trained)
    assert json.loads(json.dumps(told)) == told


def test_the_code_version_is_that_of_the_code_and_of_nothing_else(tmp_path):
    for name in ("Snakefile", "rules/a.smk", "workflow_scripts/b.py", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    first = code_version(tmp_path)
    assert first["files"] == 3 and "commit" not in first
    (tmp_path / "README.md").write_text("other")
    assert code_version(tmp_path) == first
    (tmp_path / "rules/a.smk").write_text("other")
    assert code_version(tmp_path)["sha256"] != first["sha256"]


def test_job_costs_are_summed_by_rule(tmp_path):
    for rule, name, seconds in (("train_arm", "a", 3.0), ("train_arm", "b", 5.4), ("build_bank", "c/0", 2.0)):
        path = tmp_path / rule / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"s": seconds, "max_rss": 100 * seconds}) + "\n")
    (tmp_path / "write_audit.jsonl").write_text(json.dumps({"s": 1.2, "max_rss": None}) + "\n")
    assert job_costs(tmp_path) == {
        "build_bank": {"jobs": 1, "seconds": 2, "longest_seconds": 2, "peak_memory_mb": 200},
        "train_arm": {"jobs": 2, "seconds": 8, "longest_seconds": 5, "peak_memory_mb": 540},
        "write_audit": {"jobs": 1, "seconds": 1, "longest_seconds": 1, "peak_memory_mb": 0},
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"spec": {}}'])
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "000.json").write_text(content)
    for read in (lambda path: manifest(overlay("study"), tmp_path, [path], ROOT), lambda path: rates([path])):
        with pytest.raises(InputError, match=r"000\.json: not a.* record"):
            read(tmp_path / "000.json")


# ---------------------------------------------------------------- the estimate


@pytest.fixture(scope="module")
def measured():
    return rates(sorted(ROOT.glob("results/*/records/**/*.json")))


HEADLINE = {"families": {"all": {"arms": ["random", "euclid-k2"]}}, "replicas": {"count": 1, "per_job": 1}}
HEADLINE |= {"only": ["all"], "tables": {}}


def training_seconds(config, measured):
    jobs = [job for job in estimate(families.expanded(config), measured).jobs if job.rule == "train_arm"]
    return sum(job.seconds for job in jobs), sum(job.trainings for job in jobs)


def test_what_was_measured_is_estimated_as_it_was():
    """Arms that the study trained take, by the estimate, what its records say, and the start of their two jobs."""
    paths = sorted((ROOT / "results/study/records/controlled/stepwise").rglob("*.json"))
    records = [json.loads(path.read_text()) for path in paths]
    spent = [part["seconds"] for record in records for part in record["trainings"]]
    seconds, trainings = training_seconds(overlay("study") | HEADLINE, rates(paths))
    assert trainings == 2 * len(overlay("study")["tasks"])
    assert seconds - 2 * START == pytest.approx(trainings * sum(spent) / len(spent))


@pytest.mark.parametrize("name", ["demo", "study"])
def test_the_estimate_has_exactly_the_runs_training_jobs(measured, name):
    config = families.expanded(overlay(name))
    jobs = estimate(config, measured).jobs
    assert sum(job.rule == "train_arm" for job in jobs) == len(sharing.arm_jobs(config))
    trainings = [
        len(tasks.tasks(config, arm)) * arms.arm_setting(config, arm, "replicas")["count"]
        for _, _, arm in families.cells(config)
    ]
    assert sum(job.trainings for job in jobs if job.rule == "train_arm") == sum(trainings)
    assert all(job.seconds > 0 for job in jobs)


def test_more_epochs_and_more_replicas_take_longer(measured):
    config = overlay("study") | HEADLINE
    stepwise = config["recipes"]["stepwise"]
    longer = config["recipes"] | {"stepwise": stepwise | {"epochs": 2 * stepwise["epochs"]}}
    seconds, trainings = training_seconds(config, measured)
    assert training_seconds(config | {"recipes": longer}, measured)[0] == pytest.approx(2 * seconds, rel=0.02)
    more = training_seconds(config | {"replicas": {"count": 3, "per_job": 1}}, measured)
    assert more == (pytest.approx(3 * seconds), 3 * trainings)


def test_jobs_wait_for_what_they_need_and_share_the_slots():
    jobs = [Job("train_sources", 10.0), Job("train_arm", 4.0), Job("train_arm", 4.0, 0, ("train_sources",))]
    assert makespan(jobs, 1) == 18
    assert makespan(jobs, 2) == makespan(jobs, 8) == 14  # the last one cannot start before the sources are there
    assert makespan([], 4) == 0


def test_a_gpu_run_says_that_no_gpu_was_measured(measured):
    config = families.expanded(overlay("study") | {"device": "cuda"})
    on_cpu = {key: rate for key, rate in measured.items() if key[4] == "cpu"}
    said = report(estimate(config, on_cpu), config, 8, 1)
    assert "cuda, and no record here is of one" in said and "with 8 cores and 1 gpu" in said
    assert "no record here is of one" not in report(
        estimate(families.expanded(overlay("study")), on_cpu), config | {"device": "cpu"}, 2, None
    )


# ---------------------------------------------------------------- as rules


@pytest.mark.slow
@pytest.mark.xdist_group("provenance")
def test_the_rules_say_what_they_should_and_all_makes_nothing_again(tmp_path):
    repository = Repository(tmp_path)
    repository.config["families"] = {"all": {"arms": ["random"]}}
    repository.config["figures"] = {}
    repository.write_config()
    estimated = repository.snakemake("estimate", "--cores", "3", "--quiet", "all")
    assert "with 3 cores: about" in estimated and not repository.results("curves/**/*")
    repository.run("all", "manifest")
    told = json.loads((tmp_path / "results/mini/manifest.json").read_text())
    assert told["jobs"]["train_arm"]["jobs"] == 1 and told["trainings"]["count"] == 2
    assert set(told["data"]) == {"procedural/train.safetensors", "procedural/test.safetensors"}
    assert told["config"]["content"] == yaml.safe_load((tmp_path / "config.yaml").read_text()) | {
        key: told["config"]["content"][key] for key in ("arms", "families")
    }
    assert "no such file" in repository.snakemake("check_results", "--cores", "1", ok=False)
    listed = published_files(tmp_path / "results/mini")
    assert write_sums(tmp_path / "results/mini") == len(listed) > 4
    assert re.search(r"\d+ published files are what they were", repository.snakemake("check_results", "--cores", "1"))
    assert repository.would_do() == repository.would_do("manifest") == []
    with open(tmp_path / "results/mini/tables/final.csv", "a") as table:
        table.write("\n")
    assert "1 changed (tables/final.csv)" in repository.snakemake("check_results", "--cores", "1", ok=False)
