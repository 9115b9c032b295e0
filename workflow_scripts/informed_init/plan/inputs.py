"""What jobs read, by name: data, sources, banks, teachers, and the code of the job itself."""

from collections.abc import Iterable, Mapping

from ..declarations import architectures
from ..reference_names import own_file
from . import paths
from .arms import arm_setting, needs_source, plugin_modules
from .banks import bank_name, bank_spec, banks
from .code_inputs import code
from .trainings import ARM_SCRIPT

# Snakemake compares small files by content but large ones by date, so a rule takes a large file as `ancient` and notices by
# the checksum file beside it whether it changed.
LARGE = ("train", "test", "sources", "banks", "teachers")


def split_inputs(dataset: str) -> dict:
    """A data set's two tensor files, and their checksums."""
    files = paths.splits(dataset)
    return {"train": files[0], "test": files[1], "data": paths.checksums(files)}


def source_inputs(config: Mapping, architecture: str) -> dict:
    """All trained sources of an architecture, and their checksums."""
    files = paths.sources(config, architecture)
    return {"sources": files, "source_checksums": paths.checksums(files)}


def arm_inputs(config: Mapping, arm: str, protocol: str, block: str) -> dict:
    """What a block of replicas of an arm is trained from: data, and its banks, sources or teachers."""
    files = split_inputs(arm_setting(config, arm, "dataset"))
    bank = bank_spec(config, arm)
    if bank is not None:
        files["banks"] = paths.banks(bank_name(bank), block)
        files["bank_checksums"] = paths.checksums(files["banks"])
    if needs_source(config, arm):
        files |= source_inputs(config, arm_setting(config, arm, "architecture"))
    if teacher := config["arms"][arm].get("teacher"):
        files["teachers"] = [paths.TEACHERS.format(protocol=protocol, block=block, **teacher)]
        files["teacher_checksums"] = paths.checksums(files["teachers"])
    if network := own_file(arm_setting(config, arm, "architecture")):
        files["network"] = network
    return files | {"code": list(code(ARM_SCRIPT, *plugin_modules(config, arm)))}


def arms_inputs(config: Mapping, arms: Iterable[str], protocol: str, block: str) -> dict:
    """What the arms of one job are trained from, together, each file once."""
    together: dict = {}
    for arm in arms:
        for name, files in arm_inputs(config, arm, protocol, block).items():
            known = together.setdefault(name, files)
            together[name] = list(dict.fromkeys([*known, *files])) if isinstance(files, list) else files
    return together


def bank_inputs(config: Mapping, bank: str) -> dict:
    """What a bank is built from: all sources of its architecture, or none where it starts from untrained ones."""
    spec = banks(config)[bank]
    files = source_inputs(config, spec["architecture"]) if spec["trained"] else {}
    script = "banks/align_sources.py" if spec["layers"] else "banks/build_bank.py"
    return files | {"code": code(script, architectures()[spec["architecture"]].module)}
