"""The engine computes what the plain loop computes, and its draws belong to task and replica alone."""

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as v2
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.runs import together
from informed_init.seeds import generator
from informed_init.training import augmentation, devices, loop, steps
from informed_init.training.plain import train_plain
from informed_init.training.recipe import Recipe
from problems import small_problem
from repository import ROOT

QUICK = {"epochs": 2, "learning_rate": [[1, 0.01], [2, 0.002]], "batch_size": 32}


def trained(problem, recipe, engine, architecture="resnet18-small", names=("stripes", 0), **options):
    height, width, channels = problem.train.images.shape[1:]
    model = architectures.build_for(architecture, problem.num_classes, (channels, height, width), seed=1)
    rows = engine(model, problem, recipe, names, **options)
    return model.state_dict(), rows


def assert_same(first, second, tolerance):
    for (name, a), (_, b) in zip(first[0].items(), second[0].items(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=name)
    for row, other in zip(first[1], second[1], strict=True):
        for key in other:
            assert row[key] == pytest.approx(other[key], rel=tolerance, abs=tolerance), key


@pytest.mark.parametrize("architecture", ["resnet18-small", "lenet-bn"])
@pytest.mark.parametrize("kind", ["none", "flip-rotation", "crop-flip"])
def test_in_float64_the_engine_is_the_plain_loop(architecture, kind):
    recipe = Recipe(**QUICK, precision="float64", augmentation=kind)
    problem = small_problem(n=72)  # the last batch is a short one
    engine, plain = (trained(problem, recipe, f, architecture) for f in (loop.train, train_plain))
    assert_same(engine, plain, 1e-10)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 0.0},
        {"nesterov": True, "weight_decay": 0.01},
        {"schedule": "one-cycle", "learning_rate": [[1, 0.05]], "label_smoothing": 0.1},
        {"schedule": "cosine", "learning_rate": [[1, 0.05]], "pixels": "raw"},
        {"momentum": 0.0, "weight_decay": 0.0, "pixels": "unit"},
    ],
)
def test_under_every_setting_the_engine_is_the_plain_loop(settings):
    recipe = Recipe(**QUICK | settings, precision="float64")
    problem = small_problem(n=64)
    assert_same(*(trained(problem, recipe, f, "resnet18-small") for f in (loop.train, train_plain)), 1e-9)


def test_dropout_is_drawn_from_the_trainings_own_seed():
    recipe, problem = Recipe(**QUICK, precision="float64"), small_problem(n=48)
    build = functools.partial(architectures.build, "lenet", 4, seed=1, in_channels=3, dropout=0.5)
    models = [build() for _ in range(3)]
    rows = [
        engine(model, problem, recipe, ("d", 0))
        for engine, model in zip((loop.train, train_plain), models[:2], strict=True)
    ]
    assert rows[0][-1]["train_loss"] == pytest.approx(rows[1][-1]["train_loss"], rel=1e-10)
    before = torch.get_rng_state()
    other = loop.train(models[2], problem, recipe, ("d", 1))
    assert other[-1]["train_loss"] != pytest.approx(rows[0][-1]["train_loss"], rel=1e-3)
    assert torch.equal(
        torch.get_rng_state(), before
    )  # and the caller's own random numbers go on as if nothing had been


@pytest.mark.parametrize(("schedule", "reference"), [("one-cycle", "OneCycleLR"), ("cosine", "CosineAnnealingLR")])
def test_schedules_are_torchs(schedule, reference):
    steps, epochs = 7, 5
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.3)
    options = {"max_lr": 0.3, "total_steps": steps * epochs} if schedule == "one-cycle" else {"T_max": steps * epochs}
    theirs = getattr(torch.optim.lr_scheduler, reference)(optimizer, **options)
    recipe = Recipe(epochs=epochs, learning_rate=[[1, 0.3]], schedule=schedule)
    for epoch in range(1, epochs + 1):
        for step in range(steps):
            assert recipe.rate(epoch, step, steps) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
            optimizer.step()
            if (epoch, step) != (epochs, steps - 1):
                theirs.step()


def test_a_curve_may_begin_before_the_first_step():
    recipe, problem = Recipe(**QUICK, evaluate_start=True), small_problem(n=64)
    model = architectures.build("resnet18-small", 4, seed=1)
    model.fc.weight.data.zero_()
    model.fc.bias.data.copy_(torch.tensor([0.0, 0.0, 9.0, 0.0]))
    rows = loop.train(model, problem, recipe, ("start", 0))
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert rows[0]["val_accuracy"] == 100 * (problem.validation.labels == 2).double().mean()
    assert "test_accuracy" not in rows[0]


