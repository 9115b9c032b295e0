"""Section ``search``: shapes under the budget, rungs that shrink, models whose settings their architecture takes."""

from collections.abc import Mapping

from ...declarations import architectures
from ...errors import InputError
from ...search.rungs import Plan, Sizes, check_budget, grid_shapes, scaling_pairs, under_budget
from ...search.shapes import BLOCK_SIZE, PUBLISHED, Shape
from ..datasets import data_set, names
from ..search import (
    CHOSEN,
    MODEL_KEYS,
    SHAPE_KEYS,
    common_settings,
    final_architecture,
    final_models,
    plan_spec,
    searched,
    sizes,
)
from ..work import MOST
from .arms import check_settings
from .refusals import check_known, refuse
from .tasks import check_superclasses


def check_search(config: Mapping) -> None:
    """Refuse the first thing in section ``search`` that cannot work."""
    if not searched(config):
        return
    section = config["search"]
    check_known(section["dataset"], names(config), "search.dataset", "data set")
    check_known(section["recipe"], config["recipes"], "search.recipe", "recipe")
    _check_pair(config, section)
    _check_settings(section.get("settings", {}), "compact", "search.settings", shape=("stem_stride", "shifted"))
    _check_shapes(config)
    _check_rungs(config)
    _check_scaling(config)
    for name in final_models(config):
        _check_final(config, name)


def _check_pair(config: Mapping, section: Mapping) -> None:
    pair, where = section.get("superclasses"), "search.superclasses"
    if not pair:
        return
    if not data_set(config, section["dataset"]).superclasses:
        refuse(where, f"{section['dataset']} has no superclasses", "leave them out")
    check_superclasses(pair, config, section["dataset"], where)
    if pair[0] == pair[1]:
        refuse(where, f"{pair} names one superclass twice", "give two different ones")


def _check_settings(settings: Mapping, architecture: str, where: str, shape: tuple[str, ...]) -> None:
    """Whether an architecture takes these settings; of those of a shape, only the ones in ``shape``."""
    declared = architectures()[architecture]
    taken = tuple(key for key in declared.settings if key in shape or key not in SHAPE_KEYS)
    check_settings(settings, declared, where, taken)


def _check_shapes(config: Mapping) -> None:
    """The grid: lists as long as the stages, sizes under the budget, DropBlocks that fit."""
    section = config["search"]
    own, (common, _) = sizes(config, section["recipe"]), common_settings(section)
    try:
        shapes = under_budget(grid_shapes(section["grid"], common), section["budget"], own)
    except InputError as error:
        refuse("search.grid", *_parted(error))
    if not shapes:
        refuse(
            "search.grid",
            f"no shape of the grid has under {section['budget']:,} parameters",
            "make them smaller, or raise search.budget",
        )
    if len(shapes) > MOST:
        refuse("search.grid", f"{len(shapes):,} shapes are under the budget", f"search at most {MOST:,}")


def _check_rungs(config: Mapping) -> None:
    rungs, where = config["search"]["rungs"], "search.rungs"
    if "configs" in rungs[0]:
        refuse(f"{where}.0.configs", "the first rung trains every candidate", "leave configs out")
    before = Plan.from_spec(plan_spec(config, 1)).kept[0]
    for number, rung in enumerate(rungs[1:], start=1):
        if "configs" not in rung:
            refuse(
                f"{where}.{number}", "the key 'configs' is missing", "give the number of shapes that go on to this rung"
            )
        if rung["configs"] > before:
            wrong = f"{rung['configs']} go on, but only {before} come before"
            refuse(f"{where}.{number}.configs", wrong, f"give at most {before}")
        before = rung["configs"]


def _check_scaling(config: Mapping) -> None:
    """Compound scaling: a base under the budget, and pairs of factors that double it."""
    section = config["search"]
    own, network = sizes(config, section["recipe"]), common_settings(section)[1]
    try:
        plan = Plan.from_spec(plan_spec(config, len(section["rungs"])))
        if plan.base is not None:
            check_budget(plan.base, plan.budget, own)
            if not scaling_pairs(section["scaling"]["depth"], section["scaling"]["width"]):
                raise InputError("no pair of depth and width has depth * width^2 between 1.9 and 2.1; give such a pair")
            for pair in plan.pairs:
                check_budget(plan.at(pair, 1.0), plan.budget, own)
    except InputError as error:
        refuse("search.scaling", *_parted(error))
    if network.get("dropblock"):
        scaled = [shape for pair in plan.pairs for _, shape in plan.ladder(pair)]
        _check_blocks([*plan.candidates, *scaled], network, own, "search.settings")


def _check_blocks(shapes: list[Shape], settings: Mapping, own: Sizes, where: str) -> None:
    """DropBlocks must fit on the maps."""
    try:
        for shape in shapes:
            shape.check_block_size(settings.get("block_size", BLOCK_SIZE), own.input_size)
    except InputError as error:
        refuse(where, *_parted(error))


def _parted(error: InputError) -> tuple[str, str]:
    """What is wrong and the remedy of an error of a shape."""
    wrong, _, remedy = str(error).rpartition("; ")
    return (wrong, remedy) if wrong else (remedy, "change it")


def _check_final(config: Mapping, name: str) -> None:
    section, where = config["search"]["final"]["models"][name], f"search.final.models.{name}"
    check_known(section["recipe"], config["recipes"], f"{where}.recipe", "recipe")
    check_known(section["architecture"], [CHOSEN, *architectures()], f"{where}.architecture", "architecture")
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
        refuse(where, *_parted(error))
    if settings.get("dropblock"):
        _check_blocks([shape], settings, own, where)
