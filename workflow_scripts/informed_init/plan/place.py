"""Where the workflow lies: beside the package in a checkout, inside it where it was installed."""

from pathlib import Path

from ..errors import InputError

PACKAGE = Path(__file__).parents[1]


def workflow_folder() -> Path:
    """The folder of Snakefile, rules, scripts and config.yaml.

    Raises:
        InputError: the package was installed without them.
    """
    for folder in (PACKAGE.parents[1], PACKAGE / "workflow"):
        if (folder / "Snakefile").is_file() and (folder / "rules").is_dir():
            return folder
    raise InputError(f"{PACKAGE}: the workflow is not installed with the package; pip install the project anew")
