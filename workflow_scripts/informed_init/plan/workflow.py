"""From the config to jobs: which arms are trained under what, on which tasks, from which banks and sources.

Pure functions of the config, used by the rules while Snakemake parses; no torch here, so a dry run stays quick.
"""

import platform
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from ..declarations import architectures, initializers
from ..seeds import derive_seed
from ..tasks import catalog

DEFAULT_RECIPE = "stepwise"
RATE_FAMILY, TINY_FAMILY, ALIGNED_FAMILY = (
    "rates",
    "tiny",
    "custom",
)  # families that tables and drawings of their own read
HEADLINE_ARMS = ["random", "gabor-1", "euclid-k2", "fourier-k2", "clustered-untrained-k2"]
# every other key of an arm is one of its initializer's settings
ARM_KEYS = ("initializer", "bank", "published", "architecture", "dataset", "tasks", "teacher", "replicas")


def ordered(value):
    """The same nested value with sorted keys: Snakemake compares parameters as text."""
    if isinstance(value, Mapping):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list | tuple) else value


def blocks(count: int, per_job: int) -> list[str]:
    """Ranges of numbers that jobs handle together, e.g. ``["000-004", "005-009"]``."""
    return [f"{start:03d}-{min(start + per_job, count) - 1:03d}" for start in range(0, count, per_job)]


def block_members(block: str) -> list[int]:
    """The numbers of a block, e.g. ``"000-002"`` -> ``[0, 1, 2]``."""
    first, last = map(int, block.split("-"))
    return list(range(first, last + 1))


