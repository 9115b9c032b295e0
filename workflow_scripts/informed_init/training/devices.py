"""Which device a training runs on, and which of several GPUs a job takes.

Snakemake counts GPUs (``--resources gpu=2``) but does not say which one a job may use. Jobs on one machine agree by lock
files: a job takes the first GPU that the fewest others hold, so that two jobs share a single GPU and spread over two.
"""

import fcntl
import os
import tempfile
from pathlib import Path

import torch

from ..errors import InputError

SLOTS = 16  # jobs that may share one GPU
_HELD = []  # open lock files, held until the process ends, however it ends


def take_gpu(count: int, folder: str | Path | None = None) -> int:
    """The number of the GPU, of ``count``, that this process should use; locked until the process ends.

    Raises:
        InputError: every slot of every GPU is taken.
    """
    folder = Path(folder or Path(tempfile.gettempdir()) / f"informed-init-gpus-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True)
    for slot in range(SLOTS):
        for gpu in range(count):
            file = open(folder / f"gpu-{gpu}-slot-{slot}.lock", "w")  # noqa: SIM115  (kept open: closing it unlocks)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _HELD.append(file)
            return gpu
    raise InputError(f"{count * SLOTS} jobs already share {count} GPUs; ask for fewer with --resources gpu=...")


def resolve_device(name: str) -> torch.device:
    """``auto`` takes CUDA, then MPS, then the CPU; ``cuda`` takes the GPU that the fewest other jobs use.

    Raises:
        InputError: the device is not there; there is no silent fallback.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but torch sees no CUDA device; use device: cpu or auto")
    if name == "mps" and not torch.backends.mps.is_available():
        raise InputError("device: mps was asked for, but torch sees no MPS device; use device: cpu or auto")
    if name == "cuda":
        name = f"cuda:{take_gpu(torch.cuda.device_count())}"
    elif name.startswith("cuda:") and int(name[5:]) >= torch.cuda.device_count():
        raise InputError(f"device: {name} was asked for, but there are only {torch.cuda.device_count()} CUDA devices")
    return torch.device(name)


def set_precision(device: torch.device, precision: str) -> None:
    """Say whether CUDA may round float32 products to TF32; torch's own default has changed between versions.

    Raises:
        InputError: ``tf32`` is asked for where there is none.
    """
    if precision == "tf32" and device.type != "cuda":
        raise InputError(f"precision: tf32 exists on CUDA only, the device is {device}; use float32 or bfloat16")
    if device.type == "cuda":
        mode = "tf32" if precision == "tf32" else "ieee"
        torch.backends.cuda.matmul.fp32_precision = mode
        torch.backends.cudnn.conv.fp32_precision = mode
