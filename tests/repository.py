"""A copy of the repository to run Snakemake in, and readers of what it says it would do."""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = (
    "Snakefile",
    "rules",
    "workflow_scripts",
    "config.yaml",
    "config",
    "published",
    "schemas",
    "envs",
    "profiles",
    "report",
)

# small enough for seconds: two sources, one task, two replicas, images of 8 a class, three arms
MINIATURE = {
    "run": "mini",
    "device": "cpu",
    "architecture": "resnet18-small",
    "dataset": "procedural",
    "procedural": {"seed": 1, "train_per_class": 8, "test_per_class": 4, "classes": 10},
    "protocols": ["controlled"],
    "replicas": {"count": 2, "per_job": 2},
    "sources": {"superclasses": [0, 1, 2], "count": 2, "per_job": 2, "recipe": "pretraining"},
    "tasks": [[10, 11]],
    "tables": {},
    "drawings": {},
    "search": None,
    "recipes": {
        name: {"epochs": 2, "learning_rate": [[1, 0.01]], "batch_size": 32, "validation_fraction": 0.25}
        for name in ("stepwise", "augmented", "pretraining")
    },
}
ARMS = {
    "random": {"initializer": "default"},
    "gabor-1": {"initializer": "gabor", "layers": 1},
    "euclid-k2": {"initializer": "clustered", "bank": {"method": "euclid", "k": 2, "models": 2}},
}
FIGURES = {
    "figure2": {"title": "Compared", "arms": {"random": "random", "euclid-k2": "euclid"}},
    "figure8": {"title": "First layer", "arms": {"random": "random", "gabor-1": "Gabor"}},
}


class Repository:
    """The repository's own files in a folder of the test's, with a miniature config in place of ``config.yaml``."""

    def __init__(self, folder: Path, of: Path | None = None):
        """``of`` is the folder of another one that is copied as it is, with what it made."""
        self.folder = folder
        if of is not None:
            shutil.copytree(of, folder, symlinks=True)
            self.config = yaml.safe_load((folder / "config.yaml").read_text())
            return
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                shutil.copy2(source, folder / part)
        self.config = yaml.safe_load((ROOT / "config.yaml").read_text()) | MINIATURE
        own = {"arms": ARMS, "figures": FIGURES, "families": {"all": {"arms": list(ARMS)}}}
        self.config = copy.deepcopy(self.config | own)
        self.write_config()

    def write_config(self) -> None:
        """Write ``self.config`` as the workflow's config."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """Start Snakemake with its output captured."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )

    def snakemake(self, *arguments: str, ok: bool = True) -> str:
        """Run Snakemake to its end and return all it wrote."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=900)
        assert (process.returncode == 0) == ok, output[-6000:]
        return output

    def run(self, *targets: str) -> str:
        """Make targets on one core."""
        return self.snakemake(*targets, "--cores", "1")

    def would_do(self, *targets: str, options: tuple[str, ...] = ()) -> list[str]:
        """The messages of the jobs that a run would start, sorted; target rules have none."""
        return sorted(re.findall(r"^Job \d+: (.+)$", self.snakemake(*targets, "-n", *options), re.MULTILINE))

    def append(self, file: str, text: str = "\n# edited\n") -> None:
        """Edit a file."""
        with open(self.folder / file, "a") as handle:
            handle.write(text)

    def results(self, pattern: str) -> dict[str, bytes]:
        """The bytes of result files by name."""
        base = self.folder / "results" / self.config["run"]
        return {str(path.relative_to(base)): path.read_bytes() for path in sorted(base.glob(pattern))}
