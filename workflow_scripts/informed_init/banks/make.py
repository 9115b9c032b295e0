"""A bank from networks of one's own."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError, some
from ..files import load_tensors
from ..settings import is_whole
from .bank import Bank, bankable_layers, build

Model = nn.Module | Mapping[str, Tensor] | str | Path


def build_bank(
    models: Iterable[Model] | Mapping[str, Model],
    *,
    method: str = "euclid",
    k: int | None = None,
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> Bank:
    """Learn a bank from trained networks of one architecture: what the filters of each layer have in common.

    ``informed_init.build_bank([first, second]).save("mine.safetensors")``

    Args:
        models: modules, state dicts or ``.safetensors`` files of state dicts; a mapping gives them names.
        method: ``euclid``, ``fourier-real`` or ``fourier-magnitude`` (k-means), ``gaussian``, or ``reservoir`` (the filters).
        k: clusters of a layer, for k-means; 2 if None, the study's best.
        layers: names of the convolutions; all larger than 1x1 if None, in the order of the first network.
        seed: of the clustering.

    Raises:
        InputError: no network, one that lacks a layer or has it in another shape, a value that is not finite, a ``k`` that is
            no number of clusters, or fewer filters than clusters.
    """
    if k is not None and not (is_whole(k) and k >= 1):
        raise InputError(f"build_bank: k is {k!r}; give a whole number of at least 1")
    if not isinstance(models, nn.Module | Mapping | Iterable):
        raise InputError(
            f"build_bank: models is a {type(models).__name__}; give trained networks, in a list or by name"
        )
    if isinstance(models, nn.Module | str | Path) or (isinstance(models, Mapping) and _is_state(models)):
        models = [models]
    named = models if isinstance(models, Mapping) else {f"model {n}": model for n, model in enumerate(models)}
    if not named:
        raise InputError("build_bank: no networks; give trained modules, state dicts or .safetensors files of them")
    states = {_source_name(name, model): _state(name, model) for name, model in named.items()}
    names = list(layers) if layers is not None else _layers(*next(iter(named.items())), next(iter(states.values())))
    if not names:
        raise InputError("build_bank: the first network has no 2-D convolution larger than 1x1; name layers yourself")
    for source, state in states.items():
        for layer in names:
            _check(source, layer, state, next(iter(states.values())))
    if k is None and method in ("euclid", "fourier-real", "fourier-magnitude"):
        k = 2
    return build(method, states, names, (seed,), k=k)


def _is_state(models: Mapping) -> bool:
    return bool(models) and all(isinstance(value, Tensor) for value in models.values())


def _source_name(name: str, model: Model) -> str:
    return str(model) if isinstance(model, str | Path) else str(name)


def _state(name: str, model: Model) -> Mapping[str, Tensor]:
    """The tensors of a network under the names that they have in a plain one."""
    if isinstance(model, nn.Module):
        return {f"{layer}.weight": conv.weight.detach().cpu() for layer, conv in bankable_layers(model)} | {
            key: tensor.detach().cpu() for key, tensor in model.state_dict().items() if isinstance(tensor, Tensor)
        }
    if isinstance(model, Mapping):
        return model
    if not isinstance(model, str | Path):
        raise InputError(
            f"build_bank: {name} is a {type(model).__name__}; give a module, a state dict or a .safetensors file"
        )
    if Path(model).suffix != ".safetensors":
        raise InputError(f"build_bank: {model}: not a .safetensors file; load it yourself and give its state dict")
    return load_tensors(model)[0]


def _layers(name: str, model: Model, state: Mapping[str, Tensor]) -> list[str]:
    """The convolutions of a network that are larger than 1x1."""
    if isinstance(model, nn.Module):
        return [layer for layer, _ in bankable_layers(model)]
    kernels = {key: tensor for key, tensor in state.items() if key.endswith(".weight") and tensor.ndim == 4}
    return [key.removesuffix(".weight") for key, tensor in kernels.items() if max(tensor.shape[2:]) > 1]


def _check(source: str, layer: str, state: Mapping[str, Tensor], first: Mapping[str, Tensor]) -> None:
    """Refuse a layer that is not there, is no convolution, has another kernel than the first network's, or is not finite."""
    weight = state.get(f"{layer}.weight")
    if weight is None:
        known = some([key.removesuffix(".weight") for key in state if key.endswith(".weight")])
        raise InputError(f"build_bank: {source} has no layer {layer!r}; it has {known}")
    if weight.ndim != 4:
        raise InputError(f"build_bank: layer {layer!r} of {source} has {weight.ndim - 2} dimensions, a bank is for two")
    if weight.shape[2:] != first[f"{layer}.weight"].shape[2:]:
        raise InputError(
            f"build_bank: layer {layer!r} of {source} has a kernel {tuple(weight.shape[2:])}, the first another"
        )
    if not torch.isfinite(weight).all():
        raise InputError(
            f"build_bank: layer {layer!r} of {source} holds NaN or infinite values; leave that network out"
        )
