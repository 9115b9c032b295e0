"""Which models can be initialized: wrappers are taken off, and what holds no ordinary weights is refused in one line."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..errors import InputError


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside ``DataParallel``, ``DistributedDataParallel``, ``torch.compile`` and ``AveragedModel``: the same
    modules under the names that they have without the wrapper."""
    while True:
        if isinstance(getattr(model, "_orig_mod", None), nn.Module):  # torch.compile's OptimizedModule
            model = model._orig_mod
        elif isinstance(model, DataParallel | DistributedDataParallel) or _is_averaged(model):
            model = model.module
        else:
            return model


def _is_averaged(model: nn.Module) -> bool:
    return type(model).__name__ == "AveragedModel" and isinstance(getattr(model, "module", None), nn.Module)


def require_ordinary(model: object) -> None:
    """Raise :class:`InputError`, with the remedy, for what is no module or whose weights cannot be set in place."""
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is a {type(model).__name__}, not a torch.nn.Module; give the network itself")
    for name, module in model.named_modules():
        where = f"{name!r} " if name else "the model "
        kind = type(module)
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(f"{where}is TorchScript; initialize the network before torch.jit.script or trace")
        if kind.__module__.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")):
            raise InputError(f"{where}is quantized ({kind.__name__}); initialize the network before it is quantized")
        if kind.__name__ in ("FullyShardedDataParallel", "FlatParameter"):
            raise InputError(f"{where}is sharded over processes; initialize the network before it is wrapped")
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    for name, tensor in tensors:
        if (problem := _problem(tensor)) is not None:
            raise InputError(f"{name!r} {problem}")


def _problem(tensor: Tensor) -> str | None:
    """What keeps a tensor from being set in place, and the remedy."""
    if is_lazy(tensor):
        return "has no shape yet; run one batch through the network first"
    if tensor.is_meta:
        return "is on the meta device and has no values; call model.to_empty(device=...) first"
    if is_traceable_wrapper_subclass(tensor) or type(tensor).__name__ == "FakeTensor":
        return f"is a {type(tensor).__name__}, not a plain tensor; initialize the network before it is sharded or quantized"
    if tensor.is_quantized:
        return "is quantized; initialize the network before it is quantized"
    if tensor.layout != torch.strided:
        return f"is {tensor.layout}, not a dense tensor; initialize the network before it is converted"
    if any(size > 1 and stride == 0 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)):
        return "has elements that share memory, as expand() makes them; give the layer a clone of it"
    if tensor.is_inference():
        return "was made under torch.inference_mode; make the network outside of it"
    return None
