"""A job that is killed again and again at random moments ends with the table of an undisturbed one."""

import random
import subprocess
import sys

import pytest
from informed_init.tasks import procedural, readers
from repository import ROOT

JOB = """
import json, sys
sys.path.insert(0, {package!r})
import torch
torch.set_num_threads(1)
from informed_init.columns import write_rows
from informed_init.training import runner
from informed_init.training.arms import train_arm

folder, output = sys.argv[1:]
tasks = [dict(name=f"procedural-{{a}}-{{b}}", superclasses=[a, b]) for a, b in ((10, 11), (12, 13), (15, 18), (16, 19))]
spec = dict(
    run="kill", protocol={protocol!r}, recipe="r", arm="random", initializer="default", parameters={{}},
    settings=dict(epochs=1, learning_rate=[[1, 0.01]], batch_size=20, validation_fraction=0.25),
    architecture="resnet18", tasks=tasks, replicas=[0, 1, 2, 3], device="cpu",
)
data = runner.Data.load(f"{{folder}}/train", f"{{folder}}/test")
partial = runner.Partial(output + ".partial", runner.digest_of(spec, [f"{{folder}}/train"]))
print("ready", flush=True)
resources = {{r: {{}} for r in spec["replicas"]}}
done = train_arm(spec, data, resources, partial, lambda line: print(line, flush=True))
write_rows(done[0], output)
partial.remove()
"""
KILLS = 10


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    procedural.write(folder, "procedural", 1, 4, 2)
    for split in ("train", "test"):
        readers.save_split(folder / split, readers.read("procedural", folder, split))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["controlled", "published"])
def test_ten_random_kills_change_nothing(images, tmp_path, protocol):
    script = tmp_path / "job.py"
    script.write_text(JOB.format(package=str(ROOT / "workflow_scripts"), protocol=protocol))

    def start(name):
        command = [sys.executable, str(script), str(images), str(tmp_path / name)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    undisturbed = start("undisturbed")
    output, _ = undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0, output
    rng = random.Random(protocol)
    taken_over = 0
    for _ in range(KILLS):
        job = start("killed")
        # let it finish none or one more of its 16 trainings, then strike somewhere inside the next one
        left = rng.choice([0, 1, 1])
        for line in job.stdout:
            taken_over += "taken over" in line
            left -= "left" in line
            if left <= 0 and "taken over" not in line:
                break
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(timeout=rng.uniform(0, 0.4))
        job.kill()
        job.communicate()
    last = start("killed")
    output, _ = last.communicate(timeout=600)
    assert last.returncode == 0, output
    assert taken_over >= KILLS
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "undisturbed").read_bytes()
    assert not any((tmp_path / "killed.partial").iterdir())
