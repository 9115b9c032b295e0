"""Networks that a config names: the project's own architectures, and references to networks of other packages or files."""

from collections.abc import Mapping

from ... import reference_names
from ...declarations import architectures
from ...errors import InputError
from ..arms import arm_setting, needs_source
from ..banks import bank_spec
from ..drawings import walsh_arms
from ..families import cells
from .refusals import check_known, refuse


def check_network(name: str, where: str) -> None:
    """Refuse a network that does not exist, as far as can be seen without importing it."""
    if reference_names.is_reference(name):
        try:
            reference_names.check(name)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        return
    check_known(name, architectures(), where, "architecture")


def check_sourced(config: Mapping) -> None:
    """Refuse arms of a network that is not the project's where files lie under its name: trained sources, banks, and what is
    measured of a Sup-Walsh pretraining. ``config`` is expanded."""
    pretrained = {arm for _, _, arm in walsh_arms(config)}
    for _, _, arm in cells(config):
        network, bank = arm_setting(config, arm, "architecture"), bank_spec(config, arm)
        if reference_names.is_reference(network) and (
            needs_source(config, arm) or bank is not None or arm in pretrained
        ):
            wrong = (
                f"banks, sources and pretrainings lie under the name of an architecture of the project, not {network!r}"
            )
            refuse(f"arms.{arm}", wrong, "take another initializer, or an architecture of the project")
