"""What made a run, in one file, and whether its published files are still what was published.

A manifest gathers what the run's own files say: the records of its trainings (versions, machines, seconds), the
checksums of its data, the benchmark files of its jobs; and adds the config, the code's version and digest. It holds no
dates, so writing it again changes nothing. Checksums are in the format of ``sha256sum``, which can check them as well.
"""

import hashlib
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import InputError
from ..files import file_digest, write_text
from ..jobs import made_by

SUMS = "SHA256SUMS"
# what a run makes and does not publish, as in .gitignore
UNPUBLISHED = ("data", "sources", "teachers", "partial", "logs", "benchmarks")
WORDS = "README.md"  # what is said about the results may be said better; it is no result
SEEDS = (
    "Every draw has a seed of its own: the first 63 bits of the SHA-256 of what it is for, e.g. (order, task, replica); "
    "arms share them, so replicas are paired. The column `seed` of the curves holds each training's."
)


def digest(value: object) -> str:
    """SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


# ---------------------------------------------------------------- the manifest


def manifest(config: Mapping, folder: str | Path, records: Iterable[str | Path], root: str | Path) -> dict:
    """What made the run in ``folder``: a JSON-ready dict with sorted parts.

    ``records`` are the run's training records, ``root`` is the repository. Raises :class:`InputError` naming a record
    that is not whole.
    """
    folder, read = Path(folder), [_record(path) for path in sorted(map(str, records))]
    trainings = [training for record in read for training in record["trainings"]]
    return {
        "run": config["run"],
        "config": {"sha256": digest(config), "content": config},
        "code": code_version(root),
        "data": data_checksums(folder),
        "seeds": {"rule": SEEDS, "replicas": sorted({training["replica"] for training in trainings})},
        "trained_with": _makers(read),
        "trainings": {"count": len(trainings), "seconds": round(sum(part["seconds"] for part in trainings))},
        "jobs": job_costs(folder / "benchmarks"),
        "written_with": made_by(),
    }


def _record(path: str) -> dict:
    try:
        record = json.loads(Path(path).read_text())
    except ValueError as error:
        raise InputError(f"{path}: not a whole record ({error}); delete it and run again") from error
    if not isinstance(record, dict) or not {"spec", "trainings", "versions", "machine"} <= record.keys():
        raise InputError(f"{path}: not a record of trainings; delete it and run again")
    return record


def _makers(records: list[dict]) -> list[dict]:
    """The different versions, machines and devices that trained, with the number of jobs of each."""
    counts: dict[str, int] = defaultdict(int)
    for record in records:
        maker = {key: record.get(key) for key in ("versions", "python", "machine")}
        counts[json.dumps(maker | {"device": record["spec"]["device"]}, sort_keys=True)] += 1
    return [json.loads(maker) | {"jobs": count} for maker, count in sorted(counts.items())]


def code_version(root: str | Path) -> dict:
    """The digest of all code that decides results, and the commit if ``root`` is a git checkout."""
    root = Path(root)
    files = [root / "Snakefile", *root.glob("rules/*.smk"), *root.glob("workflow_scripts/**/*.py")]
    contents = {str(path.relative_to(root)): file_digest(path) for path in sorted(files) if path.is_file()}
    found = {"sha256": digest(contents), "files": len(contents)}
    commit = _git(root, "rev-parse", "HEAD")
    if commit:
        changed = _git(root, "status", "--porcelain", "--", "Snakefile", "rules", "workflow_scripts")
        found |= {"commit": commit, "changed_since": bool(changed)}
    return found


def _git(root: Path, *arguments: str) -> str:
    """What git says, or nothing where there is no git or no repository of that folder's own."""
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def data_checksums(folder: Path) -> dict[str, str]:
    """``<data set>/<split file>`` -> SHA-256, of the splits that lie in the run's folder (a clone has none)."""
    sums = {}
    for path in sorted((folder / "data").glob("*/*.sha256")):
        sums[f"{path.parent.name}/{path.stem}"] = path.read_text().split()[0]
    return sums


def job_costs(folder: Path) -> dict[str, dict]:
    """Rule -> number of jobs, their seconds in sum and at most, and the largest memory in MB, from benchmark files."""
    found: dict[str, list[dict]] = defaultdict(list)
    for path in sorted(folder.rglob("*.jsonl")):
        rule = path.relative_to(folder).with_suffix("").parts[0]  # a rule of many jobs has a folder of them
        # a repeated job appends no line: Snakemake writes the file anew
        found[rule].append(json.loads(path.read_text().splitlines()[-1]))
    return {
        rule: {
            "jobs": len(jobs),
            "seconds": round(sum(job["s"] for job in jobs)),
            "longest_seconds": round(max(job["s"] for job in jobs)),
            "peak_memory_mb": round(max(job.get("max_rss") or 0 for job in jobs)),
        }
        for rule, jobs in sorted(found.items())
    }


# ---------------------------------------------------------------- checksums of published results


def published_files(folder: str | Path) -> list[Path]:
    """Every file of a run that is published, hidden and temporary ones left out, sorted."""
    folder = Path(folder)
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not hidden and parts[0] not in (*UNPUBLISHED, SUMS, WORDS):
            found.append(path)
    return sorted(found)


def write_sums(folder: str | Path) -> int:
    """Write the checksums of all published files of a run to ``<folder>/SHA256SUMS``; the number of files."""
    folder = Path(folder)
    files = published_files(folder)
    if not files:
        raise InputError(f"{folder}: no published files; name the folder of a finished run, e.g. results/study")
    lines = [f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_text(folder / SUMS, "".join(lines))
    return len(files)


def read_sums(folder: str | Path) -> dict[str, str]:
    """Name -> SHA-256 in ``<folder>/SHA256SUMS``.

    Raises :class:`InputError` when it is missing, a line is not one of ``sha256sum``, or a name leads out of the folder.
    """
    path = Path(folder) / SUMS
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; python workflow_scripts/plan/check_results.py --write {folder} makes it"
        )
    sums = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        value, _, name = line.partition("  ")
        inside = name and not Path(name).is_absolute() and ".." not in Path(name).parts
        if len(value) != 64 or not inside:
            raise InputError(f"{path}: line {number} is not a checksum and the name of a file of the run")
        sums[name] = value
    return sums


def check_sums(folder: str | Path) -> tuple[int, list[str]]:
    """Compare published files with their checksums: ``(number checked, names of files that are not listed)``.

    Raises :class:`InputError` naming what is missing or differs.
    """
    folder = Path(folder)
    sums = read_sums(folder)
    missing = [name for name in sums if not (folder / name).is_file()]
    changed = [name for name, value in sums.items() if name not in missing and file_digest(folder / name) != value]
    problems = [
        f"{len(names)} {what} ({_some(names)})" for what, names in (("missing", missing), ("changed", changed)) if names
    ]
    if problems:
        raise InputError(
            f"{folder}: of {len(sums)} published files {' and '.join(problems)}; get them again, or, if you made them "
            f"anew, write the checksums: python workflow_scripts/plan/check_results.py --write {folder}"
        )
    listed = set(sums)
    unlisted = [name for path in published_files(folder) if (name := path.relative_to(folder).as_posix()) not in listed]
    return len(sums), unlisted


def _some(names: list[str], shown: int = 4) -> str:
    return ", ".join(names) if len(names) <= shown else f"{', '.join(names[:shown])} and {len(names) - shown} more"
