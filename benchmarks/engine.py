"""How much faster the engine is than the plain loop, on this machine.

    python benchmarks/engine.py --data-root DIR [--epochs 1] [--rounds 3] [--device cpu]

Plain loop and engine train the same ResNet-18 on the same CIFAR-100 pair (superclasses 10 and 11; without
--data-root, the procedural images), alternating in one process: the ratios are paired, and load from elsewhere hits
both. On the CPU, time is the process's CPU time on one thread; on a GPU it is wall time around a synchronization. The
table goes to stdout and, with --output, to a CSV.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from informed_init import architectures
from informed_init.runs import data as images
from informed_init.seeds import generator
from informed_init.tasks import procedural, readers, subsets
from informed_init.training import augmentation, devices, loop, plain
from informed_init.training.recipe import Recipe


def problem(data_root: str | None, device: torch.device) -> loop.Problem:
    """The pair (10, 11) as the `published` protocol sees it: 5,000 training and 1,000 validation images."""
    if data_root is None:
        with tempfile.TemporaryDirectory() as folder:
            procedural.write(folder, "procedural", 1, 500, 100)
            train, test = (readers.read("procedural", folder, split) for split in ("train", "test"))
    else:
        train, test = (readers.read("cifar100", data_root, split) for split in ("train", "test"))
    task = subsets.pair_task(train, test, (10, 11), "pair")
    return images.problem(task, "published", Recipe(epochs=1, learning_rate=[[1, 0.01]]), 0, device)


def timed(work, device: torch.device) -> float:
    """Seconds of one call: CPU time of this process, or wall time on a GPU."""
    if device.type == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - start


def trainings(data: loop.Problem, epochs: int) -> dict:
    """The variants: each a call that trains one fresh network."""

    def variant(engine, precision, **options):
        recipe = Recipe(epochs=epochs, learning_rate=[[1, 0.01]], precision=precision)

        def run():
            model = architectures.build("resnet18", data.num_classes, seed=1)
            engine(model, data, recipe, ("benchmark",), **options)

        return run

    return {
        "plain loop, float32": variant(plain.train_plain, "float32"),
        "engine without live taps, float32": variant(loop.train, "float32", live=False),
        "engine, float32": variant(loop.train, "float32"),
        "engine, bfloat16": variant(loop.train, "bfloat16"),
    }


def pipelines(data: loop.Problem) -> dict:
    """One epoch of batches and nothing else."""
    n = len(data.train)
    order = torch.randperm(n, generator=generator("benchmark"))

    def plain_pipeline(kind):
        recipe = Recipe(epochs=1, learning_rate=[[1, 0.01]], augmentation=kind)
        draws = augmentation.draw(kind, n, generator("benchmark"))

        def run():
            samples = plain.Samples(data.train, data, recipe, draws)
            for _ in torch.utils.data.DataLoader(samples, batch_size=128, sampler=order.tolist()):
                pass

        return run

    def engine_pipeline(kind):
        draws = augmentation.draw(kind, n, generator("benchmark"))
        images = loop.NormalizedImages(data.train, data.mean, data.std, "normalized", torch.float32, kind != "none")

        def run():
            for index in order.split(128):
                images.batch(index, {name: values[index] for name, values in draws.items()})

        return run

    return {
        f"input pipeline, {name}, {kind}": make(kind)
        for kind in ("none", "flip-rotation")
        for name, make in (("plain", plain_pipeline), ("engine", engine_pipeline))
    }


def measure(variants: dict, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every variant in every round, after one unmeasured call of each."""
    for work in variants.values():
        work()
    seconds = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            seconds[name].append(timed(work, device))
    return seconds


def rows(seconds: dict[str, list[float]], reference) -> list[dict]:
    """Median seconds, and median and range of the ratios paired within a round."""
    table = []
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(seconds[reference(name)], values, strict=True)]
        table.append(
            {
                "variant": name,
                "seconds": f"{statistics.median(values):.3g}",
                "speed-up": f"{statistics.median(ratios):.2f}",
                "range": f"{min(ratios):.2f}-{max(ratios):.2f}",
                "rounds": len(values),
            }
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", help="folder with cifar-100-python; the procedural images without it")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each timed training")
    parser.add_argument("--rounds", type=int, default=5, help="how often each variant is timed")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--output", help="CSV to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = devices.resolve_device(options.device)
    data = problem(options.data_root, device)
    table = rows(measure(trainings(data, options.epochs), options.rounds, device), lambda name: "plain loop, float32")
    table += rows(measure(pipelines(data), options.rounds, device), lambda name: name.replace("engine", "plain"))
    for row in table:
        print(f"{row['variant']:45} {row['seconds']:>8} s   x{row['speed-up']} [{row['range']}]")
    if options.output:
        with open(options.output, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(table[0]))
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
