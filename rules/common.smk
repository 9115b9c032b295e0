# Checks the config before anything else and offers the helpers that rules share; their logic lives in the package.
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# the package, for the rules and (through the environment) for every job's script, on a cluster's nodes as well
PACKAGE = str(Path(workflow.basedir) / "workflow_scripts")
sys.path.insert(0, PACKAGE)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [PACKAGE, *filter(None, [os.environ.get("PYTHONPATH")])]
)

from informed_init.declarations import architectures
from informed_init.errors import InputError
from informed_init.plan import (
    arms,
    banks,
    comparisons,
    drawings,
    families,
    figures,
    sources,
    tasks,
    trainings,
    work,
)
from informed_init.plan.checks import check_config
from informed_init.plan.code_inputs import code

try:
    check_config(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

config = families.expanded(config)
TEACHERS = "|".join(map(re.escape, arms.teachers(config)))
GPUS = work.gpus_per_job(config["device"])


wildcard_constraints:
    dataset="[a-z0-9]+",
    split="train|test",
    block=r"\d{3}-\d{3}",
    replica=r"\d+",
    protocol="published|controlled",
    recipe=r"[\w.-]+",
    arm=r"[\w-]+",
    bank=r"[\w-]+",
    figure=r"[\w-]+?",
    architecture=r"[\w-]+",


def checksums(files):
    """The checksum files beside large files. Snakemake compares small files by content but large ones by date, so a
    rule takes a large file as `ancient` and notices by its checksum file whether it changed.
    """
    return [f"{file}.sha256" for file in files]


def split_files(dataset):
    """The two tensor files of a data set, and their checksums, as named inputs."""
    train, test = files = [
        f"<results>/data/{dataset}/{split}.safetensors" for split in ("train", "test")
    ]
    return {"train": ancient(train), "test": ancient(test), "data": checksums(files)}


def curve_files(cells):
    """The curve files of (protocol, recipe, arm) cells, all replicas."""
    return [
        f"<results>/curves/{protocol}/{recipe}/{arm}/{block}.csv"
        for protocol, recipe, arm in cells
        for block in arms.replica_blocks(config, arm)
    ]


def source_files(architecture):
    """The files of all trained sources of an architecture, and their checksums, as named inputs."""
    files = [
        f"<results>/sources/{architecture}/{block}.safetensors"
        for block in sources.source_blocks(config)
    ]
    return {
        "sources": [ancient(file) for file in files],
        "source_checksums": checksums(files),
    }


def figure_files(figure=None):
    """Pictures of one figure under each of its protocols, or of all figures that the run's families suffice for."""
    if figure is None:
        drawn = figures.drawn_figures(config)
    else:
        drawn = [
            (figure, protocol) for protocol in figures.figure_protocols(config, figure)
        ]
    return [
        f"<results>/figures/{name}-{protocol}.{kind}"
        for name, protocol in drawn
        for kind in ("png", "svg")
    ]


def raw_root(wildcards):
    """The folder that a data set lies in."""
    made = tasks.is_procedural(wildcards.dataset)
    return f"results/{config['run']}/data/raw" if made else config["data_root"]


def raw_marker(wildcards):
    """The file that says a data set is there."""
    made = "made" if tasks.is_procedural(wildcards.dataset) else "fetched"
    return f"<results>/data/{wildcards.dataset}/{made}.txt"


def arm_inputs(wildcards):
    """What an arm is trained from: data, and its banks or sources."""
    files = split_files(arms.arm_setting(config, wildcards.arm, "dataset"))
    bank = banks.bank_spec(config, wildcards.arm)
    if bank is not None:
        replicas = work.block_members(wildcards.block)
        files["banks"] = [
            f"<results>/banks/{banks.bank_name(bank)}/{replica}.safetensors"
            for replica in replicas
        ]
    if arms.needs_source(config, wildcards.arm):
        files |= source_files(arms.arm_setting(config, wildcards.arm, "architecture"))
    if teacher := config["arms"][wildcards.arm].get("teacher"):
        file = f"<results>/teachers/{wildcards.protocol}/{teacher['recipe']}/{teacher['arm']}/{wildcards.block}.safetensors"
        files |= {"teachers": ancient(file), "teacher_checksum": checksums([file])}
    files["code"] = code(
        "runs/train_arm.py", *arms.plugin_modules(config, wildcards.arm)
    )
    return files


def bank_inputs(wildcards):
    """What a bank is built from: all sources of its architecture, or none where it starts from untrained ones."""
    spec = banks.banks(config)[wildcards.bank]
    files = source_files(spec["architecture"]) if spec["trained"] else {}
    script = "banks/align_sources.py" if spec["layers"] else "banks/build_bank.py"
    network = architectures()[spec["architecture"]].module
    return files | {"code": code(script, network)}


def compared_inputs(wildcards):
    """The curves and records of a family's arms and of the teachers that they grow from."""
    cells = comparisons.comparison_cells(config, wildcards.family)
    curves = curve_files(cells)
    records = [
        file.replace("/curves/", "/records/").replace(".csv", ".json")
        for file in curves
    ]
    return {"curves": curves, "records": records}


def figure_inputs(wildcards):
    """The curves of a figure's arms, and of no others."""
    recipe = figures.figure_recipe(config, wildcards.figure)
    return curve_files(
        [
            (wildcards.protocol, recipe, arm)
            for arm in figures.figure_arms(config, wildcards.figure)
        ]
    )


def drawn_bank(wildcards):
    """The bank of Figure 10: k = 3 centers of six models, replica 0."""
    if "tiny-clustered" not in config["arms"]:
        raise WorkflowError(
            "figure10 draws the bank of arm tiny-clustered; add that arm to the config"
        )
    bank = banks.bank_name(banks.bank_spec(config, "tiny-clustered"))
    return f"<results>/banks/{bank}/0.safetensors"
