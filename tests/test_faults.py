"""What goes wrong outside the code (a kill, a full disk, a cut file, two runs at once, a hostile file) ends in a clear line or in
the results of an undisturbed run, never in a wrong table."""

import ast
import contextlib
import copy
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess

import psutil
import pytest
import torch
from informed_init.banks.bank import Bank
from informed_init.banks.sources import load as load_sources
from informed_init.errors import InputError
from informed_init.files import load_tensors, save_tensors, write_checksum
from informed_init.report.curves import read_curves
from informed_init.runs.partial import Partial, digest_of
from informed_init.tasks.images import load_split
from repository import ROOT, Repository

ARMS = ("undisturbed", "job-killed", "snakemake-killed", "two-at-once", "disk-full", "read-only", "cut-input")
STUDY = ROOT / "results/study"


# ---------------------------------------------------------------- while Snakemake runs


def curves(arm):
    return f"results/mini/curves/controlled/stepwise/{arm}/000-003.csv"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """One arm under many names: what is done to one must not change its curves, which are the undisturbed one's."""
    repository = Repository(tmp_path_factory.mktemp("faults"))
    arms = {arm: {"initializer": "default"} for arm in ARMS}
    repository.config |= {"arms": arms, "families": {"all": {"arms": list(arms)}}, "figures": {}}
    repository.config["replicas"] = {"count": 4, "per_job": 4}
    repository.config["recipes"]["stepwise"]["epochs"] = 8
    repository.write_config()
    repository.run(curves("undisturbed"))
    return repository


def finish(repository, arm):
    """Run again: the arm's curves are those of the undisturbed one; returns the job's log."""
    repository.run(curves(arm))
    read = [(repository.folder / curves(name)).read_text() for name in (arm, "undisturbed")]
    assert read[0].replace(arm, "undisturbed") == read[1]
    return (repository.folder / f"results/mini/logs/train_arm/controlled-stepwise-{arm}-000-003.log").read_text()


def started(repository, arm):
    """A run of one arm, at the moment when its first training is kept and others are still to do."""
    before = set((repository.folder / "results/mini/partial/arms").glob("*/*.json"))
    process = repository.start("--cores", "1", "--", curves(arm), start_new_session=True)
    while not set((repository.folder / "results/mini/partial/arms").glob("*/*.json")) - before:
        with pytest.raises(subprocess.TimeoutExpired):  # it must not end by itself
            process.wait(timeout=0.05)
    return process


def training_jobs(process):
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if any("train_arm" in word for word in child.cmdline()[1:2])]


