"""Recipes: what their keys ask of each other."""

from collections.abc import Mapping

from .refusals import refuse


def check_recipe(name: str, recipe: Mapping) -> None:
    """Refuse learning rates that do not say what holds in every epoch, and settings that an optimizer would ignore."""
    where, starts = f"recipes.{name}.learning_rate", [epoch for epoch, _ in recipe["learning_rate"]]
    if starts[0] != 1 or starts != sorted(set(starts)):
        refuse(
            where, f"epochs must start at 1 and increase, got {starts}", "write them in order, as [[1, 0.1], [8, 0.02]]"
        )
    if recipe.get("schedule", "steps") != "steps" and len(starts) > 1:
        refuse(where, f"schedule {recipe['schedule']!r} takes one rate, got {len(starts)}", "give it as [[1, peak]]")
    optimizer = recipe.get("optimizer", "sgd")
    for key in ("momentum", "nesterov"):
        if optimizer == "adam" and recipe.get(key):
            refuse(f"recipes.{name}.{key}", "optimizer adam has no such setting and would ignore it", "leave it out")
