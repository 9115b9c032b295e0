"""From the config's section ``search`` to jobs: rungs of the search, final models, and checks before any job starts.

Pure functions of the config, used by the rules while Snakemake parses; no torch here.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields

from ..declarations import architectures
from ..errors import InputError
from ..search.rungs import Plan, Sizes, check_budget, grid_shapes, scaling_pairs, under_budget
from ..search.shapes import BLOCK_SIZE, PUBLISHED, Shape
from ..tasks import catalog
from .tasks import image_shape, num_classes
from .work import block_members, blocks, ordered

CHOSEN = "chosen"  # the architecture that a search ends with
SHAPE_KEYS = tuple(field.name for field in fields(Shape))
MODEL_KEYS = (
    "architecture",
    "recipe",
    "published",
)  # every other key of a final model is a setting of its architecture
FEATURES = {"method": "pca", "images": 500}
PARTS = ("per_class", "confusion", "features")  # what is drawn of every final model


def searched(config: Mapping) -> bool:
    """Whether the run has a search; an overlay leaves it out by ``search: null``."""
    return bool(config.get("search"))


def task(config: Mapping) -> dict:
    """The task of the search: two superclasses of its data set, or all classes."""
    section = config["search"]
    pair = section.get("superclasses")
    name = "-".join(map(str, [section["dataset"], *(pair or [])]))
    return {"name": name, "superclasses": pair}


def sizes(config: Mapping, recipe: str) -> Sizes:
    """Channels, classes and size of the search's images under a recipe."""
    section = config["search"]
    channels, size, _ = image_shape(section["dataset"], config["recipes"][recipe])
    return Sizes(channels, num_classes(config, section["dataset"], section.get("superclasses")), size)


def _common(section: Mapping) -> tuple[dict, dict]:
    """The section's settings for all networks: those of the shape, and the others."""
    settings = section.get("settings", {})
    shape = {key: value for key, value in settings.items() if key in SHAPE_KEYS}
    return shape, {key: value for key, value in settings.items() if key not in SHAPE_KEYS}


def plan_spec(config: Mapping, rungs: int) -> dict:
    """What :meth:`search.Plan.from_spec` reads, as far as the first ``rungs`` rungs depend on it."""
    section = config["search"]
    scaling = section.get("scaling")
    return {
        "grid": section["grid"],
        "common": _common(section)[0],
        "scaling": {"divisor": 8, **scaling} if scaling else None,
        "configs": [rung["configs"] for rung in section["rungs"][1:rungs]],
        "budget": section["budget"],
        "sizes": asdict(sizes(config, section["recipe"])),
    }


# ---------------------------------------------------------------- rungs


def last_rung(config: Mapping) -> int:
    """The number of the last rung, counted from 0."""
    return len(config["search"]["rungs"]) - 1


def rung_blocks(config: Mapping, rung: int) -> list[str]:
    """The blocks of shapes that one job of a rung trains each.

    Known before any training, as a rung's number of shapes is; which shapes they are, a job reads from earlier rungs.
    """
    plan = Plan.from_spec(plan_spec(config, rung + 1))
    return blocks(plan.size_of(rung), config["search"]["per_job"])


def rung_spec(config: Mapping, rung: int, block: str) -> dict:
    """Everything that decides what one job of a rung computes, with sorted keys."""
    section = config["search"]
    own = section["rungs"][rung]
    return ordered(
        {
            "run": config["run"],
            "task": task(config),
            "search": plan_spec(config, rung + 1),
            "rung": rung,
            "members": block_members(block),
            "parameters": _common(section)[1],
            "recipe": section["recipe"],
            "settings": {**config["recipes"][section["recipe"]], "epochs": own["epochs"]},
            "images_per_class": own.get("images_per_class"),
            "replicas": list(range(own.get("replicas", 1))),
            "device": config["device"],
        }
    )


def table_spec(config: Mapping) -> dict:
    """What the search's tables and picture are told beside the rows of all rungs."""
    section = config["search"]
    return ordered(
        {
            "task": task(config)["name"],
            "search": plan_spec(config, len(section["rungs"])),
            "chance": 100.0 / sizes(config, section["recipe"]).classes,
            "rungs": section["rungs"],
        }
    )


# ---------------------------------------------------------------- final models


def final_models(config: Mapping) -> list[str]:
    """The names of the models that are trained at the end; none without a search. An overlay leaves one out by null."""
    models = config["search"]["final"]["models"] if searched(config) else {}
    return [name for name, section in models.items() if section]


def final_blocks(config: Mapping) -> list[str]:
    """The blocks of replicas that one job of a final model trains each."""
    replicas = config["search"]["final"]["replicas"]
    return blocks(replicas["count"], replicas["per_job"])


def needs_search(config: Mapping, model: str) -> bool:
    """Whether a final model is the one that the search ends with."""
    return config["search"]["final"]["models"][model]["architecture"] == CHOSEN


def final_architecture(config: Mapping, model: str) -> str:
    """The registered architecture of a final model."""
    return "compact" if needs_search(config, model) else config["search"]["final"]["models"][model]["architecture"]


def final_spec(config: Mapping, model: str, block: str) -> dict:
    """Everything that decides what one job of a final model computes, with sorted keys."""
    section = config["search"]
    own = section["final"]["models"][model]
    parameters = {key: value for key, value in own.items() if key not in MODEL_KEYS}
    if needs_search(config, model):
        parameters = _common(section)[1] | parameters
    return ordered(
        {
            "run": config["run"],
            "task": task(config),
            "model": model,
            "architecture": final_architecture(config, model),
            "chosen": needs_search(config, model),
            "parameters": parameters,
            "budget": section["budget"],
            "recipe": own["recipe"],
            "settings": config["recipes"][own["recipe"]],
            "features": FEATURES | section["final"].get("features", {}),
            "replicas": block_members(block),
            "device": config["device"],
        }
    )


