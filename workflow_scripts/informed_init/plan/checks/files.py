"""Config files as they are written: what reading them as YAML would pass over in silence."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from .refusals import refuse

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_repeated_keys(files: Iterable[str | Path]) -> None:
    """Refuse a key that stands twice in one mapping: YAML takes the last, and the first would be ignored without a word.

    Files that cannot be read or are no YAML are left to Snakemake, which says so itself.
    """
    for file in dict.fromkeys(map(Path, files)):
        try:
            root = yaml.compose(file.read_text(), Loader=_Loader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        if root is not None:
            _check_node(file.name, root, (), set())


def _check_node(file: str, node: yaml.Node, place: tuple[str, ...], seen: set[int]) -> None:
    if id(node) in seen:  # an alias stands for a node that was looked at where it was written
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _check_node(file, child, place, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            where = ".".join((*place, name))
            refuse(where, f"stands twice in {file}, in lines {lines[name]} and {line}", "keep one of them")
        lines[name] = line
        _check_node(file, value, (*place, name), seen)
