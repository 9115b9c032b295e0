"""Initializers of the arena: the property that each promises, and that all of them work on any network or say that they do not."""

import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from adversarial_nets import IMAGE, NETS
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.initializers.fixup import residual_branches
from informed_init.initializers.grad_cosine import gradient_cosine
from informed_init.initializers.grad_init import length
from informed_init.initializers.meta_init import Elementary, gradient_quotient
from informed_init.initializers.objectives import objective
from informed_init.initializers.sinusoidal import waves
from informed_init.initializers.weight_selection import evenly_spaced
from informed_init.seeds import generator
from torch import nn

FEW = {"steps": 1, "batch_size": 4}
SEATS = {
    "whitened": {"patches": 200},
    "equal-angle": {"batches": 1, "batch_size": 4},
    "norm-gain": {},
    "zero-gamma": {},
    "partial-dirac": {},
    "sinusoidal": {},
    "grad-init": FEW,
    "meta-init": FEW,
    "grad-cosine": FEW,
}
LOOKS = {"whitened", "equal-angle", "zero-gamma", "grad-init", "meta-init", "grad-cosine"}


def data(*shape, n=16, seed="images"):
    """Images of four classes that can be told apart, and their labels."""
    labels = torch.arange(n) % 4
    return torch.randn(n, *shape, generator=generator(seed)) + labels.view(-1, *[1] * len(shape)), labels