def test_in_float32_one_epoch_stays_within_rounding():
    recipe = Recipe(epochs=1, learning_rate=[[1, 0.01]], batch_size=32)
    problem = small_problem(n=64)
    assert_same(trained(problem, recipe, loop.train), trained(problem, recipe, train_plain), 2e-2)


def test_a_training_is_a_function_of_its_seed_names():
    recipe, problem = Recipe(**QUICK), small_problem()
    first, again, other = (trained(problem, recipe, loop.train, names=("stripes", r)) for r in (0, 0, 1))
    assert first[1] == again[1]
    assert all(torch.equal(a, b) for a, b in zip(first[0].values(), again[0].values(), strict=True))
    assert first[1] != other[1]


def test_augmentation_really_happens():
    problem = small_problem(test=False)
    plain, augmented = (
        trained(problem, Recipe(**QUICK, augmentation=kind), loop.train)[1][-1]["train_loss"]
        for kind in ("none", "flip-rotation")
    )
    assert plain != augmented


def test_flip_rotation_and_crop_are_torchvisions_on_the_same_draws():
    images = (torch.rand(12, 3, 32, 32, generator=generator("images")) * 255).round()
    draws = augmentation.draw("flip-rotation", 12, generator("draws"))
    ours = augmentation.apply(images, draws)
    for i, image in enumerate(images):
        expected = v2.horizontal_flip(image) if draws["flip"][i] else image
        expected = v2.rotate(expected, float(draws["degrees"][i]))
        # nearest neighbor: a tie between two pixels may fall either way in the last bit
        assert (ours[i] != expected).float().mean() < 0.002
    draws = augmentation.draw("crop-flip", 12, generator("draws"))
    ours = augmentation.apply(images, draws)
    for i, image in enumerate(images):
        expected = v2.crop(v2.pad(image, [4]), int(draws["top"][i]), int(draws["left"][i]), 32, 32)
        assert torch.equal(ours[i], v2.horizontal_flip(expected) if draws["flip"][i] else expected)


def test_draws_cover_their_ranges():
    draws = augmentation.draw("flip-rotation", 4000, generator("range"))
    assert draws["flip"].float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert draws["degrees"].abs().max() <= 15
    assert draws["degrees"].std().item() == pytest.approx(15 / math.sqrt(3), rel=0.05)


def test_test_images_are_looked_at_once_after_the_last_epoch():
    problem = small_problem()
    rows = trained(problem, Recipe(**QUICK), loop.train)[1]
    assert [("test_accuracy" in row) for row in rows] == [False, True]
    without = trained(small_problem(test=False), Recipe(**QUICK), loop.train)[1]
    assert [row["val_loss"] for row in without] == [row["val_loss"] for row in rows]


def test_a_small_network_learns():
    rows = trained(small_problem(n=400), Recipe(epochs=6, learning_rate=[[1, 0.05]], batch_size=32), loop.train)[1]
    assert rows[-1]["val_accuracy"] > 60  # chance is 25
    assert rows[-1]["train_accuracy_top5"] == 100  # four classes


def test_divergence_is_recorded_and_keeps_the_tables_shape():
    rows = trained(small_problem(), Recipe(epochs=4, learning_rate=[[1, 1e30]], batch_size=32), loop.train)[1]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["diverged"] == 1
    assert np.isnan(rows[-1]["val_accuracy"])


def test_bfloat16_trains_and_leaves_float32_weights():
    state, rows = trained(
        small_problem(n=200),
        Recipe(epochs=4, learning_rate=[[1, 0.05]], batch_size=32, precision="bfloat16"),
        loop.train,
    )
    assert rows[-1]["train_accuracy"] > 50
    assert state["conv1.weight"].dtype == torch.float32


def test_bad_input_is_one_clear_line():
    with pytest.raises(InputError, match="batch_size 200 is larger than its 96 images"):
        trained(small_problem(), Recipe(epochs=1, learning_rate=[[1, 0.1]], batch_size=200), loop.train)
    with pytest.raises(InputError, match="precision: 'float8' is not one of"):
        Recipe(epochs=1, learning_rate=[[1, 0.1]], precision="float8")
    with pytest.raises(InputError, match="unknown key 'epocs'"):
        Recipe.from_config({"epocs": 1})
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="device: cuda was asked for"):
            devices.resolve_device("cuda")