def gpus_per_job(device: str) -> int:
    """1 if training jobs will use a GPU, else 0; found without importing torch, which would slow every dry run."""
    if device == "auto":
        has_nvidia = any(Path(path).exists() for path in ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg"))
        return int(has_nvidia or (platform.system() == "Darwin" and platform.machine() == "arm64"))
    return int(device != "cpu")


# ---------------------------------------------------------------- families on several networks and data sets


def expanded(config: Mapping) -> dict:
    """The config with every family that is run `across` several networks or data sets written out: its arms become
    ``<dataset>-<architecture>-<arm>``, and ``templates`` says which arm each was made from."""
    arms, families = dict(config["arms"]), {}
    for name, family in config["families"].items():
        places = _places(family)
        templates = {}
        for place in places:
            written = {arm: "-".join([*place.values(), arm]) for arm in family["arms"]}
            for arm, full in written.items():
                section = {**config["arms"].get(arm, {}), **place}
                section |= {"replicas": family["replicas"]} if "replicas" in family else {}
                if "teacher" in section:
                    teacher = section["teacher"]
                    section["teacher"] = {**teacher, "arm": written.get(teacher["arm"], teacher["arm"])}
                if place:
                    arms[full] = section
                templates[full] = arm
        families[name] = {**family, "arms": list(templates), "templates": templates}
    return {**config, "arms": arms, "families": families}


def _places(family: Mapping) -> list[dict[str, str]]:
    """Every combination of data set and architecture that a family is run on; one empty one if it names none."""
    on = family.get("across", {})
    datasets = [{"dataset": name} for name in on.get("datasets", [])] or [{}]
    networks = [{"architecture": name} for name in on.get("architectures", [])] or [{}]
    return [dataset | network for dataset in datasets for network in networks]


def compared_families(config: Mapping) -> list[str]:
    """The families that get a comparison of their own: those that name a baseline."""
    return [name for name, family in config["families"].items() if family["arms"] and "baseline" in family]


def comparison_cells(config: Mapping, family: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that a comparison reads: the family's under ``controlled``, and its teachers."""
    own = [cell for cell in family_cells(config, family) if cell[0] == "controlled"]
    taught = [config["arms"][arm].get("teacher") for _, _, arm in own]
    return list(dict.fromkeys(own + [("controlled", t["recipe"], t["arm"]) for t in taught if t]))


def comparison_spec(config: Mapping, family: str) -> dict:
    """What :mod:`.comparison` is told of a family: its members with their baselines, and the recipes among which each finds
    its best."""
    section = config["families"].get(family, {"arms": [], "templates": {}, "baseline": {}})
    by_template, members = {}, []
    for arm, template in section["templates"].items():
        place = tuple(arm_setting(config, arm, key) for key in ("dataset", "architecture"))
        by_template[template, arm.removesuffix(template)] = arm
        members.append({"arm": arm, "template": template, "dataset": place[0], "architecture": place[1]})
    named = section["baseline"]
    for member in members:
        template = member.pop("template")
        prefix = member["arm"].removesuffix(template)
        baseline = named if isinstance(named, str) else named.get(template)
        member |= {"baseline": by_template.get((baseline, prefix)), "label": template}
        member["panel"] = prefix.rstrip("-")
        teacher = config["arms"][member["arm"]].get("teacher")
        member["teacher"] = None if teacher is None else [teacher["arm"], teacher["recipe"]]
    return ordered(
        {
            "title": section.get("title", family),
            "members": members,
            "recipes": section.get("recipes", [DEFAULT_RECIPE]),
            "shown": section.get("shown", list(dict.fromkeys(section["templates"].values()))),
        }
    )


# ---------------------------------------------------------------- tasks and sources


def is_procedural(dataset: str) -> bool:
    """Whether a data set is made by code instead of being fetched."""
    return not catalog.get(dataset).archives


def arm_setting(config: Mapping, arm: str, key: str):
    """An arm's ``architecture``, ``dataset``, ``tasks`` or ``replicas``: its own, else the config's."""
    return config["arms"][arm].get(key, config[key])


def tasks(config: Mapping, arm: str) -> list[dict]:
    """The tasks an arm is evaluated on: pairs of superclasses of the run's data set (its own pairs, if it names some),
    or all classes of another data set at once."""
    dataset = arm_setting(config, arm, "dataset")
    if dataset != config["dataset"]:
        return [{"name": dataset, "superclasses": None}]
    return [{"name": f"{dataset}-{a}-{b}", "superclasses": [a, b]} for a, b in arm_setting(config, arm, "tasks")]


def chance(config: Mapping) -> dict[str, float]:
    """The accuracy of guessing, in percent, by task: what a diverged training counts as."""
    levels = {}
    for arm in config["arms"]:
        dataset = arm_setting(config, arm, "dataset")
        for task in tasks(config, arm):
            classes = (
                10 if task["superclasses"] else catalog.get(dataset).num_classes or config["procedural"]["classes"]
            )
            levels[task["name"]] = 100.0 / classes
    return ordered(levels)


def source_tasks(config: Mapping) -> list[dict]:
    """The tasks that sources are trained on: all pairs of the clustering superclasses, or ``count`` chosen by a fixed
    seed."""
    pairs = list(combinations(sorted(config["sources"]["superclasses"]), 2))
    chosen = sorted(pairs, key=lambda pair: derive_seed("source pair", *pair))[: config["sources"]["count"]]
    return [{"name": f"{config['dataset']}-{a}-{b}", "superclasses": [a, b]} for a, b in sorted(chosen)]


def source_blocks(config: Mapping) -> list[str]:
    """The blocks of sources that one job trains each."""
    return blocks(len(source_tasks(config)), config["sources"]["per_job"])


def replica_blocks(config: Mapping, arm: str) -> list[str]:
    """The blocks of replicas that one job trains each."""
    return blocks(**arm_setting(config, arm, "replicas"))


def source_spec(config: Mapping, architecture: str, block: str) -> dict:
    """Everything that decides what one job of sources computes, with sorted keys."""
    chosen = source_tasks(config)
    return ordered(
        {
            "settings": config["recipes"][config["sources"]["recipe"]],
            "architecture": architecture,
            "tasks": [chosen[i] for i in block_members(block)],
            "device": config["device"],
        }
    )


# ---------------------------------------------------------------- banks


def bank_spec(config: Mapping, arm: str) -> dict | None:
    """All that a bank is made from, or None for an arm without one."""
    bank = config["arms"][arm].get("bank")
    if bank is None:
        return None
    defaults = {"k": None, "layers": None, "trained": True, "taps": "all", "disjoint": False}
    return ordered(defaults | bank | {"architecture": arm_setting(config, arm, "architecture")})


def bank_name(spec: Mapping) -> str:
    """A readable, unique name of a bank, e.g. ``resnet18-euclid-k2-m10``."""
    parts = [spec["architecture"], spec["method"], f"k{spec['k']}" if spec["k"] else "", f"m{spec['models']}"]
    parts += [f"l{spec['layers']}" if spec["layers"] else ""]
    parts += ["" if spec["trained"] else "untrained", "live" if spec["taps"] == "live" else ""]
    parts += ["disjoint" if spec["disjoint"] else ""]
    return "-".join(part for part in parts if part)


def banks(config: Mapping) -> dict[str, dict]:
    """Every bank any arm draws from, by name."""
    specs = [bank_spec(config, arm) for arm in config["arms"]]
    return {bank_name(spec): spec for spec in specs if spec is not None}


def teachers(config: Mapping) -> list[str]:
    """The arms that others grow from; their trained networks are kept."""
    return sorted({section["teacher"]["arm"] for section in config["arms"].values() if "teacher" in section})


def needs_source(config: Mapping, arm: str) -> bool:
    """Whether the arm's initializer takes the weights of a source network."""
    return "source" in initializers()[config["arms"][arm]["initializer"]].parameters


# ---------------------------------------------------------------- arms


def cells(config: Mapping) -> list[tuple[str, str, str]]:
    """Every (protocol, recipe, arm) that the families ask for, each once however many families share it."""
    found = {}
    for family in config["families"].values():
        for protocol in family.get("protocols", config["protocols"]):
            for recipe in family.get("recipes", [DEFAULT_RECIPE]):
                for arm in family["arms"]:
                    found[protocol, recipe, arm] = None
    return list(found)


def paper_cells(config: Mapping) -> list[tuple[str, str, str]]:
    """The cells that the audit of the paper's claims reads: those of families on the run's own data and network."""
    return cells({**config, "families": {n: f for n, f in config["families"].items() if "across" not in f}})


def family_cells(config: Mapping, family: str) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) of one family; none if the run leaves the family out."""
    return cells({**config, "families": {family: config["families"].get(family, {"arms": []})}})


def alignment_architecture(config: Mapping) -> str:
    """The network whose sources' matchings are compared: the aligned arms', or the run's own if it has none."""
    aligned = [arm for _, _, arm in cells(config) if (bank_spec(config, arm) or {}).get("layers")]
    return arm_setting(config, aligned[0], "architecture") if aligned else config["architecture"]


def rate_recipes(config: Mapping) -> list[str]:
    """The recipes among which every headline arm finds its own best learning rate."""
    return [DEFAULT_RECIPE, *config["families"].get(RATE_FAMILY, {}).get("recipes", [])]


def table1_cells(config: Mapping) -> list[tuple[str, str, str]]:
    """What Table 1 is made of: the Tiny ImageNet arms as the config has them, even if the run's `all` leaves them out."""
    arms = [arm for arm in ("tiny-random", "tiny-pretrained", "tiny-clustered") if arm in config["arms"]]
    family = config["families"].get(TINY_FAMILY, {}) | {"arms": arms}
    return cells({**config, "families": {TINY_FAMILY: family}})


def walsh_arms(config: Mapping) -> list[tuple[str, str, str]]:
    """The (protocol, recipe, arm) that pretrain by Sup-Walsh, one recipe each."""
    found = {
        arm: cell for cell in reversed(cells(config)) if config["arms"][arm := cell[2]]["initializer"] == "sup-walsh"
    }
    return list(reversed(found.values()))


def drawn(config: Mapping) -> list[str]:
    """The drawings that the run's families give the networks for, by name."""
    names = ["live_taps"]
    if any(bank_spec(config, arm) for _, _, arm in cells(config)):
        names += ["cosine"]
    if family_cells(config, ALIGNED_FAMILY):
        names += ["figure1"]
    if family_cells(config, TINY_FAMILY):
        names += ["figure10"]
    return names + (["best_rates"] if family_cells(config, RATE_FAMILY) else [])


def arm_spec(config: Mapping, protocol: str, recipe: str, arm: str, block: str) -> dict:
    """Everything that decides what one training job computes, with sorted keys."""
    settings = {key: value for key, value in config["arms"][arm].items() if key not in ARM_KEYS}
    if protocol == "published":
        settings |= config["arms"][arm].get("published", {})
    dataset = arm_setting(config, arm, "dataset")
    grown = {}
    if teacher := config["arms"][arm].get("teacher"):
        grown = {"teacher": {**teacher, "architecture": arm_setting(config, teacher["arm"], "architecture")}}
    return ordered(
        {
            "run": config["run"],
            "protocol": protocol,
            "recipe": recipe,
            "settings": config["recipes"][recipe],
            "arm": arm,
            "initializer": config["arms"][arm]["initializer"],
            "parameters": settings,
            "architecture": arm_setting(config, arm, "architecture"),
            "dataset": dataset,
            "tasks": tasks(config, arm),
            "replicas": block_members(block),
            "device": config["device"],
            **grown,
        }
    )


def plugin_modules(config: Mapping, arm: str) -> list[str]:
    """The modules of an arm's initializer and architectures: code of that arm's jobs only."""
    teacher = config["arms"][arm].get("teacher")
    networks = [arm_setting(config, name, "architecture") for name in (arm, *([teacher["arm"]] if teacher else []))]
    return [initializers()[config["arms"][arm]["initializer"]].module, *(architectures()[n].module for n in networks)]


def published(config: Mapping) -> dict[str, list[float]]:
    """The published means of the arms that this run trains on the paper's data; images made by code have none."""
    return {
        arm: means
        for arm, means in ordered(config["published"]).items()
        if arm in config["arms"] and not is_procedural(arm_setting(config, arm, "dataset"))
    }


# ---------------------------------------------------------------- figures


def figure_arms(config: Mapping, figure: str) -> dict[str, str]:
    """Arm -> label of a figure; an overlay takes an arm out by giving it no label."""
    return {arm: label for arm, label in config["figures"][figure]["arms"].items() if label is not None}


def figure_recipe(config: Mapping, figure: str) -> str:
    """The recipe a figure's arms were trained under."""
    return config["figures"][figure].get("recipe", DEFAULT_RECIPE)


def figure_protocols(config: Mapping, figure: str) -> list[str]:
    """The protocols a figure is drawn under: one picture each."""
    return config["figures"][figure].get("protocols", config["protocols"])


def drawn_figures(config: Mapping) -> list[tuple[str, str]]:
    """The (figure, protocol) that the run's families have every arm for; others are drawn when asked for by name."""
    trained = set(cells(config))
    return [
        (figure, protocol)
        for figure in config["figures"]
        for protocol in figure_protocols(config, figure)
        if all((protocol, figure_recipe(config, figure), arm) in trained for arm in figure_arms(config, figure))
    ]


def figure_spec(config: Mapping, figure: str, protocol: str) -> dict:
    """What ``figures.draw_curves`` is told: title, arms with labels, and the published means under ``published``."""
    section, arms = config["figures"][figure], figure_arms(config, figure)
    spec = {key: value for key, value in section.items() if key not in ("arms", "protocols")}
    spec |= {"protocol": protocol, "recipe": figure_recipe(config, figure)}
    spec["arms"] = [{"arm": arm, "label": label} for arm, label in arms.items()]
    if protocol == "published":
        spec["published"] = {arm: means for arm, means in published(config).items() if arm in arms}
    return ordered(spec)