def initialized(model, name, given=None, seed="t", **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        more = {"data": given} if given is not None and name in LOOKS else {}
        return initialize_(model, name, generator=generator(seed), **SEATS.get(name, {}) | settings, **more)


def small_resnet():
    return architectures.build("resnet18-small", 4, seed=1)


def normed():
    """Three convolutions, two of them normalized."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 6, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4),
        )  # fmt: skip


# ---------------------------------------------------------------- any network


@pytest.mark.parametrize("name", SEATS)
@pytest.mark.parametrize(
    "net",
    [
        key if key in ("plain", "spectral-norm-old", "weight-norm-new", "two-names", "shared-weight", "unused", "clamped")
        else pytest.param(key, marks=pytest.mark.slow)
        for key in NETS
    ],
)  # fmt: skip
def test_any_network_is_set_or_refused_in_a_line_and_stays_a_network(net, name):
    model, given = NETS[net](), data(*IMAGE)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    flags = [(type(p), p.requires_grad) for p in model.parameters()]
    modes, state = [m.training for m in model.modules()], torch.get_rng_state()
    try:
        report = initialized(model, name, given)
    except InputError as error:
        assert "not applicable" in str(error) and "\n" not in str(error)
        assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    else:
        assert report.set and all(p.isfinite().all() for p in model.parameters())
        assert all(torch.equal(b, before[key]) for key, b in model.named_buffers() if "running" in key)
        again = NETS[net]()
        torch.randn(3)  # what else was drawn is no matter
        initialized(again, name, given)
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert [(type(p), p.requires_grad) for p in model.parameters()] == flags
    assert [m.training for m in model.modules()] == modes
    torch.set_rng_state(state)


@pytest.mark.parametrize("name", SEATS)
def test_a_transformer_and_a_network_in_half_precision(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        model = nn.Sequential(nn.Linear(6, 8), layer, nn.LayerNorm(8), nn.Flatten(), nn.Linear(40, 4))
    given = data(5, 6)
    for network, images in ((model, given), (normed().bfloat16(), data(3, 8, 8))):
        kinds = [p.dtype for p in network.parameters()]
        try:
            initialized(network, name, images)
        except InputError as error:
            assert "not applicable" in str(error)
        assert [p.dtype for p in network.parameters()] == kinds
        assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", ["grad-init", "meta-init", "grad-cosine", "equal-angle"])
def test_what_cannot_be_learned_from_is_refused_and_leaves_no_trace(name):
    model, (images, labels) = normed(), data(3, 8, 8)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for given, message in [
        ((images, labels + 2), "labels 2 to 5, but the network tells 4 classes apart"),
        ((images[:, :1], labels), "does not run on images|takes 3 channels, the images give it 1"),
    ]:
        with pytest.raises(InputError, match=message):
            initialized(model, name, given)
    maps = nn.Sequential(*list(model)[:-3], nn.Conv2d(6, 4, 1))
    with pytest.raises(InputError, match="not applicable: the network returns"):
        initialized(maps, name, (images, labels))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", ["grad-init", "meta-init", "grad-cosine"])
def test_nothing_that_is_not_finite_is_learned_from(name):
    model = normed()
    with torch.no_grad():
        model[-1].weight.fill_(3e38)
    with pytest.raises(InputError, match="objective is not finite in step 1"):
        initialized(model, name, data(3, 8, 8), steps=3)
    with pytest.raises(InputError, match="all parameters are zero"):
        initialized(
            nn.Sequential(nn.Flatten(), nn.Linear(12, 4).requires_grad_(False).apply(_zero)), name, data(3, 2, 2)
        )


def _zero(module):
    for parameter in module.parameters():
        parameter.data.zero_()


# ---------------------------------------------------------------- scales, gains, identities, waves


def test_hes_noise_times_a_scalar():
    plain, small = nn.Linear(50, 30), nn.Linear(50, 30)
    initialize_(plain, "he-normal", generator=0)
    initialize_(small, "he-normal", generator=0, scale=0.25)
    torch.testing.assert_close(small.weight, plain.weight / 4)


def test_norm_gain_sets_every_gain_and_nothing_else():
    model = small_resnet()
    before = {key: tensor.clone() for key, tensor in model.named_parameters()}
    initialized(model, "norm-gain", gain=0.3)
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 0.3).all()
            before.pop(f"{name}.weight")
    assert all(torch.equal(model.get_parameter(key), tensor) for key, tensor in before.items())


def test_zero_gamma_makes_every_residual_block_its_shortcut():
    model, (images, labels) = small_resnet(), data(3, 32, 32)
    initialized(model, "zero-gamma", (images, labels))
    block, x = model.layer1[0], torch.rand(2, 16, 8, 8, generator=generator("x"))
    assert torch.equal(block(x), x)  # what is not negative passes its last ReLU
    ends = [module for branch in residual_branches(model, images[:1]) for module in branch.last]
    assert len(ends) == 8 and all(not module.weight.any() for module in ends)
    assert sum(not m.weight.any() for m in model.modules() if isinstance(m, nn.BatchNorm2d)) == 8
    F.cross_entropy(model(images), labels).backward()
    assert all(module.weight.grad.any() for module in ends)  # the gains learn at once


@pytest.mark.parametrize(
    ("channels", "groups", "kernel"), [((4, 6), 1, 3), ((6, 4), 1, 5), ((4, 8), 4, 3), ((4, 4), 1, 1)]
)
def test_partial_dirac_passes_channels_on_and_draws_the_others(channels, groups, kernel):
    conv = nn.Conv2d(*channels, kernel, padding=kernel // 2, groups=groups)
    model = nn.Sequential(conv, nn.Flatten(), nn.Linear(3, 4))
    initialized(model, "partial-dirac")
    x = torch.randn(2, channels[0], 5, 5, generator=generator("x"))
    y, kept = conv(x), min(channels) // groups
    y, x = (z.unflatten(1, (groups, -1)) for z in (y, x))
    torch.testing.assert_close(y[:, :, :kept], x[:, :, :kept])
    others = conv.weight.unflatten(0, (groups, -1))[:, kept:]
    assert others.numel() == 0 or others.ne(0).all()
    assert not conv.bias.any()


def test_partial_dirac_of_a_share():
    model = nn.Sequential(nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8, 4))
    initialized(model, "partial-dirac", share=0.5)
    assert [int(f.count_nonzero()) for f in model[0].weight] == [1] * 4 + [72] * 4


def test_whitened_with_identities_begins_as_airbench_does():
    model = normed()
    report = initialized(model, "whitened", data(3, 8, 8), others="dirac", norm=1.0)
    x = torch.rand(1, 8, 5, 5, generator=generator("x"))
    torch.testing.assert_close(model[3](x), x[:, :, 1:-1, 1:-1])
    assert torch.equal(model[0].weight[:4], -model[0].weight[4:])
    assert report["3.weight"].why == "identities and He's noise times 1: a normalization follows"


@pytest.mark.parametrize(("rows", "columns"), [(6, 10), (10, 6), (64, 27)])
def test_sinusoidal_units_are_waves_of_their_number_at_glorots_variance(rows, columns):
    matrix = waves(rows, columns).double()
    assert matrix.var().item() == pytest.approx(2 / (rows + columns), rel=1e-5)
    spectrum = torch.fft.rfft(matrix).abs()
    for unit in range(1, rows + 1):
        frequency = min(unit % columns, -unit % columns)  # what the places can tell
        power = spectrum[unit - 1].square()
        assert power[frequency] >= 0.999 * power.sum()
    first = matrix[0] / matrix[0].abs().max()
    angle = 2 * math.pi * (torch.arange(columns) / columns + 1 / rows)
    torch.testing.assert_close(first * angle.sin().abs().max(), angle.sin().double(), atol=1e-5, rtol=0)


def test_sinusoidal_sets_every_layer_and_draws_nothing():
    rng = generator("t")
    model, state = small_resnet(), rng.get_state()
    report = initialize_(model, "sinusoidal", generator=rng)
    assert torch.equal(rng.get_state(), state)
    conv = model.layer2[0].conv1.weight
    torch.testing.assert_close(conv.flatten(1), waves(32, 16 * 9))
    assert report["fc.weight"].set and not model.fc.bias.any()
    with pytest.raises(InputError, match="not applicable: every wave of 'weight'"):
        initialize_(nn.Linear(1, 1), "sinusoidal", generator=0)


# ---------------------------------------------------------------- weight selection


def test_weight_selection_copies_the_entries_that_the_papers_rule_names():
    teacher, student = (
        nn.Sequential(nn.Conv2d(3, n, 3), nn.BatchNorm2d(n), nn.Flatten(), nn.Linear(n, 4)) for n in (8, 4)
    )
    with torch.no_grad():
        teacher[0].weight.copy_(torch.arange(8.0 * 27).view(8, 3, 3, 3))
        teacher[1].running_mean.copy_(torch.arange(8.0))
    head = student[3].weight.detach().clone()
    report = initialize_(student, "weight-selection", generator=0, teacher=teacher)
    assert torch.equal(student[0].weight, teacher[0].weight[[0, 2, 4, 6]])
    assert torch.equal(student[1].running_mean, torch.tensor([0.0, 2, 4, 6]))
    assert torch.equal(student[3].weight, head) and not report["3.weight"].set
    assert evenly_spaced(7, 3).tolist() == [0, 3, 6] and evenly_spaced(8, 3).tolist() == [0, 4, 7]
    assert evenly_spaced(6, 6).tolist() == list(range(6))


def test_weight_selection_of_a_smaller_resnet_takes_whole_channels():
    teacher, student = architectures.build("resnet18", 10, seed=2), small_resnet()
    initialize_(student, "weight-selection", generator=0, teacher=teacher.state_dict())
    picked = teacher.layer2[0].conv1.weight[::4][:, ::4]
    assert torch.equal(student.layer2[0].conv1.weight, picked)


def test_weight_selection_names_what_does_not_fit():
    with pytest.raises(
        InputError, match=r"not applicable: '0.weight' is \(2, 3\) in the teacher, \(4, 3\) in the model"
    ):
        initialize_(
            nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), "weight-selection", teacher=nn.Sequential(nn.Linear(3, 2))
        )
    with pytest.raises(InputError, match=r"not applicable: the teacher has no 'conv1.weight'"):
        initialize_(small_resnet(), "weight-selection", teacher=nn.Linear(2, 2))
    with pytest.raises(InputError, match="teacher is a int"):
        initialize_(small_resnet(), "weight-selection", teacher=3)


# ---------------------------------------------------------------- learned scales


def measured(model, given, measure):
    """A measure of a network as the initializers make it, on all the images."""
    with objective(model, given, generator("m"), "t") as goal, Elementary():
        return measure(goal, *given)


def gradient_length(goal, images, labels):
    values = goal.values()
    return length(goal.gradients(goal.losses(values, images, labels).mean(), values), 2).item()


def loss_after_a_step(goal, images, labels):
    values = goal.values()
    gradients = goal.gradients(goal.losses(values, images, labels).mean(), values)
    stepped = values | {key: values[key] - 0.1 * g for key, g in gradients.items()}
    return goal.losses(stepped, images, labels).mean().item()


def test_grad_init_lowers_the_loss_after_a_step_and_then_bounds_the_gradient():
    model, given = normed(), data(3, 8, 8)
    before = measured(model, given, loss_after_a_step)
    initialized(model, "grad-init", given, steps=40, batch_size=16, gamma=1e6, rate=0.03)
    assert measured(model, given, loss_after_a_step) < before - 0.1
    model = normed()
    before = measured(model, given, gradient_length)
    initialized(model, "grad-init", given, steps=60, batch_size=16, gamma=before / 2, rate=0.03)
    assert measured(model, given, gradient_length) < 0.7 * before


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_grad_init_multiplies_each_tensor_by_one_factor_not_below_its_bound(optimizer):
    model, start = normed(), normed()
    initialized(model, "grad-init", data(3, 8, 8), steps=3, rate=0.5, optimizer=optimizer)
    for after, before in zip(model.parameters(), start.parameters(), strict=True):
        if before.any():
            factors = after.detach() / before.detach()
            torch.testing.assert_close(factors, factors.flatten()[0].expand_as(factors), rtol=1e-4, atol=0)
            assert factors.flatten()[0] >= 0.01 - 1e-6
        else:
            assert not after.any()


def test_the_gradient_quotient_is_the_papers_equation():
    torch.manual_seed(0)
    model, (images, labels) = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False)), data(3, 2, 2)
    with objective(model, (images, labels), generator("t"), "t") as goal:
        quotient = gradient_quotient(goal, images, labels).item()
    weight = model[1].weight.detach().clone().requires_grad_()

    def loss(flat):
        return F.cross_entropy(images.flatten(1) @ flat.view(4, 12).T, labels)

    flat = weight.detach().flatten()
    g = torch.autograd.functional.jacobian(loss, flat)
    product = torch.autograd.functional.hessian(loss, flat) @ g
    epsilon = torch.where(g >= 0, 1e-5, -1e-5)
    assert quotient == pytest.approx(((g - product) / (g + epsilon) - 1).abs().mean().item(), rel=1e-3)


def test_meta_init_lowers_its_objective_and_moves_norms_of_weights_alone():
    model, start, given = normed(), normed(), data(3, 8, 8)
    for network in (model, start):
        initialize_(network, "he-normal", generator=0, scale=3.0)
    before = measured(model, given, lambda goal, *batch: gradient_quotient(goal, *batch).item())
    initialized(model, "meta-init", given, steps=30, batch_size=16, images="data", rate=0.05)
    assert measured(model, given, lambda goal, *batch: gradient_quotient(goal, *batch).item()) < 0.8 * before
    for after, first in zip(model.parameters(), start.parameters(), strict=True):
        if first.ndim < 2:
            assert torch.equal(after, first)
        else:
            torch.testing.assert_close(F.cosine_similarity(after.flatten(), first.flatten(), 0), torch.tensor(1.0))
    other = normed()
    initialized(
        other, "meta-init", (torch.zeros(16, 3, 8, 8), given[1]), steps=2
    )  # noise: of the images only the shape


def test_batch_norm_of_elementary_functions_is_batch_norm():
    norm, x = nn.BatchNorm2d(5), torch.randn(4, 5, 3, 3, generator=generator("x"))
    with torch.no_grad():
        norm.weight.uniform_(generator=generator("w"))
        norm.bias.uniform_(generator=generator("b"))
    norm.track_running_stats = False
    with Elementary():
        y = norm(x)
    torch.testing.assert_close(y, norm(x))


def test_grad_cosine_makes_gradients_of_parts_agree():
    model, given = normed(), data(3, 8, 8, n=32)

    def cosine(goal, images, labels):
        return gradient_cosine(goal, images, labels, 2)[1].item()

    before = measured(model, given, cosine)
    initialized(model, "grad-cosine", given, steps=30, batch_size=32, gamma=1e6)
    assert measured(model, given, cosine) > before + 0.05
    with pytest.raises(InputError, match="8 parts need 16 images; 12 given"):
        initialized(normed(), "grad-cosine", (given[0][:12], given[1][:12]), parts=8)


# ---------------------------------------------------------------- calibrated norms


def turns(model, given, rate):
    """The angle by which each normalized layer but the first turns in a step of gradient descent."""
    model.train()
    loss = F.cross_entropy(model(given[0]), given[1])
    layers = [model[3], model[6]]
    gradients = torch.autograd.grad(loss, [layer.weight for layer in layers])
    return [rate * (g.norm() / m.weight.norm()).item() for m, g in zip(layers, gradients, strict=True)]


def test_every_layer_turns_by_the_same_angle_in_its_first_step():
    model, given = normed(), data(3, 8, 8, n=64)
    initialized(model, "equal-angle", given, angle=0.05, rate=0.01, batch_size=64)
    assert turns(model, given, 0.01) == pytest.approx([0.05, 0.05], rel=0.02)
    initialized(model, "equal-angle", given, norm=0.2, batch_size=64)
    first, second = turns(model, given, 0.01)
    assert first == pytest.approx(second, rel=0.02)
    ratios = [(model[i].weight.norm() / math.sqrt(2 * n)).item() for i, n in ((3, 8), (6, 8))]
    assert math.sqrt(ratios[0] * ratios[1]) == pytest.approx(
        0.2, rel=0.15
    )  # n = out x in x taps x 2 / (out x taps) = 2 in


@pytest.mark.parametrize(
    ("rule", "formula"),
    [
        ("horizon", lambda g: (2 * 500) ** 0.25 * math.sqrt(0.01 * g)),
        ("equilibrium", lambda g: (0.01 * g**2 / (2 * 1e-3)) ** 0.25),
    ],
)
def test_norms_of_the_other_rules_are_their_formulas(rule, formula):
    model, given = normed(), data(3, 8, 8, n=64)
    initialized(model, "equal-angle", given, rule=rule, rate=0.01, horizon=500, decay=1e-3, batch_size=64)
    for layer, turn in zip((model[3], model[6]), turns(model, given, 1.0), strict=True):
        size = layer.weight.norm().item()
        assert size == pytest.approx(formula(turn * size**2), rel=0.02)  # |g| |w| = turn |w|^2 at rate 1


def test_shuffled_norms_are_the_same_norms_elsewhere():
    given, ratios = data(3, 32, 32), []
    for shuffled in (False, True):
        model = small_resnet()
        report = initialized(model, "equal-angle", given, shuffled=shuffled)
        ratios.append([float(row.detail.split()[0]) for row in report.rows if "times He's" in row.detail])
    assert ratios[0] != ratios[1] and sorted(ratios[0]) == sorted(ratios[1])