@pytest.mark.slow
@pytest.mark.xdist_group("faults")
class TestRuns:
    def test_a_killed_job_is_named_and_resumed(self, repository):
        process = started(repository, "job-killed")
        for job in training_jobs(process):
            job.kill()
        output, _ = process.communicate(timeout=300)
        assert process.returncode != 0 and "train_arm" in output and "died with <Signals.SIGKILL" in output
        assert not (repository.folder / curves("job-killed")).exists()
        assert "taken over" in finish(repository, "job-killed")

    def test_a_killed_snakemake_whose_job_lives_on_blocks_until_unlocked(self, repository):
        process = started(repository, "snakemake-killed")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert "--unlock" in repository.snakemake("--cores", "1", "--", curves("snakemake-killed"), ok=False)
        repository.snakemake("--unlock")
        finish(repository, "snakemake-killed")

    def test_a_second_run_is_refused_and_one_without_the_lock_does_no_harm(self, repository):
        first = started(repository, "two-at-once")
        for job in training_jobs(first):
            job.suspend()  # so that it cannot end before the others
        target = ("--cores", "1", "--", curves("two-at-once"))
        assert "cannot be locked" in repository.snakemake(*target, ok=False)
        shutil.rmtree(repository.folder / ".snakemake/locks")
        second = repository.start(*target)
        for job in training_jobs(first):
            job.resume()
        for process in (first, second):
            output, _ = process.communicate(timeout=300)
            # the first may find its curves taken away by the second, which begins by removing what is there
            assert process.returncode == 0 or "curves/controlled/stepwise/two-at-once" in output, output
        finish(repository, "two-at-once")

    @pytest.mark.parametrize(("arm", "said"), [("disk-full", "No space left"), ("read-only", "Read-only file system")])
    def test_a_place_that_cannot_be_written_is_named_and_nothing_is_lost(self, repository, arm, said):
        folder = (repository.folder / curves(arm)).parent
        folder.mkdir(parents=True)
        with small_disk(folder) as disk:
            (folder / "other").write_bytes(bytes(16384))
            if arm == "read-only":
                disk("remount,ro")
            output = repository.snakemake("--cores", "1", "--", curves(arm), ok=False)
            assert said in output and curves(arm) in output
            assert "Traceback" not in output or arm == "read-only"  # Snakemake's own: it comes upon it first
            assert [path.name for path in folder.iterdir()] == ["other"]
            disk("remount,rw,size=1m")
            log = finish(repository, arm)
            assert log.count("taken over") == 4 or arm == "read-only"  # Snakemake may notice before it starts the job

    def test_a_cut_input_is_named_and_made_again(self, repository):
        data = repository.folder / "results/mini/data/procedural/train.safetensors"
        content = data.read_bytes()
        data.write_bytes(content[: len(content) // 2])
        output = repository.snakemake("--cores", "1", "--", curves("cut-input"), ok=False)
        assert "data/procedural/train.safetensors: not the file that" in output
        assert "delete it and run again" in output and "Traceback" not in output
        data.unlink()
        finish(repository, "cut-input")
        assert data.read_bytes() == content

    def test_an_arm_whose_name_leads_outside_makes_nothing(self, repository):
        kept = copy.deepcopy(repository.config)
        repository.config["arms"]["../../../outside"] = {"initializer": "default"}
        repository.config["families"]["all"]["arms"] += ["../../../outside"]
        repository.write_config()
        before = set(repository.folder.rglob("*"))
        try:
            assert "outside" in repository.snakemake("--cores", "1", "--", "results/mini/tables/final.csv", ok=False)
        finally:
            repository.config = kept
            repository.write_config()
        made = set(repository.folder.rglob("*")) - before
        assert not [path for path in made if ".snakemake" not in path.parts]


@contextlib.contextmanager
def small_disk(folder):
    """A file system of 16 KB at ``folder``, and a function that mounts it anew with other options."""

    def mount(options, *kind):
        return subprocess.run(["mount", *kind, "-o", options, str(folder)], capture_output=True, text=True)

    done = mount("size=16k", "-t", "tmpfs", "tmpfs") if shutil.which("mount") else None
    if done is None or done.returncode != 0:
        pytest.skip("needs the right to mount a small file system (root)")
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Demo(Repository):
    """The repository as it is, at the demo's scale."""

    def __init__(self, folder):
        folder.mkdir()
        super().__init__(folder)
        shutil.copy2(ROOT / "config.yaml", folder)
        self.config = {"run": "demo"}

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, **options}
        return super().start(*arguments, "--cores", "2", "--configfile", "config/demo.yaml", **options)


@pytest.mark.slow
@pytest.mark.skipif(
    "INFORMED_INIT_KILLS" not in os.environ, reason="takes half an hour; set INFORMED_INIT_KILLS=1 to run it"
)
def test_twenty_kills_at_random_moments_change_no_table(tmp_path):
    """The demo, whole, undisturbed, and again killed 20 times, Snakemake alone or with its jobs."""
    killed, undisturbed = Demo(tmp_path / "killed"), Demo(tmp_path / "undisturbed")
    undisturbed.snakemake()
    rng = random.Random(20)
    for kill in range(20):
        process = killed.start(start_new_session=True)
        left = rng.randint(3, 13)  # jobs to begin: so that the kills are spread over the whole run
        for line in process.stdout:
            left -= bool(re.match(r"Job \d", line))
            if left == 0:
                break
        else:
            pytest.fail(f"the demo came to its end after {kill} kills")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0, 3))
        alone = rng.random() < 0.5  # then its jobs live on, beside the next run's
        (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        killed.snakemake("--unlock")
    killed.snakemake()
    for pattern in ("curves/**/*.csv", "tables/*", "figures/*.csv", "banks/**/*.*", "sources/**/*.safetensors"):
        assert killed.results(pattern) == undisturbed.results(pattern) != {}


# ---------------------------------------------------------------- damaged files


@pytest.fixture
def whole_curves(tmp_path):
    """The study's curves and record of one arm, in the folders of a run."""
    for kind, name in (("curves", "000-000.csv"), ("records", "000-000.json")):
        place = tmp_path / "run" / kind / "controlled/stepwise/random"
        place.mkdir(parents=True)
        shutil.copy(STUDY / kind / "controlled/stepwise/random" / name, place)
    return tmp_path / "run/curves/controlled/stepwise/random/000-000.csv"


@pytest.mark.parametrize("lost", [1, 7, 15, 45])  # of 75 lines: one, half a training, a whole one, three
def test_curves_cut_at_the_end_of_a_line_are_refused(whole_curves, lost):
    assert len(read_curves([whole_curves])) == 75
    lines = whole_curves.read_text().splitlines(keepends=True)
    whole_curves.write_text("".join(lines[:-lost]))
    with pytest.raises(InputError, match=r"000-000\.csv: cut off.* delete it and run again"):
        read_curves([whole_curves])


def test_half_a_record_is_named(whole_curves):
    record = whole_curves.parents[4] / "records/controlled/stepwise/random/000-000.json"
    record.write_text(record.read_text()[:100])
    with pytest.raises(InputError, match=r"000-000\.json: not a whole record"):
        read_curves([whole_curves])


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
@pytest.mark.parametrize("read", [load_tensors, load_split, Bank.load, lambda path: load_sources([path])])
def test_a_cut_tensor_file_names_itself(tmp_path, read, kept):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"net/conv.weight": torch.zeros(8, 3, 3, 3)}, {"bank": json.dumps({})})
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(InputError, match=r"a\.safetensors: not a whole safetensors file"):
        read(path)


