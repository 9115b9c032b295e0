"""Small problems that tests train on."""

import torch
from informed_init.seeds import generator
from informed_init.training.loop import Problem, Split


def stripes(n: int, classes: int, size: int, *names) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (n, 3, size, size) whose class is the direction of a stripe in noise: learnable in a few steps."""
    rng = generator("stripes", *names)
    labels = torch.arange(n) % classes
    images = torch.rand(n, 3, size, size, generator=rng) * 120
    for i, label in enumerate(labels.tolist()):
        at = int(torch.randint(2, size - 2, (1,), generator=rng))
        (images[i, label // 2] if label % 2 else images[i, label // 2].T)[at] += 120
    return images.to(torch.uint8), labels


def small_problem(n: int = 96, classes: int = 4, size: int = 32, device: str = "cpu", test: bool = True) -> Problem:
    """A problem of `n` training images, half as many for validation, and as many test images."""
    parts = [
        Split.on(device, *stripes(count, classes, size, name))
        for name, count in (("train", n), ("val", n // 2), ("test", n // 2))
    ]
    return Problem("stripes", parts[0], parts[1], parts[2] if test else None, classes, (0.3, 0.3, 0.3), (0.2, 0.2, 0.2))
