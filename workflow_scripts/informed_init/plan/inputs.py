"""What jobs read, by name: data, sources, banks, teachers, and the code of the job itself."""

from collections.abc import Iterable, Mapping

from ..declarations import architectures
from ..reference_names import own_file
from . import paths
from .arms import arm_setting, needs_source, plugin_modules
from .banks import bank_name, bank_spec, banks
from .code_inputs import code
from .ready_banks import ready_bank
from .sources import bank_sources, pretrained_sources
from .trainings import ARM_SCRIPT
from .work import block_members

# Snakemake compares small files by content but large ones by date, so a rule takes a large file as `ancient` and notices by
# the checksum file beside it whether it changed.
LARGE = ("train", "test", "sources", "banks", "teachers")


def split_inputs(dataset: str, root: str = "<results>") -> dict:
    """A data set's two tensor files in a run's folder, or another one, and their checksums."""
    files = paths.splits(dataset, root)
    return {"train": files[0], "test": files[1], "data": paths.checksums(files)}


def source_inputs(config: Mapping, architecture: str, names: Iterable[str] | None = None) -> dict:
    """Trained sources of an architecture, those named or all, and their checksums."""
    files = paths.sources(config, architecture, names)
    return {"sources": files, "source_checksums": paths.checksums(files)}


def arm_inputs(config: Mapping, arm: str, protocol: str, block: str) -> dict:
    """What a block of replicas of an arm is trained from: data, and its banks, sources or teachers."""
    files = split_inputs(arm_setting(config, arm, "dataset"))
    bank = bank_spec(config, arm)
    if bank is not None:
        files["banks"] = paths.banks(bank_name(bank), block)
        files["bank_checksums"] = paths.checksums(files["banks"])
    if needs_source(config, arm):
        drawn = pretrained_sources(config, block_members(block))
        files |= source_inputs(config, arm_setting(config, arm, "architecture"), drawn)
    if teacher := config["arms"][arm].get("teacher"):
        files["teachers"] = [paths.TEACHERS.format(protocol=protocol, block=block, **teacher)]
        files["teacher_checksums"] = paths.checksums(files["teachers"])
    if ready := ready_bank(config, arm):
        files["ready_banks"] = [ready]
    if network := own_file(arm_setting(config, arm, "architecture")):
        files["network"] = network
    return files | {"code": list(code(ARM_SCRIPT, *plugin_modules(config, arm)))}


def arms_inputs(config: Mapping, arms: Iterable[str], protocol: str, block: str) -> dict:
    """What the arms of one job are trained from, together."""
    return _together(arm_inputs(config, arm, protocol, block) for arm in arms)


def _together(parts: Iterable[Mapping]) -> dict:
    """The inputs of several parts of one job, each file once."""
    together: dict = {}
    for part in parts:
        for name, files in part.items():
            known = together.setdefault(name, files)
            together[name] = list(dict.fromkeys([*known, *files])) if isinstance(files, list) else files
    return together


def banks_inputs(config: Mapping, banks: Iterable[str], block: str) -> dict:
    """What the banks of one job are built from, together."""
    return _together(bank_inputs(config, bank, block) for bank in banks)


def bank_inputs(config: Mapping, bank: str, block: str) -> dict:
    """What a bank is built from for a block of replicas: the sources that they draw, or none where it starts from untrained
    ones."""
    spec, files = banks(config)[bank], {}
    if spec["trained"]:
        files = source_inputs(config, spec["architecture"], bank_sources(config, spec, block_members(block)))
    plugins = [architectures()[spec["architecture"]].module, *(["banks.alignment"] if spec["layers"] else [])]
    return files | {"code": list(code("banks/build_bank.py", *plugins))}
