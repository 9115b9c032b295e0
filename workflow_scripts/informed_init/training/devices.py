"""Which device a training runs on, and which of several GPUs a job takes.

Snakemake counts GPUs (``--resources gpu=2``) but does not say which one a job may use. Jobs on one machine agree by lock
files: a job takes the first GPU that the fewest others hold, so that two jobs share a single GPU and spread over two.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path

import torch

from ..errors import InputError

SLOTS = 16  # jobs that may share one GPU
_HELD = []  # descriptors of lock files, held until the process ends, however it ends


def take_gpu(count: int, folder: str | Path | None = None) -> int:
    """The number of the GPU, of ``count``, that this process should use; locked until the process ends.

    Lock files lie in a folder that only this user can enter, by default beside other temporary files; they stay empty.

    Raises:
        InputError: every slot of every GPU is taken, or the folder or a file in it is not one that this code made.
    """
    folder = Path(folder or Path(tempfile.gettempdir()) / f"informed-init-gpus-{os.geteuid()}")
    try:
        inside = _own_folder(folder)
        try:
            return _free_slot(count, inside)
        finally:
            os.close(inside)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot hold the locks of GPUs ({error.strerror}); remove it, or set TMPDIR to a folder of your own"
        ) from error


def _own_folder(folder: Path) -> int:
    """A descriptor of the folder, made if need be. The name can be guessed and others can write where it lies: what they
    put there in advance, a link or a folder of theirs, is not used."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    found = os.fstat(inside)
    if found.st_uid != os.geteuid():
        os.close(inside)
        raise InputError(f"{folder}: belongs to another user; remove it, or set TMPDIR to a folder of your own")
    if stat.S_IMODE(found.st_mode) != 0o700:
        os.fchmod(inside, 0o700)
    return inside


def _free_slot(count: int, inside: int) -> int:
    for slot in range(SLOTS):
        for gpu in range(count):
            # a link is not followed, and nothing is cut off or written: whatever lies there keeps its content
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            file = os.open(f"gpu-{gpu}-slot-{slot}.lock", flags, 0o600, dir_fd=inside)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
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
