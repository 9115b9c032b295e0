"""What a setting may be, said once by an annotation: its type, its choices, its bounds. No torch here.

The parameters of initializers and architectures are annotated with what stands here, with ``Literal[...]`` and with plain
types. The plan reads the annotations before anything is imported (:mod:`.declarations`), the registries hold values
against them when a function is called. An annotation becomes a JSON Schema, the language of ``schemas/config.schema.yaml``,
so that both are explained in the same words.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from .errors import InputError


@dataclass(frozen=True)
class Bounds:
    """What a number may be, in ``Annotated[int, Bounds(minimum=2)]``; JSON Schema's words."""

    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None
    exclusiveMaximum: float | None = None


Count = Annotated[int, Bounds(minimum=1, maximum=1_000_000)]
Seed = Annotated[int, Bounds(minimum=0, maximum=2**31 - 1)]
Positive = Annotated[float, Bounds(exclusiveMinimum=0, maximum=1_000_000)]
NotNegative = Annotated[float, Bounds(minimum=0, maximum=1_000_000)]
Share = Annotated[float, Bounds(minimum=0, exclusiveMaximum=1)]

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", NoneType: "null"}
_WORDS = {"boolean": "true or false", "string": "text", "null": "null", "object": "a mapping of keys to values"}


def is_whole(value: object) -> bool:
    """Whether a value is an integer: neither a boolean nor 2.0, which Python would count as one somewhere."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and (is_whole(value) or math.isfinite(value))


def schema_of(annotation: object) -> dict | None:
    """The JSON Schema of an annotation; None for one that says nothing about plain values, such as a tensor's."""
    if annotation is None or annotation in _TYPES:
        return {"type": _TYPES[annotation or NoneType]}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Annotated:
        schema, bounds = schema_of(arguments[0]), asdict(arguments[1])
        return None if schema is None else schema | {key: value for key, value in bounds.items() if value is not None}
    if origin in (Union, UnionType):
        either = [schema_of(argument) for argument in arguments]
        return None if None in either else {"anyOf": either}
    if origin in (Sequence, list):
        items = schema_of(arguments[0])
        return None if items is None else {"type": "array", "minItems": 1, "items": items}
    return None


def fits(value: object, schema: Mapping) -> bool:
    """Whether a value is what the schema of an annotation says."""
    if "anyOf" in schema:
        return any(fits(value, either) for either in schema["anyOf"])
    if "enum" in schema:
        return any(type(value) is type(choice) and value == choice for choice in schema["enum"])
    if schema["type"] == "array":
        several = isinstance(value, list | tuple) and len(value) >= schema["minItems"]
        return several and all(fits(item, schema["items"]) for item in value)
    right = {
        "integer": is_whole,
        "number": is_number,
        "boolean": lambda v: isinstance(v, bool),
        "string": lambda v: isinstance(v, str),
        "null": lambda v: v is None,
    }[schema["type"]]
    return right(value) and _within(value, schema)


def _within(value, schema: Mapping) -> bool:
    return not (
        ("minimum" in schema and value < schema["minimum"])
        or ("maximum" in schema and value > schema["maximum"])
        or ("exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"])
        or ("exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"])
    )


def check_fields(instance: object, owner: str) -> None:
    """Raise :class:`InputError` for a field of a dataclass whose value its annotation does not allow."""
    for name, annotation in get_type_hints(type(instance), include_extras=True).items():
        schema = schema_of(annotation)
        if schema is not None and not fits(getattr(instance, name), schema):
            raise InputError(f"{owner}: {name} is {getattr(instance, name)!r}; give {describe(schema)}")


def describe(schema: Mapping) -> str:
    """What a value must be, in words that follow "give": "one of none, he", "a whole number of at least 1"."""
    if "anyOf" in schema:
        return " or ".join(describe(either) for either in schema["anyOf"])
    if "enum" in schema:
        choices = [str(choice) for choice in schema["enum"]]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    kinds = schema.get("type", "object")
    if isinstance(kinds, list):
        return " or ".join(describe({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return _list(schema)
    if kinds in ("integer", "number"):
        return ("a whole number" if kinds == "integer" else "a number") + _bounds(schema)
    return _WORDS[kinds]


def _list(schema: Mapping) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    words = f"a list of {least}" if least == most else "a list" if least == 0 else f"a list of at least {least}"
    if "prefixItems" in schema:
        return f"{words}, [{', '.join(map(describe, schema['prefixItems']))}]"
    return f"{words}, each {describe(schema['items'])}" if schema.get("items") else words


def _bounds(schema: Mapping) -> str:
    parts = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']:,} to {schema['maximum']:,}"
    bounds = [f"{words} {schema[key]:,}" for key, words in parts.items() if key in schema]
    return f" of {' and '.join(bounds)}" if bounds else ""
