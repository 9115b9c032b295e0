"""Networks of other packages or of your own file, named by where they come from.

``torchvision:resnet50``, ``timm:convnext_atto``, or ``models/mine.py:make``, a function ``make(num_classes)``; parameters
``in_channels`` and ``input_size``, if it has them, are given what the images have. Weights are never downloaded.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..errors import InputError
from ..reference_names import parts


def builder(reference: str) -> Callable[..., nn.Module]:
    """The function that makes the network of a reference, ``build(num_classes, in_channels, input_size)``.

    Raises:
        InputError: no such package, network, file or function.
    """
    place, name = parts(reference)
    if place == "torchvision":
        return _torchvision(name)
    if place == "timm":
        return _timm(name)
    make = function_of(Path(place), name)
    takes = inspect.signature(make).parameters

    def build(num_classes: int, in_channels: int, input_size: int) -> nn.Module:
        images = {"in_channels": in_channels, "input_size": input_size}
        model = make(num_classes=num_classes, **{key: value for key, value in images.items() if key in takes})
        if not isinstance(model, nn.Module):
            raise InputError(
                f"{reference}: returned {type(model).__name__}; the function must return a torch.nn.Module"
            )
        return model

    return build


def _torchvision(name: str) -> Callable[..., nn.Module]:
    try:
        from torchvision import models
    except ImportError:
        raise InputError(f"torchvision:{name}: torchvision is not installed; pip install torchvision") from None
    if name not in models.list_models(module=models):
        raise InputError(f"torchvision:{name}: no such classifier; torchvision.models.list_models() names them")

    def build(num_classes: int, in_channels: int, input_size: int) -> nn.Module:
        if in_channels != 3:
            raise InputError(f"torchvision:{name} takes images of 3 channels, these have {in_channels}")
        settings = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
        return models.get_model(name, weights=None, num_classes=num_classes, **settings)

    return build


def _timm(name: str) -> Callable[..., nn.Module]:
    try:
        import timm
    except ImportError:
        raise InputError(f"timm:{name}: timm is not installed; pip install timm") from None
    if not timm.is_model(name):
        raise InputError(f"timm:{name}: no such model; timm.list_models() names them")

    def build(num_classes: int, in_channels: int, input_size: int) -> nn.Module:
        made = {"pretrained": False, "num_classes": num_classes, "in_chans": in_channels}
        sized = "img_size" in inspect.signature(timm.model_entrypoint(name)).parameters
        return timm.create_model(name, **made, **({"img_size": input_size} if sized else {}))

    return build


def function_of(path: Path, name: str) -> Callable[..., nn.Module]:
    """The function of a Python file, which is run; raises :class:`InputError` where that cannot be."""
    if not path.is_file():
        raise InputError(f"{path}:{name}: no such file")
    module_name = f"_informed_init_network_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path}: cannot be run ({type(error).__name__}: {error}); mend the file") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError(f"{path}:{name}: the file has no function {name!r}")
    return found
