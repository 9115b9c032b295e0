"""Sup-Walsh: the codes are orthogonal, the pretraining is the published one and leaves nothing behind, and every
control differs from it in one part only."""

import copy
import inspect
import math
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import torch
import torch.nn.functional as F
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.initializers.sup_walsh import (
    Settings,
    SupportNetwork,
    class_codes,
    code_length,
    pretrain,
    reducer,
    walsh_codes,
)
from informed_init.initializers.sup_walsh.initializer import sup_walsh_
from informed_init.initializers.sup_walsh.pretraining import scaled_distances
from informed_init.initializers.sup_walsh.steps import OnePerClass, optimize_, recalibrate_
from informed_init.report.figures.style import Style, save
from informed_init.report.figures.walsh import draw_codes, draw_distances, draw_losses
from informed_init.report.pretraining import code_table, distance_table, loss_table
from informed_init.runs import arms
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial
from informed_init.seeds import generator
from informed_init.tasks.images import Images, save_split
from problems import stripes
from test_drawings import Job, check, paths
from test_figures import words
from torch import nn


def network(classes=6, channels=2, norm=True, dropout=0.5, seed=0):
    """A small convolutional network with batch norm and dropout, for images of 8 x 8."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(channels, 4, 3, bias=not norm), *([nn.BatchNorm2d(4)] if norm else []), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(144, classes))


def images(n=60, classes=6, channels=2, size=8):
    """Noise whose labels go round the classes."""
    return torch.rand(n, channels, size, size, generator=generator("images")), torch.arange(n) % classes


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


# ---------------------------------------------------------------- codes and support network


def test_codes_of_any_number_of_classes_are_orthogonal_and_none_is_constant():
    for classes in range(2, 201):
        codes = walsh_codes(classes)
        length = codes.shape[1]
        assert codes.shape[0] == classes < length <= 2 * classes and length == code_length(classes)
        assert torch.equal(codes @ codes.T, length * torch.eye(classes))
        assert (codes.sum(1) == 0).all()


def test_ten_classes_get_the_published_codes():
    h16 = np.ones((1, 1))
    for _ in range(4):
        h16 = np.kron([[1, 1], [1, -1]], h16)
    codes = walsh_codes(10)
    assert torch.equal(codes, torch.from_numpy(h16[1:11]).float())
    changes = (codes[:, 1:] != codes[:, :-1]).sum(1)
    assert changes.tolist() == [15, 7, 8, 3, 12, 4, 11, 1, 14, 6]


def test_other_codes_are_signs_or_no_gate():
    assert (class_codes("none", 10, 32, generator("c")) == 1).all()
    random = class_codes("random", 100, None, generator("c"))
    assert random.shape == (100, 128) and set(random.unique().tolist()) == {-1, 1} and random.mean().abs() < 0.05


def test_the_support_network_has_the_published_size_and_is_affine():
    support = SupportNetwork(16, (1, 64, 64))
    assert sum(parameter.numel() for parameter in support.parameters()) == 69_828
    codes, z = walsh_codes(10), torch.randn(10, 2, generator=generator("z"))
    start, one, two = support(0 * z, codes), support(z, codes), support(2 * z, codes)
    assert one.shape == (10, 1, 64, 64)
    torch.testing.assert_close(two - one, one - start, atol=1e-5, rtol=1e-4)
    assert SupportNetwork(4, (3, 5, 7))(z[:2], walsh_codes(2)).shape == (2, 3, 5, 7)


# ---------------------------------------------------------------- what is drawn and reduced


def test_draws_are_one_image_of_each_class_and_in_time_all_of_them():
    labels = torch.tensor([2, 0, 1, 1, 0, 2, 2, 2])
    draws = OnePerClass(labels, 3, generator("d"), "sup-walsh")
    drawn = torch.stack([draws.draw() for _ in range(400)])
    assert torch.equal(labels[drawn], torch.arange(3).expand(400, 3))
    # uniform within the class: 200 of 400 for two images, 100 for four; five standard deviations are 50 and 43
    counts = torch.bincount(drawn.flatten(), minlength=8)
    assert all(abs(count - 400 / (labels == label).sum()) < 50 for count, label in zip(counts, labels, strict=True))


def test_reducers_give_two_numbers_of_one_size():
    pixels = torch.rand(10, 64, generator=generator("p")) * 255
    for name in ("tsne", "pca", "random", "gaussian", "constant"):
        z = reducer(name, 10, 64, generator("r"))(pixels)
        assert z.shape == (10, 2) and z.dtype == torch.float32
        assert 4 < z.square().mean().sqrt() < 400, name


def test_pca_finds_a_planted_plane_and_random_is_one_projection():
    plane = torch.randn(12, 2, generator=generator("plane"))
    directions = torch.linalg.qr(torch.randn(50, 2, generator=generator("directions")))[0]
    found = reducer("pca", 12, 50, generator("r"))(plane @ directions.T + 3)
    torch.testing.assert_close(scaled_distances(found), scaled_distances(plane), atol=1e-4, rtol=1e-4)
    project = reducer("random", 12, 50, generator("r"))
    pixels = torch.rand(12, 50, generator=generator("p"))
    torch.testing.assert_close(project(pixels), project(7 * pixels + 2), atol=1e-2, rtol=1e-4)


def test_few_classes_lower_the_perplexity_and_say_so():
    pixels = torch.rand(7, 20, generator=generator("p"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reducer("tsne", 7, 20, generator("r"))(pixels).isfinite().all()
    for classes, perplexity in ((6, 4), (3, 1), (2, 1)):
        with pytest.warns(UserWarning, match=f"{classes} classes allow t-SNE a perplexity of {perplexity}"):
            reduce = reducer("tsne", classes, 20, generator("r"))
        assert reduce(pixels[:classes]).isfinite().all()


def test_the_size_of_tsnes_coordinates_does_not_depend_on_how_few_the_classes_are():
    """Between two points t-SNE only pushes: unscaled, the two-class images were fifty times as large as the ten-class ones."""
    pixels = 255 * torch.rand(10, 50, generator=generator("p"))
    for classes in (2, 3, 4, 6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            z = reducer("tsne", classes, 50, generator("r"))(pixels[:classes])
        assert z.square().mean().sqrt() == pytest.approx(40, rel=1e-5)


def test_ten_classes_get_tsnes_own_coordinates():
    from sklearn.manifold import TSNE

    pixels = 255 * torch.rand(10, 50, generator=generator("p"))
    seed = int(torch.randint(2**31, (), generator=generator("r")))
    with threadpoolctl.threadpool_limits(1):
        expected = TSNE(perplexity=5, random_state=seed).fit_transform(pixels.numpy())
    assert np.array_equal(reducer("tsne", 10, 50, generator("r"))(pixels).numpy(), expected)


@pytest.mark.parametrize("name", ["tsne", "pca", "random"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_images_that_hold_no_numbers_are_named(name, value):
    pixels = torch.rand(10, 50, generator=generator("p"))
    pixels[3, 7] = value
    with pytest.raises(InputError, match=r"^sup-walsh: a training image holds NaN or infinite pixels; [a-z ]+$"):
        reducer(name, 10, 50, generator("r"))(pixels)
    given, labels = images()
    given[3, 0, 0, 0] = value
    with pytest.raises(InputError, match=r"^sup-walsh: 1 of 60 images hold NaN or infinite values; [a-z ]+$"):
        pretrain(network(), (given, labels), Settings(steps=1, reducer=name), generator("g"))


def test_only_tsne_needs_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)  # makes its import fail
    pretrain(network(), images(), Settings(steps=2, reducer="pca"), generator("g"))
    with pytest.raises(ImportError):
        pretrain(network(), images(), Settings(steps=2), generator("g"))


# ---------------------------------------------------------------- the pretraining


def test_the_same_generator_gives_the_same_network_whatever_the_global_state():
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        model = network(classes=10)
        history = pretrain(model, images(classes=10), Settings(steps=3, rate=1e-2), generator("g"))
        assert torch.equal(torch.get_rng_state(), state)
        results.append((weights(model), history))
    (first, one), (second, two) = results
    assert same(first, second) and one.losses == two.losses
    assert torch.equal(one.z, two.z) and torch.equal(one.codes, two.codes)
    other = network(classes=10)
    pretrain(other, images(classes=10), Settings(steps=3, rate=1e-2), generator("h"))
    assert not same(first, weights(other))


@pytest.mark.parametrize("name", ["sup-walsh", "extra-steps"])
def test_only_the_network_is_left_in_its_earlier_mode(name):
    model = network()
    model.train()
    model[1].eval()
    before, modes = weights(model), [module.training for module in model.modules()]
    settings = {"reducer": "gaussian"} if name == "sup-walsh" else {}
    initialize_(model, name, generator=generator("g"), data=images(), steps=3, rate=1e-2, **settings)
    after = weights(model)
    assert [(key, tensor.shape) for key, tensor in before.items()] == [(key, t.shape) for key, t in after.items()]
    assert not any(torch.equal(before[key], after[key]) for key in after if key.endswith("weight"))
    assert [module.training for module in model.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert model[1].momentum == 0.1


def test_settings_of_the_initializer_are_those_of_the_pretraining():
    own = {name: p.default for name, p in inspect.signature(sup_walsh_).parameters.items() if p.default is not p.empty}
    assert own == vars(Settings())
    first, second = network(), network()
    chosen = {"steps": 3, "rate": 1e-3, "reducer": "pca", "codes": "random", "labels": "permuted", "snapshot": "last"}
    chosen |= {"batch_norm": "keep", "refit": 2, "code_length": 32}
    initialize_(first, "sup-walsh", generator=generator("g"), data=images(), **chosen)
    pretrain(second, images(), Settings(**chosen), generator("g"))
    assert same(weights(first), weights(second))


def test_steps_are_adams_and_the_best_are_from_before_the_update():
    rng = generator("batches")
    batches = [(torch.randn(6, 2, 8, 8, generator=rng), torch.randperm(6, generator=rng)) for _ in range(12)]
    fast = {best: network(dropout=0.0) for best in (True, False)}
    losses = {best: optimize_(m, batches.__getitem__, 12, 3e-3, generator("n"), best=best) for best, m in fast.items()}
    plain, kept, least = network(dropout=0.0).train(), {}, math.inf
    optimizer = torch.optim.Adam(plain.parameters(), 3e-3)
    for step, (batch, labels) in enumerate(batches):
        loss = F.cross_entropy(plain(batch), labels)
        assert losses[True][step] == losses[False][step] == pytest.approx(loss.item(), rel=1e-5)
        if loss < least:
            least, kept, at = loss.item(), copy.deepcopy(plain.state_dict()), step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 0 < at < 11  # else the two snapshots would not be told apart
    torch.testing.assert_close(fast[True].state_dict(), kept)
    torch.testing.assert_close(fast[False].state_dict(), plain.state_dict())


def test_the_best_snapshot_is_a_shorter_pretraining():
    settings = {"rate": 3e-2, "reducer": "gaussian", "batch_norm": "reset"}
    best, last = network(), network()
    losses = pretrain(best, images(), Settings(steps=30, snapshot="best", **settings), generator("g")).losses
    at = int(np.argmin(losses))
    assert 0 < at < 29
    pretrain(last, images(), Settings(steps=at, snapshot="last", **settings), generator("g"))
    assert same(weights(best), weights(last))


def test_the_class_code_alone_solves_the_task_and_without_it_nothing_can():
    settings = {"steps": 150, "rate": 1e-2, "reducer": "constant"}
    plain = {"norm": False, "dropout": 0.0}
    coded = pretrain(network(**plain), images(), Settings(**settings), generator("g"))
    assert min(coded.losses) < 0.01
    blind = pretrain(network(**plain), images(), Settings(codes="none", **settings), generator("g"))
    assert min(blind.losses) >= math.log(6) - 1e-4  # all images are one image


def test_unused_parameters_are_left_alone():
    model = network()
    model.auxiliary = nn.Linear(3, 2)
    model.forward = model[:6].forward
    before = model.auxiliary.weight.clone()
    pretrain(model, images(), Settings(steps=2, reducer="gaussian"), generator("g"))
    assert torch.equal(model.auxiliary.weight, before)


# ---------------------------------------------------------------- batch norm


def test_recalibrated_statistics_are_those_of_the_real_images():
    pixels, labels = images(n=150)
    pixels = 40 * pixels + 7
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(180, 6)
        model = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5), *layers)
    model[0].running_mean.fill_(100.0)
    pretrain(model, (pixels, labels), Settings(steps=2, reducer="gaussian"), generator("g"))
    for norm, seen in ((model[0], pixels), (model[3], model.train()[2](model[0](pixels)))):
        torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(norm.running_var, seen.var((0, 2, 3)), atol=1e-3, rtol=1e-3)
        if norm is model[0]:  # the forward pass above updated it; start over
            recalibrate_(model, pixels, generator("c"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["sup-walsh", "extra-steps"])
def test_pretraining_runs_where_the_images_are_and_the_network_comes_back(name):
    found = []
    for device in ("cpu", "cuda"):
        model, (pixels, labels) = network(dropout=0.0), images()
        settings = {"steps": 3, "rate": 1e-2} | ({"reducer": "gaussian"} if name == "sup-walsh" else {})
        data = (pixels.to(device), labels.to(device))
        initialize_(model, name, generator=generator("g"), data=data, **settings)
        assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
        found.append(model[0].weight)
    assert torch.allclose(*found, atol=1e-3) and not torch.equal(found[0], network().state_dict()["0.weight"])


def test_statistics_can_be_reset_or_kept_as_published():
    found = {}
    for choice in ("recalibrate", "reset", "keep"):
        model = network()
        settings = Settings(steps=4, reducer="gaussian", snapshot="last", batch_norm=choice)
        pretrain(model, images(), settings, generator("g"))
        found[choice] = model[1]
    assert (found["reset"].running_mean == 0).all() and (found["reset"].running_var == 1).all()
    assert found["keep"].num_batches_tracked == 4
    assert not torch.allclose(found["keep"].running_var, found["recalibrate"].running_var)
    assert torch.equal(found["keep"].weight, found["recalibrate"].weight)


# ---------------------------------------------------------------- controls


def first_step(**settings):
    model = network(norm=False, dropout=0.0)
    return pretrain(model, images(), Settings(steps=1, **({"reducer": "pca"} | settings)), generator("g"))


def test_controls_differ_from_the_method_in_one_part_only():
    method = first_step()
    permuted = first_step(labels="permuted")
    assert torch.equal(permuted.z, method.z) and torch.equal(permuted.codes, method.codes)
    assert permuted.losses != method.losses
    for codes in ("random", "none"):
        control = first_step(codes=codes)
        assert torch.equal(control.z, method.z)  # the same images, reduced alike
        assert torch.equal(control.codes.abs(), method.codes.abs())  # the same support network; only the signs differ
        assert not torch.equal(control.codes, method.codes)
    for other in ("random", "gaussian", "constant"):
        control = first_step(reducer=other)
        assert torch.equal(control.image_distances, method.image_distances)
        assert not torch.equal(control.z, method.z)
    assert first_step(reducer="constant").z_distances.max() == 0


def test_permuted_classes_all_change_their_name_for_good():
    told = []

    class Told(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(6))

        def forward(self, batch):
            logits = self.weight.expand(len(batch), 6).clone()
            if logits.requires_grad:  # of the gradient of a row of logits, only the label's is negative
                logits.register_hook(lambda gradient: told.append(gradient.argmin(1)))
            return logits

    pretrain(Told(), images(), Settings(steps=3, reducer="gaussian", labels="permuted"), generator("g"))
    assert torch.equal(told[0].sort().values, torch.arange(6)) and (told[0] != torch.arange(6)).all()
    assert all(torch.equal(told[0], again) for again in told[1:])


def test_extra_steps_take_the_images_that_sup_walsh_draws():
    seen = []
    model = network()
    pixels, labels = images()
    history = pretrain(network(), (pixels, labels), Settings(steps=3, reducer="gaussian"), generator("g"))
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0]) if module.training else None)
    initialize_(model, "extra-steps", generator=generator("g"), data=(pixels, labels), steps=3)
    index = [[int((pixels == image).flatten(1).all(1).nonzero()) for image in batch] for batch in seen]
    assert [[int(labels[i]) for i in batch] for batch in index] == [list(range(6))] * 3
    distances = sum(scaled_distances(batch.flatten(1)) for batch in seen) / 3
    torch.testing.assert_close(distances, history.image_distances)


def test_extra_steps_are_a_plain_adam_loop():
    pixels, labels = images(n=24)
    fast, plain = (network(norm=False, dropout=0.0) for _ in range(2))
    settings = {"steps": 8, "rate": 1e-3, "batch_size": 24}  # all images, so that their order does not matter
    initialize_(fast, "extra-steps", generator=generator("g"), data=(pixels, labels), **settings)
    optimizer = torch.optim.Adam(plain.parameters(), 1e-3)
    for _ in range(8):
        optimizer.zero_grad()
        F.cross_entropy(plain(pixels), labels).backward()
        optimizer.step()
    torch.testing.assert_close(fast.state_dict(), plain.state_dict(), atol=1e-6, rtol=1e-4)


def test_images_are_drawn_anew_as_often_as_asked():
    calls = []
    for refit in (1, 3):
        model = network(norm=False, dropout=0.0)
        settings = Settings(steps=6, rate=1e-12, reducer="gaussian", refit=refit, snapshot="last")
        calls.append(len(set(pretrain(model, images(), settings, generator("g")).losses)))
    assert calls == [6, 2]


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize("name", ["sup-walsh", "extra-steps"])
def test_data_that_do_not_fit_are_named(name):
    def run(model, data):
        initialize_(model, name, generator=generator("g"), data=data, steps=1)

    pixels, labels = images()
    before = weights(model := network())
    with pytest.raises(InputError, match="no training image of class 5 of the network's 6 classes"):
        run(model, (pixels[:5], labels[:5]))
    with pytest.raises(InputError, match="labels 0 to 7, but the network tells 6 classes apart"):
        run(model, (pixels, torch.arange(60) % 8))
    with pytest.raises(InputError, match=f"{name}: the network does not take images of 3 x 8 x 8: .*2 channels"):
        run(model, (torch.zeros(60, 3, 8, 8), labels))
    with pytest.raises(InputError, match=r"images of 2 x 9 x 9: .*2x196 and 144x6"):
        run(model, (torch.zeros(60, 2, 9, 9), labels))
    with pytest.raises(InputError, match=r"got shapes \(60, 128\) and \(60,\)"):
        run(model, (pixels.flatten(1), labels))
    with pytest.raises(InputError, match=r"must return logits .* got \(2, 4, 6, 6\)"):
        run(nn.Conv2d(2, 4, 3), (pixels, labels))
    assert same(before, weights(model))


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="10 classes need a code_length of at least 16, got 8"):
        walsh_codes(10, 8)
    with pytest.raises(InputError, match="6 classes need a code_length of at least 8, got 4"):
        pretrain(network(), images(), Settings(steps=1, code_length=4), generator("g"))
    with pytest.raises(InputError, match="power of two, got 24"):
        walsh_codes(10, 24)
    with pytest.raises(InputError, match="reducer is 'umap'; give one of tsne, pca, random, gaussian, constant"):
        Settings(reducer="umap")
    with pytest.raises(InputError, match="steps is 0; give a whole number from 1"):
        Settings(steps=0)
    with pytest.raises(InputError, match="batch_size is 61, but there are 60 images"):
        initialize_(network(), "extra-steps", data=images(), batch_size=61)
    blank = torch.zeros(12, 2, 8, 8), torch.arange(12) % 6
    with pytest.raises(InputError, match="cannot be told apart"):
        pretrain(network(), blank, Settings(steps=1, reducer="pca"), generator("g"))


# ---------------------------------------------------------------- drawings


def test_losses_distances_and_codes_say_what_was_seen(tmp_path):
    near = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])
    arms = {"method": {"z": 3.5 - near - 3.5 * np.eye(3), "codes": near}, "constant z": {"z": 0 * near, "codes": near}}
    drawn = {
        "losses": (draw_losses, loss_table({"a": [3.0, 1.0, 2.0], "b": [np.nan] * 3})),
        "distances": (draw_distances, distance_table(near, arms)),
        "codes": (draw_codes, code_table(walsh_codes(10).numpy())),
    }
    said, tables = "", {}
    for name, (draw, table) in drawn.items():
        files = paths(tmp_path, name)
        save(draw(table, Style(name, "here" if name == "losses" else "")), table, *files.values())
        said, tables[name] = said + words(files["svg"]), check(files)
    for expected in (
        "here; thin",
        "method",
        "all the same",
        "r = \N{MINUS SIGN}1.00",
        "r = 1.00",
        "codes of length 16",
    ):
        assert expected in said
    assert "mathdefault" not in said
    assert tables["losses"].query("label == 'a' and least")["loss"].tolist() == [1.0]
    assert not tables["losses"].query("label == 'b'")["least"].any()
    correlations = tables["distances"].drop_duplicates(["label", "of"]).set_index(["label", "of"])["correlation"]
    assert correlations["method", "z"] == pytest.approx(-1) and np.isnan(correlations["constant z", "z"])
    changes = tables["codes"].drop_duplicates("class")["sign_changes"]
    assert changes.tolist() == [15, 7, 8, 3, 12, 4, 11, 1, 14, 6]


def test_measures_and_drawings_refuse_what_does_not_fit():
    with pytest.raises(InputError, match=r"a has distances \(2, 2\), images \(3, 3\)"):
        distance_table(np.zeros((3, 3)), {"a": {"z": np.zeros((2, 2))}})
    with pytest.raises(InputError, match="no losses"):
        loss_table({})
    with pytest.raises(InputError, match=r"matrix of \+1 and -1"):
        code_table(np.zeros((3, 4)))
    table = distance_table(np.zeros((3, 3)), {})
    with pytest.raises(InputError, match="images has 8 distances between 3 classes; delete the file"):
        draw_distances(table[:-1], Style("D"))


def test_the_drawn_losses_are_those_of_the_trained_arm(tmp_path, monkeypatch):
    names = [str(k) for k in range(4)]
    for split in ("train", "test"):
        pixels, labels = stripes(40, 4, 32, split)
        save_split(tmp_path / split, Images(pixels, labels, None, names, (0.3,) * 3, (0.2,) * 3))
    recipe = {"epochs": 1, "learning_rate": [[1, 0.01]], "batch_size": 16}
    spec = {"run": "t", "protocol": "controlled", "recipe": "r", "settings": recipe, "arm": "walsh", "replicas": [0]}
    spec |= {"initializer": "sup-walsh", "parameters": {"steps": 3, "reducer": "pca"}, "architecture": "lenet-bn"}
    spec |= {"dataset": "stripes", "tasks": [{"name": "stripes", "superclasses": None}], "device": "cpu"}
    trained = []
    of_pretraining = sys.modules["informed_init.initializers.sup_walsh.pretraining"]

    def spied(*given, **settings):
        trained.append(optimize_(*given, **settings))
        return trained[-1]

    with monkeypatch.context() as patch:
        patch.setattr(of_pretraining, "optimize_", spied)
        splits = tmp_path / "train", tmp_path / "test"
        arms.train_arm(spec, Data.load(*splits), {0: {}}, {0: Partial(tmp_path / "partial", "x")}, lambda line: None)
    measured = {name: tmp_path / f"measured/{name}.csv" for name in ("losses", "distances", "codes")}
    given = dict(zip(("train", "test"), splits, strict=True))
    Job(tmp_path, input=given, output=measured, params={"specs": {"walsh": spec}}).run("runs/measure_walsh.py")
    files = {f"{name}_{kind}": tmp_path / f"{name}.{kind}" for name in measured for kind in ("png", "svg", "csv")}
    params = {"titles": {name: name for name in measured}, "subtitle": "here"}
    Job(tmp_path, input=measured, output=files, params=params).run("report/draw_walsh.py")
    for name, path in measured.items():  # what was measured is what was drawn, to the last digit
        assert files[f"{name}_csv"].read_bytes() == path.read_bytes()
    drawn = pd.read_csv(files["losses_csv"])
    assert drawn["loss"].tolist() == pytest.approx(trained[0], rel=1e-6) and drawn["label"].unique() == ["walsh"]
    assert len(pd.read_csv(files["codes_csv"])) == 4 * 8
