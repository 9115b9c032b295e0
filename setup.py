"""The wheel holds the workflow as well, in ``informed_init/workflow``, so that ``informed-init compare``
runs where no checkout is."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
WORKFLOW = ("Snakefile", "config.yaml", "rules", "profiles", "envs", "schemas", "published", "report")


class BuildWithWorkflow(build_py):
    """Copies the rules, their scripts and the config beside the package's modules."""

    def run(self):
        super().run()
        target = Path(self.build_lib) / "informed_init" / "workflow"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in WORKFLOW:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, target / name)
        for script in sorted((ROOT / "workflow_scripts").glob("*/*.py")):
            if script.parent.name != "informed_init":
                place = target / "workflow_scripts" / script.parent.name
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(script, place)


setup(cmdclass={"build_py": BuildWithWorkflow})
