"""A full disk, or a folder that is closed: one line that names the place and the remedy, and nothing half-written.

The limit on a process's files (`RLIMIT_FSIZE`) is a disk that is full, without anybody's rights or help.
"""

import gzip
import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from informed_init import files
from informed_init.errors import InputError
from informed_init.tasks import catalog, procedural
from informed_init.tasks.fetch import fetch
from informed_init.tasks.folders import atomic_folder
from informed_init.tasks.readers import read
from repository import ROOT

SCRIPTS = ROOT / "workflow_scripts"
JOB = """
import resource, runpy, sys
from types import SimpleNamespace as Job
root, script, limit = sys.argv[1:]
sys.path.insert(0, root)
snakemake = Job(
    log=["log/job.log"], wildcards=Job(dataset={dataset!r}), output=["made.txt"],
    params=Job(data_root="raw", settings=dict(seed=1, train_per_class=2, test_per_class=1, classes=3)),
)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit),) * 2)
runpy.run_path(script, init_globals=dict(snakemake=snakemake), run_name="__main__")
"""


def job(folder: Path, script: str, limit: int, dataset: str) -> tuple[str, str]:
    """Run a job's script in a folder where no file may grow beyond ``limit`` bytes; its log and what it showed."""
    code = JOB.format(dataset=dataset)
    command = [sys.executable, "-c", code, str(SCRIPTS), str(SCRIPTS / "tasks" / script), str(limit)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    return (folder / "log/job.log").read_text(), done.stdout + done.stderr


def one_line(text: str, said: str) -> None:
    assert text.count("\n") == 1 and said in text, text
    assert "make room there, or give the right to read and write, and run again" in text


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "job.log")


@pytest.mark.parametrize("dataset", ["procedural", "procedural64"])
def test_images_that_do_not_fit_leave_nothing(tmp_path, dataset):
    log, shown = job(tmp_path, "make_procedural.py", 1500, dataset)
    one_line(log, f"raw/{catalog.get(dataset).folder}: cannot be written (File too large)")
    assert not shown and not made(tmp_path)


def test_where_not_even_the_log_has_room_the_line_is_shown_alone(tmp_path):
    log, shown = job(tmp_path, "make_procedural.py", 0, "procedural")
    one_line(shown, "raw/procedural-python: cannot be written (File too large)")
    assert not log and not made(tmp_path)


def test_a_data_set_that_does_not_fit_is_named_and_what_was_downloaded_is_kept(tmp_path):
    packed = gzip.compress(bytes(2**16))
    place = tmp_path / "raw" / ".mnist.download"
    place.mkdir(parents=True)
    (place / "a.gz").write_bytes(packed)
    small = f"""
from dataclasses import replace
from informed_init.tasks import catalog
archive = catalog.Archive("a.gz", ("http://127.0.0.1:9/",), {hashlib.md5(packed).hexdigest()!r})
catalog._BY_NAME["mnist"] = replace(catalog.get("mnist"), archives=(archive,), md5={{}})
"""
    code = JOB.format(dataset="mnist").replace("resource.setrlimit", small + "resource.setrlimit")
    command = [sys.executable, "-c", code, str(SCRIPTS), str(SCRIPTS / "tasks/fetch.py"), "2000"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    last = (tmp_path / "log/job.log").read_text().splitlines(keepends=True)[-1]
    one_line(last, "raw/MNIST/raw: cannot be used (File too large)")
    assert "Traceback" not in (tmp_path / "log/job.log").read_text() + done.stdout + done.stderr
    assert made(tmp_path) == ["a.gz"]


# ---------------------------------------------------------------- folders that are closed


@contextmanager
def closed(folder: Path, mode: int):
    """A folder with these rights, for somebody who is not root."""
    folder.chmod(mode)
    root = os.geteuid() == 0
    if root:
        parent = folder.parent
        while parent != parent.parent and parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(0o711)
            parent = parent.parent
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("use", "mode"),
    [
        (lambda folder: procedural.write(folder, "procedural64", 1, 1, 1, classes=2), 0o500),
        (lambda folder: procedural.write(folder, "procedural64", 1, 1, 1, classes=2), 0o000),
        (lambda folder: fetch("mnist", folder, log=lambda _: None), 0o500),
        (lambda folder: fetch("mnist", folder, log=lambda _: None), 0o000),
        (lambda folder: read("mnist", folder, "test"), 0o000),
        (lambda folder: read(catalog.own("mine", {"folder": "photos", "size": 8}), folder, "test"), 0o000),
        (lambda folder: files.write_text(folder / "a" / "b.txt", "c"), 0o500),
    ],
)
def test_a_closed_folder_is_named_in_one_line(tmp_path, use, mode):
    folder = tmp_path / "closed"
    folder.mkdir()
    with closed(folder, mode), pytest.raises(InputError, match=r"closed.*(Permission denied)") as error:
        use(folder)
    one_line(f"{error.value}\n", "cannot be")
    assert list(folder.iterdir()) == []


def test_a_file_where_a_folder_is_expected_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"file/new: cannot be written \(.*\); move it out of the way"),
        atomic_folder(tmp_path / "file/new"),
    ):
        pytest.fail("there is no place for it")


def test_a_fault_of_the_code_is_no_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), files.refusals_of(tmp_path):
        (tmp_path / "missing").read_text()