def test_learning_rate_steps():
    recipe = Recipe(epochs=15, learning_rate=[[1, 0.01], [8, 0.002], [14, 0.0004]])
    assert [recipe.rate(e) for e in (1, 7, 8, 13, 14, 15)] == [0.01, 0.01, 0.002, 0.002, 0.0004, 0.0004]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_the_engine_is_the_plain_loop():
    recipe = Recipe(**QUICK, precision="float64", augmentation="flip-rotation")
    problem = small_problem(n=72, device="cuda")
    assert_same(trained(problem, recipe, loop.train), trained(problem, recipe, train_plain), 1e-9)


def test_jobs_share_one_gpu_and_spread_over_two(tmp_path):
    assert [devices.take_gpu(1, tmp_path / "one") for _ in range(3)] == [0, 0, 0]
    assert [devices.take_gpu(2, tmp_path / "two") for _ in range(4)] == [0, 1, 0, 1]


def test_a_gpu_is_free_again_when_its_job_ends_however_it_ends(tmp_path):
    code = "import sys, os; from informed_init.training.devices import take_gpu; take_gpu(2, sys.argv[1]); os.kill(os.getpid(), 9)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")}
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment)
    assert killed.returncode == -9
    assert devices.take_gpu(2, tmp_path) == 0


# ---------------------------------------------------------------- several trainings on one device


def starts(count, fits=100, **settings):
    """Trainings of a small network that run out of memory when more than ``fits`` are in flight; and their networks."""
    problem, recipe = small_problem(n=32), Recipe(**QUICK | settings)
    models = [architectures.build("lenet", 4, seed=number, in_channels=3, dropout=0.5) for number in range(count)]
    flying = []

    def start(number):
        flying.append(number)
        try:
            for _ in range(2):
                if len(flying) > fits:
                    raise torch.OutOfMemoryError("too many")
                yield
            models[number] = architectures.build("lenet", 4, seed=number, in_channels=3, dropout=0.5)
            return (yield from loop.training(models[number], problem, recipe, ("together", number)))
        finally:
            flying.remove(number)

    return [functools.partial(start, number) for number in range(count)], models


@pytest.mark.parametrize(("at_once", "fits"), [(1, 100), (4, 100), (5, 2), (8, 1)])
def test_trainings_side_by_side_are_the_ones_alone(at_once, fits):
    alone, models = starts(5)
    expected = [together.run_together([start], torch.device("cpu"), 1)[0] for start in alone]
    beside, others = starts(5, fits)
    assert together.run_together(beside, torch.device("cpu"), at_once) == expected
    for model, other in zip(models, others, strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True)
        )


def test_one_training_that_does_not_fit_says_so():
    with pytest.raises(torch.OutOfMemoryError, match="too many"):
        together.run_together(starts(3, 0)[0], torch.device("cpu"), 4)


def test_memory_is_what_the_layers_weigh_and_what_a_step_saves():
    model = torch.nn.Sequential(torch.nn.Linear(100, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10))
    recipe = Recipe(epochs=1, learning_rate=[[1, 0.1]], batch_size=128)
    weights, saved, ends = 4 * (5050 + 510), 4 * 128 * (100 + 50), 4 * 128 * (100 + 10)
    assert together.memory_needed(model, (100,), recipe) == 3 * weights + saved + 2 * ends
    adam = Recipe(epochs=1, learning_rate=[[1, 0.1]], batch_size=128, optimizer="adam")
    assert together.memory_needed(model, (100,), adam) == 4 * weights + saved + 2 * ends
    assert model[0].weight.device.type == "cpu"


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_with_inputs_at_fixed_addresses_is_the_same_step(optimizer, monkeypatch):
    """What a GPU records as a graph computes the same; recording itself needs a GPU."""
    recipe, problem = Recipe(**QUICK, precision="float64", optimizer=optimizer), small_problem(n=72)
    expected = trained(problem, recipe, loop.train, "resnet18-small")
    make = steps.make_step
    monkeypatch.setattr(loop, "make_step", lambda *arguments: steps.StaticStep(make(*arguments)))
    assert_same(trained(problem, recipe, loop.train, "resnet18-small"), expected, 1e-12)


def test_a_network_with_dropout_is_not_recorded():
    arguments = Recipe(**QUICK), None, torch.float32, True
    model = architectures.build("lenet", 4, dropout=0.5)
    assert type(steps.make_step(model, *arguments)) is steps.Step


def test_tf32_on_a_cpu_is_refused():
    recipe = Recipe(**QUICK, precision="tf32")
    with pytest.raises(InputError, match="precision: tf32 exists on CUDA only, the device is cpu"):
        trained(small_problem(n=64), recipe, loop.train, "resnet18-small")
