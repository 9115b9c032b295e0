"""How long a user waits: importing the package, listing what there is, filling a ResNet-50 from a bank.

    python benchmarks/use.py

Medians on one core, of the clock and of the CPU alone, which other work does not lengthen; the goals are 50 ms, 0.5 s and 1 s.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
REPEATS = 7
CLOCKS = "import time; now = lambda: (time.perf_counter(), time.process_time())"
IMPORT = f"{CLOCKS}; a = now(); import informed_init; b = now(); print(b[0] - a[0], b[1] - a[1])"
FILL = f"""{CLOCKS}
import informed_init, torch, torchvision
torch.set_num_threads(1)
model = torchvision.models.resnet50(num_classes=37)
for _ in range({REPEATS}):
    a = now()
    informed_init.initialize_(model, "clustered", bank="resnet18-cifar100-euclid-k2", generator=0)
    b = now()
    print(b[0] - a[0], b[1] - a[1])
"""


def python(*arguments: str) -> list[tuple[float, ...]]:
    """The numbers that a fresh Python prints, a tuple a line."""
    own = {"PYTHONPATH": str(ROOT / "workflow_scripts"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | own, check=True, capture_output=True, text=True
    )
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def listing() -> tuple[float, float]:
    """Wall and CPU seconds of the command, Python's own start among them."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    python(
        "-c", "import sys, os; sys.stdout = open(os.devnull, 'w'); from informed_init.cli import main; main(['list'])"
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, used


def say(what: str, times: list[tuple[float, ...]]) -> None:
    wall, used = (1000 * median(column) for column in zip(*times, strict=True))
    print(f"{what:36}{wall:7.1f} ms, {used:7.1f} ms of the CPU")


def main() -> None:
    filled = python("-c", FILL)
    say("import informed_init", [python("-c", IMPORT)[0] for _ in range(REPEATS)])
    say("informed-init list", [listing() for _ in range(REPEATS)])
    say("clustered on ResNet-50, first call", filled[:1])
    say("clustered on ResNet-50, later calls", filled[1:])


if __name__ == "__main__":
    main()