@pytest.mark.parametrize("read", [load_tensors, load_split, Bank.load, lambda path: load_sources([path])])
def test_one_flipped_byte_is_noticed_by_the_checksum_beside_a_file(tmp_path, read):
    path = tmp_path / "a.safetensors"
    tensors = {"net/conv.weight": torch.zeros(8, 3, 3, 3)}
    save_tensors(path, tensors, {"bank": json.dumps({})})
    write_checksum(path)
    assert load_tensors(path)[0].keys() == tensors.keys()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for named in (read, lambda path: digest_of({}, [path])):
        with pytest.raises(InputError, match=r"a\.safetensors: not the file that .* delete it and run again"):
            named(path)


def test_half_a_kept_training_is_trained_again(tmp_path):
    partial = Partial(tmp_path, "digest")
    partial.store("task-0", [{"epoch": 1}])
    assert partial.load("task-0") == [{"epoch": 1}]
    for content in ("", '[{"epoch"'):  # what a crash of the machine may leave
        (tmp_path / "digest/task-0.json").write_text(content)
        assert partial.load("task-0") is None


# ---------------------------------------------------------------- hostile files


class Touches:
    """Unpickled the ordinary way, this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [lambda value, path: path.write_bytes(pickle.dumps(value)), torch.save])
@pytest.mark.parametrize("read", [load_tensors, load_split, Bank.load, lambda path: load_sources([path])])
def test_a_pickle_in_place_of_tensors_is_refused_without_running_it(tmp_path, write, read):
    path, planted = tmp_path / "a.safetensors", tmp_path / "planted"
    write(Touches(planted), path)
    with pytest.raises(InputError, match=r"a\.safetensors"):
        read(path)
    assert not planted.exists()


def calls(tree):
    """Every call in a file: (name of what is called, e.g. ``torch.load``, its keywords, its other arguments as text)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            yield ast.unparse(node.func), keywords, " ".join(map(ast.unparse, node.args))


def test_no_code_loads_what_could_run():
    """Readers of CIFAR's pickles resolve no name (tests of tasks); everywhere else nothing is unpickled or evaluated, but for
    annotations in the package's own files."""
    unsafe = {
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "eval",
        "exec",
        "os.system",
        "yaml.load",
        "marshal.loads",
    }
    unsafe |= {"joblib.load", "pd.read_pickle", "dill.load", "shelve.open", "yaml.unsafe_load", "torch.hub.load"}
    found = []
    for path in sorted((ROOT / "workflow_scripts").rglob("*.py")):
        for name, keywords, arguments in calls(ast.parse(path.read_text())):
            weights_only = ast.unparse(keywords["weights_only"]) if "weights_only" in keywords else ""
            if (path.name, name) == ("declarations.py", "eval") or (name == "yaml.load" and "SafeLoader" in arguments):
                continue
            if name in unsafe or (name == "torch.load" and weights_only != "True"):
                found.append(f"{path.name}: {name}")
            found += [f"{path.name}: {key}" for key in ("allow_pickle", "shell") if key in keywords]
    assert found == []
