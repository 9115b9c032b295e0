"""A config against ``schemas/config.schema.yaml``: unknown, missing and misshapen keys."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NoReturn

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from ...settings import describe, is_number, is_whole
from ..place import workflow_folder
from .refusals import hint, refuse, shown

# 2.0 is no whole number and NaN no number, whatever JSON Schema says
_CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {"integer": lambda _, value: is_whole(value), "number": lambda _, value: is_number(value)}
)
_Validator = extend(Draft202012Validator, type_checker=_CHECKER)


@cache
def schema() -> dict:
    """The schema of a config, read once."""
    # libyaml's reader takes a tenth of the time, where it is there
    return yaml.load(
        (workflow_folder() / "schemas" / "config.schema.yaml").read_text(),
        getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )


def resolved(section: Mapping) -> dict:
    """A part of the schema with what its ``$ref`` names written into it; its own keys come first."""
    reference = section.get("$ref")
    return {**schema()["$defs"][reference.rpartition("/")[2]], **section} if reference else dict(section)


def check_schema(config: Mapping) -> None:
    """Refuse a config that is not as the schema says."""
    errors = list(_Validator(schema()).iter_errors(config))
    if errors:
        # an unknown key is usually the cause of what else is wrong, so it is named first
        unknown = [error for error in errors if error.validator == "additionalProperties"]
        _refuse(min(unknown or errors, key=lambda error: len(error.absolute_path)))


def _where(path: Iterable) -> str:
    return ".".join(map(str, path)) or "config"


def _refuse(error: ValidationError) -> NoReturn:
    """One line for one violation of the schema."""
    where, value = _where(error.absolute_path), error.instance
    if error.validator == "additionalProperties":
        choices = error.schema.get("properties", {})
        unknown = next(key for key in value if key not in choices)
        refuse(where, f"unknown key {unknown!r}", hint(unknown, choices))
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value)
        meaning = resolved(error.schema["properties"][missing])["description"]
        refuse(where, f"the key {missing!r} is missing", f"add it: {meaning.rstrip('.')}")
    if error.validator == "pattern":
        refuse(where, f"{shown(value)} cannot be used", f"give {error.schema['title']}")
    if error.validator == "uniqueItems":
        refuse(where, f"{shown(value)} holds an entry twice", "leave one out")
    if error.validator in ("minLength", "minProperties"):
        refuse(where, "it is empty", "give at least one entry" if isinstance(value, dict) else "give a text")
    refuse(where, f"got {shown(value)}", f"give {describe(_with_items(error.schema))}")


def _with_items(section: Mapping) -> dict:
    """A part of the schema whose ``items`` and ``anyOf`` are resolved, so that it can be described."""
    section = resolved(section)
    if "items" in section:
        section["items"] = _with_items(section["items"])
    if "anyOf" in section:
        section["anyOf"] = [_with_items(either) for either in section["anyOf"]]
    return section
