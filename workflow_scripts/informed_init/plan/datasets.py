"""The data sets of a config: the catalog's, and its own folders of pictures (section ``datasets``)."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..tasks import catalog, pictures
from ..tasks.catalog import DataSet
from ..tasks.pictures import Listing


def owned(config: Mapping) -> Mapping[str, Mapping]:
    """The config's folders of pictures by name."""
    return config.get("datasets") or {}


def names(config: Mapping) -> list[str]:
    """Every name that may stand where a config names a data set."""
    return catalog.names(owned(config))


def data_set(config: Mapping, name: str) -> DataSet:
    """What is known of a data set before it is read."""
    return catalog.get(name, owned(config))


def listing(config: Mapping, name: str) -> Listing | None:
    """What lies in a folder of pictures; None while there is no such folder and the config says how many classes it will
    have, so that a run can be planned before its pictures are there. Looked at once: a plan does not change under its feet.
    """
    found = data_set(config, name)
    if found.num_classes is not None and not (Path(config["data_root"]) / found.folder).is_dir():
        return None
    return _listing(name, json.dumps(owned(config)[name], sort_keys=True), config["data_root"])


@cache
def _listing(name: str, section: str, data_root: str) -> Listing:
    return pictures.listing(catalog.own(name, json.loads(section)), data_root)


def pictures_digest(config: Mapping, name: str) -> str:
    """Changes when a picture of the folder does, so that its job runs again; empty while there is no folder."""
    found = listing(config, name)
    return "" if found is None else pictures.digest(found)