def pages_spec(config: Mapping) -> dict:
    """What the pages of the final models are told beside their results."""
    section = config["search"]
    models = [{"name": name, **section["final"]["models"][name]} for name in final_models(config)]
    chance = 100.0 / sizes(config, section["recipe"]).classes
    return ordered({"task": task(config)["name"], "chance": chance, "models": models})


def results(config: Mapping) -> list[str]:
    """The files that a run with a search ends with, below its folder; none without one."""
    if not searched(config):
        return []
    files = ["tables/search.csv"]
    if final_models(config):
        files += ["tables/compact.csv"]
        files += [f"figures/compact-{model}-{part}.png" for model in final_models(config) for part in PARTS]
    return files


# ---------------------------------------------------------------- checks


def check_search(config: Mapping) -> None:
    """Raise :class:`InputError` with one line for the first thing in section ``search`` that cannot work."""
    if not searched(config):
        return
    section = config["search"]
    _known(section["dataset"], catalog.names(), "search.dataset: data set")
    _known(section["recipe"], config["recipes"], "search.recipe: recipe")
    pair = section.get("superclasses")
    if pair and pair[0] == pair[1]:
        raise InputError(f"search.superclasses: {pair} names one superclass twice")
    if pair and section["dataset"] not in ("cifar100", "procedural"):
        raise InputError(f"search.superclasses: {section['dataset']} has no superclasses; leave them out")
    _check_settings(section.get("settings", {}), "compact", "search.settings", shape=("stem_stride", "shifted"))
    _check_shapes(config)
    _check_rungs(config)
    for name in final_models(config):
        _check_final(config, name)


def _known(name: str, known, what: str) -> None:
    if name not in known:
        raise InputError(f"{what} {name!r} does not exist; known: {', '.join(known)}")


def _check_settings(settings: Mapping, architecture: str, where: str, shape: tuple[str, ...]) -> None:
    """Whether an architecture takes these settings; of those of a shape, only the ones in ``shape``."""
    taken = [key for key in architectures()[architecture].parameters if key not in ("in_channels", "input_size")]
    taken = [key for key in taken if key in shape or key not in SHAPE_KEYS]
    for key in settings:
        if key not in taken:
            raise InputError(f"{where}: {key!r} is no setting here; known: {', '.join(taken)}")


def _check_shapes(config: Mapping) -> None:
    """The grid and the scaling: lists as long as the stages, sizes under the budget, DropBlocks that fit."""
    section = config["search"]
    own, (common, network) = sizes(config, section["recipe"]), _common(section)
    try:
        shapes = under_budget(grid_shapes(section["grid"], common), section["budget"], own)
        if not shapes:
            raise InputError(f"no shape of the grid has under {section['budget']:,} parameters")
    except InputError as error:
        raise InputError(f"search.grid: {error}") from None
    try:
        plan = Plan.from_spec(plan_spec(config, len(section["rungs"])))
        if plan.base:
            check_budget(plan.base, plan.budget, own)
            if not scaling_pairs(section["scaling"]["depth"], section["scaling"]["width"]):
                raise InputError("no pair of depth and width has depth * width^2 between 1.9 and 2.1")
            for pair in plan.pairs:
                check_budget(plan.at(pair, 1.0), plan.budget, own)
            shapes += [shape for pair in plan.pairs for _, shape in plan.ladder(pair)]
    except InputError as error:
        raise InputError(f"search.scaling: {error}") from None
    if network.get("dropblock"):
        for shape in shapes:
            _fits(shape, network, own, "search.settings")


def _fits(shape: Shape, settings: Mapping, own: Sizes, where: str) -> None:
    try:
        shape.check_block_size(settings.get("block_size", BLOCK_SIZE), own.input_size)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_rungs(config: Mapping) -> None:
    rungs = config["search"]["rungs"]
    if "configs" in rungs[0]:
        raise InputError("search.rungs.0.configs: the first rung trains every candidate; leave configs out")
    before = Plan.from_spec(plan_spec(config, 1)).kept[0]
    for number, rung in enumerate(rungs[1:], start=1):
        if "configs" not in rung:
            raise InputError(f"search.rungs.{number}: give configs, the number of shapes that go on to it")
        if rung["configs"] > before:
            raise InputError(f"search.rungs.{number}.configs: {rung['configs']} go on, but only {before} come before")
        before = rung["configs"]


def _check_final(config: Mapping, name: str) -> None:
    section, where = config["search"]["final"]["models"][name], f"search.final.models.{name}"
    _known(section["recipe"], config["recipes"], f"{where}.recipe: recipe")
    _known(section["architecture"], [CHOSEN, *architectures()], f"{where}.architecture: architecture")
    settings = {key: value for key, value in section.items() if key not in MODEL_KEYS}
    named = section["architecture"]
    _check_settings(settings, final_architecture(config, name), where, shape=() if named == CHOSEN else SHAPE_KEYS)
    if named != "compact":
        return  # the other architectures have one shape each; a chosen one is checked with the grid
    own = sizes(config, section["recipe"])
    try:
        shape = Shape.of(PUBLISHED, **{key: value for key, value in settings.items() if key in SHAPE_KEYS})
        check_budget(shape, config["search"]["budget"], own)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if settings.get("dropblock"):
        _fits(shape, settings, own, where)
