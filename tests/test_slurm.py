"""The SLURM profile: what it asks for (anywhere), and what a real cluster makes of it (where there is one)."""

import contextlib
import re
import shutil
import subprocess
from datetime import datetime

import pytest
import yaml
from repository import ROOT, Repository

PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
SLURM = ("--workflow-profile", "profiles/slurm")
# images are there already, so every job goes through sbatch; the device stays the CPU while jobs ask for the GPU
ON_CLUSTER = (
    *SLURM,
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
)
ARMS = ("random", "gabor-1")


def curves(arm):
    return f"results/mini/curves/controlled/stepwise/{arm}/000-001.csv"


def why_not():
    """Why the tests that need a cluster cannot run here, or nothing."""
    if not shutil.which("sbatch"):
        return "no sbatch here"
    nodes = subprocess.run(["sinfo", "--noheader", "--format", "%G %T"], capture_output=True, text=True)
    if nodes.returncode != 0:
        return "SLURM does not answer"
    return "" if re.search(r"gpu\S* (idle|mixed|allocated)", nodes.stdout) else "no node with a GPU is up"


NO_CLUSTER = why_not()
cluster = pytest.mark.skipif(bool(NO_CLUSTER), reason=NO_CLUSTER or "there is a cluster")


# ---------------------------------------------------------------- the profile itself


def test_no_site_is_in_the_profile():
    text = "\n".join(line.partition("#")[0] for line in (ROOT / "profiles/slurm/config.yaml").read_text().splitlines())
    assert PROFILE["executor"] == "slurm" and PROFILE["retries"] >= 1
    assert not re.search(r"account|partition|qos|constraint", text)
    assert "resources" not in PROFILE  # --resources gpu=1 would submit one job at a time: SLURM shall queue


def test_the_default_profile_takes_nothing_away_from_the_slurm_profile():
    """`--profile profiles/slurm` loads profiles/default as well, and that wins."""
    default = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert not {"cores", "jobs", "resources", "default-resources", "executor", "retries"} & set(default)


@pytest.mark.slow
@pytest.mark.xdist_group("slurm")
def test_either_way_of_naming_the_profile_plans_the_same_jobs(tmp_path):
    repository = Repository(tmp_path)
    planned = repository.would_do(curves("random"))
    assert planned
    for option in ("--workflow-profile", "--profile"):
        assert repository.would_do(curves("random"), options=(option, "profiles/slurm")) == planned


# ---------------------------------------------------------------- a real cluster


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The miniature with its images made and one arm trained without SLURM, for comparison."""
    repository = Repository(tmp_path_factory.mktemp("slurm"))
    repository.run(*(curves(arm) for arm in ARMS))
    repository.trained = repository.results("curves/**/*.csv")
    return repository


@pytest.fixture
def untrained(repository):
    """As above, the arms' curves taken away; jobs that a failed test leaves in the queue are cancelled."""
    shutil.rmtree(repository.folder / "results/mini/curves")
    yield repository
    for job in submitted(repository):
        subprocess.run(["scancel", job], check=False)


def submitted(repository, log=None):
    """The SLURM jobs of the last run, in the order of submission."""
    log = log or max((repository.folder / ".snakemake/log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    return re.findall(r"SLURM jobid (\d+)", log.read_text())


def job(number):
    """What SLURM knows of a job, e.g. ``{"JobState": "COMPLETED", "TimeLimit": "00:02:00"}``."""
    shown = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True, check=True)
    return dict(re.findall(r"(\S+?)=(\S+)", shown.stdout))


def times(number):
    return [datetime.fromisoformat(job(number)[key]) for key in ("StartTime", "EndTime")]


def await_job(process, condition):
    """Wait until ``condition()`` gives something, and give that; the run must not end meanwhile."""
    while not (found := condition()):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    return found


@cluster
@pytest.mark.slow
@pytest.mark.xdist_group("slurm")
def test_jobs_take_turns_on_the_one_gpu_and_none_fails(untrained):
    untrained.snakemake(*(curves(arm) for arm in ARMS), *ON_CLUSTER, "--set-resources", "train_arm:gpu=1")
    numbers = submitted(untrained)
    assert len(numbers) == len(ARMS)
    assert all(job(number)["JobState"] == "COMPLETED" for number in numbers)
    assert all(re.search(r"gpu", job(number).get("TresPerJob", "")) for number in numbers)
    (first, ended), (second, _) = sorted(map(times, numbers))
    assert first < ended <= second
    assert untrained.results("curves/**/*.csv") == untrained.trained


@cluster
@pytest.mark.slow
@pytest.mark.xdist_group("slurm")
def test_a_cancelled_job_and_one_out_of_time_come_back_with_more(untrained):
    """About two minutes: no time limit of SLURM is shorter than one."""
    more = ("--set-resources", "train_arm:gpu=1", "train_arm:runtime=30*attempt-29", "train_arm:mem_mb=2000*attempt")
    process = untrained.start(*(curves(arm) for arm in ARMS), *ON_CLUSTER, *more)

    def running():
        with contextlib.suppress(ValueError):
            return [number for number in submitted(untrained) if job(number)["JobState"] == "RUNNING"]

    # the first is cancelled; whichever runs next is stopped, so that its minute passes
    (first,) = await_job(process, running)
    subprocess.run(["scancel", first], check=True)
    (second,) = await_job(process, lambda: [number for number in running() or [] if number != first])
    subprocess.run(["scancel", "--signal", "STOP", "--full", second], check=True)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-6000:]
    states = {number: job(number) for number in submitted(untrained)}
    assert states[first]["JobState"] == "CANCELLED" and states[second]["JobState"] == "TIMEOUT"
    again = [state for state in states.values() if state["JobState"] == "COMPLETED"]
    assert len(again) == len(ARMS) and {state["TimeLimit"] for state in again} == {"00:31:00"}
    assert all("mem=4000M" in state.get("TRES", state.get("ReqTRES", "")) for state in again)
    assert untrained.results("curves/**/*.csv") == untrained.trained
