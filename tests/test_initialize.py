"""``initialize_`` on what people have: it says what it did, all or nothing, on any network or with one clear line."""

import random
import warnings

import numpy as np
import pytest
import torch
import torchvision
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.initializers import initialize_, initializer, registry
from informed_init.seeds import generator
from torch import nn
from torch.nn.utils import parametrizations, prune


def tensors(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def small(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))


def states():
    return torch.get_rng_state(), random.getstate(), np.random.get_state()[1]


def same_states(first, second):
    return torch.equal(first[0], second[0]) and first[1] == second[1] and (first[2] == second[2]).all()


# ---------------------------------------------------------------- the report


def test_the_report_says_of_every_parameter_what_happened_to_it():
    model = small()
    before = tensors(model)
    report = initialize_(model, "he-normal", generator=0)
    assert [row.name for row in report.rows] == [name for name, _ in model.named_parameters()]
    assert [row.name for row in report.set] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    for row in report.rows:
        for key, found in ((row.scale_before, before), (row.scale_after, model.state_dict())):
            assert key == pytest.approx(found[row.name].square().mean().sqrt().item(), rel=1e-5)
    assert report["1.weight"].why == "BatchNorm2d: scale and shift stay as they are"
    assert report["0.weight"].shape == (8, 3, 3, 3)
    text = str(report)
    assert text.startswith("he-normal: 4 of 6 tensors set, 2 left")
    assert all(row.name in text and row.why in text for row in report.rows)
    assert "left    2  BatchNorm2d: scale and shift stay as they are" in repr(report)


def test_buffers_that_change_are_reported():
    source = small()
    source[1].running_mean.fill_(3.0)
    report = initialize_(small(), "pretrained", source=source.state_dict())
    assert "1.running_mean" in {row.name for row in report.set}
    assert report["4.weight"].why == "the head: it belongs to another task"


def test_a_shared_tensor_is_set_once_and_named_twice():
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    model[1].weight = model[0].weight
    report = initialize_(model, "orthogonal", generator=0)
    torch.testing.assert_close(model[0].weight @ model[0].weight.T, torch.eye(6))
    assert report["1.weight"].why == "the same tensor as 0.weight"


# ---------------------------------------------------------------- all or nothing


def failing(name, act):
    """Register an initializer that does something to the model and then fails."""

    def fail_(model, *, generator):
        act(model, generator)
        raise RuntimeError("in the middle")

    registry._FUNCTIONS.pop(name, None)
    return initializer(name)(fail_)


def test_an_error_leaves_no_trace():
    def act(model, rng):
        torch.randn(3, generator=rng)
        torch.randn(3)
        random.random()
        np.random.rand()
        model[0].weight.zero_()
        model[1].running_mean.add_(1)
        model[4].weight.requires_grad_(False)
        model[0].bias.grad = torch.ones(8)
        model[4].weight.grad.zero_()
        model.eval()
        model[1].momentum = 0.5
        model[0].register_forward_hook(lambda *_: None)
        model[2] = nn.GELU()
        parametrizations.weight_norm(model[4])

    failing("failing-test", act)
    model, rng = small(), generator("t")
    handle = model[0].register_forward_pre_hook(lambda *_: None)
    model[4].weight.grad = torch.full_like(model[4].weight, 2.0)
    parameters, before, global_before, own = list(model.parameters()), tensors(model), states(), rng.get_state()
    with pytest.raises(RuntimeError, match="in the middle"):
        initialize_(model, "failing-test", generator=rng)
    assert same(before, tensors(model))
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert all(p.requires_grad for p in parameters)
    assert model[0].bias.grad is None and (model[4].weight.grad == 2).all()
    assert model.training and model[1].training and model[1].momentum == 0.1
    assert not model[0]._forward_hooks and len(model[0]._forward_pre_hooks) == 1
    handle.remove()
    assert not model[0]._forward_pre_hooks
    assert type(model[2]) is nn.ReLU and type(model[4]) is nn.Linear
    assert torch.equal(rng.get_state(), own) and same_states(states(), global_before)
    initialize_(model, "he-normal")  # the model is whole


def resnet(**settings):
    return architectures.build("resnet18-small", 4, seed=1, **settings)


IMAGES = torch.randn(8, 3, 32, 32, generator=generator("images")), torch.arange(8) % 4


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lsuv", {"data": (torch.zeros(8, 3, 32, 32), IMAGES[1])}, "has variance 0 on the batch"),
        ("lsuv", {"data": (IMAGES[0][:, :1], IMAGES[1])}, r"does not run on images of \(1, 32, 32\)"),
        ("lsuv", {"data": (IMAGES[0] * torch.nan, IMAGES[1])}, "8 of 8 images hold NaN"),
        ("lsuv", {"data": IMAGES[0]}, r"data must be \(images, labels\), two tensors, not a Tensor"),
        ("lsuv", {"data": (IMAGES[0], IMAGES[1][:3])}, "must be 8 whole-number labels"),
        ("lsuv", {"data": (IMAGES[0].byte(), IMAGES[1])}, "torch.uint8; give images as the network takes them"),
        ("lsuv", {}, r"'lsuv' needs data=...: \(images, labels\)"),
        ("fixup", {"data": (IMAGES[0][:, :1], IMAGES[1])}, r"does not run on images of \(1, 32, 32\)"),
        (
            "pretrained",
            {"source": {"conv1.weight": torch.zeros(16, 3, 7, 7)}},
            "'bn1.weight' is .* nothing in the source",
        ),
        ("he-normall", {}, "did you mean 'he-normal'"),
        (["he-normal"], {}, "the initializer is a list; give its name"),
        (None, {}, "the initializer is a NoneType; give its name"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(name, settings, message):
    model, rng = resnet(), generator("t")
    before, global_before, own = tensors(model), states(), rng.get_state()
    with pytest.raises(InputError, match=message) as caught:
        initialize_(model, name, generator=rng, **settings)
    assert "\n" not in str(caught.value)
    assert same(before, tensors(model))
    assert torch.equal(rng.get_state(), own) and same_states(states(), global_before)


# ---------------------------------------------------------------- the generator


def test_zero_is_a_seed_and_a_seed_leaves_the_global_state_alone():
    first, second, other, own = small(), small(), small(), small()
    before = states()
    initialize_(first, "he-normal", generator=0)
    initialize_(second, "he-normal", generator=np.int64(0))
    initialize_(other, "he-normal", generator=7)
    initialize_(own, "he-normal", generator=torch.Generator().manual_seed(0))
    assert same_states(states(), before)
    assert torch.equal(first[0].weight, second[0].weight) and torch.equal(first[0].weight, own[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_without_a_generator_the_global_one_is_drawn_from_as_in_torch():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = nn.Linear(5, 5)
        torch.manual_seed(4)
        initialize_(model, "he-normal")
        torch.manual_seed(4)
        expected = nn.init.kaiming_normal_(torch.empty(5, 5), nonlinearity="relu")
        assert torch.equal(model.weight, expected)
        assert torch.equal(torch.randn(1), torch.randn(1, generator=torch.default_generator)) is False  # it advances


@pytest.mark.parametrize("wrong", [True, 1.5, "0", -1, 2**64, np.random.default_rng(0)])
def test_other_generators_are_refused(wrong):
    with pytest.raises(InputError, match="generator is"):
        initialize_(small(), "he-normal", generator=wrong)


def test_default_device_and_type_change_nothing():
    expected = small()
    initialize_(expected, "orthogonal", generator=0)
    model = small()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            initialize_(model, "orthogonal", generator=0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert same(tensors(expected), tensors(model))


# ---------------------------------------------------------------- kinds of models


def compiled():
    return torch.compile(resnet())


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_wrapped_models_are_the_networks_in_them(wrap):
    plain, wrapped = resnet(), resnet()
    report = initialize_(
        wrap(wrapped) if wrap is not torch.optim.swa_utils.AveragedModel else wrapped, "he-normal", generator=0
    )
    initialize_(plain, "he-normal", generator=0)
    assert same(tensors(plain), tensors(wrapped))
    assert report.rows[0].name == "conv1.weight"


def test_models_without_ordinary_weights_are_refused():
    import torch.ao.nn.quantized as quantized

    with torch.device("meta"):
        meta = nn.Linear(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script, quantized_layer = torch.jit.script(nn.Linear(2, 2)), quantized.Linear(2, 2)
    with torch.inference_mode():
        inference = nn.Linear(2, 2)
    for model, message in [
        (script, "TorchScript; initialize the network before"),
        (meta, "'weight' is on the meta device and has no values; call model.to_empty"),
        (nn.LazyLinear(3), "'weight' has no shape yet; run one batch"),
        (quantized_layer, "is quantized"),
        (inference, "inference_mode"),
        (torch.zeros(3), "the model is a Tensor, not a torch.nn.Module"),
        (nn.Sequential(nn.Flatten()), "Sequential has no convolution, linear layer or attention: nothing would be set"),
    ]:
        with pytest.raises(InputError, match=message):
            initialize_(model, "he-normal", generator=0)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_number_formats_and_memory_formats_are_kept(kind):
    model = resnet().to(kind, memory_format=torch.channels_last)
    plain = resnet()
    initialize_(model, "orthogonal", generator=0)
    initialize_(plain, "orthogonal", generator=0)
    assert model.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    for key, tensor in plain.named_parameters():
        assert torch.equal(model.get_parameter(key), tensor.to(kind))


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
def test_convolutions_of_any_dimension_and_transposed_ones_are_set(layer, groups):
    transposed = getattr(nn, layer.__name__.replace("Conv", "ConvTranspose"))
    model = nn.Sequential(layer(64, 128, 3, groups=groups), transposed(128, 64, 3, groups=groups))
    report = initialize_(model, "he-normal", generator=0)
    assert len(report.set) == 4
    taps = 3 ** (model[0].weight.ndim - 2)
    for conv, fan_in in ((model[0], 64), (model[1], 128)):
        assert conv.weight.std().item() == pytest.approx((2 / (fan_in // groups * taps)) ** 0.5, rel=0.03)
        assert not conv.bias.any()


def test_transposed_orthogonal_layers_are_isometries():
    model = nn.ConvTranspose2d(6, 10, 1, bias=False)
    initialize_(model, "orthogonal", generator=0)
    x = torch.randn(3, 6, 4, 4, generator=generator("x"))
    torch.testing.assert_close(model(x).square().sum(), x.square().sum())


# ---------------------------------------------------------------- attention


class Attention(nn.Module):
    """A small vision transformer on ``nn.MultiheadAttention``, as torchvision's."""

    def __init__(self, kdim=None):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True, kdim=kdim, vdim=kdim)
        self.mlp = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        other = y[..., : self.attention.kdim]
        x = x + self.attention(y, other, value=other, need_weights=False)[0]
        return self.head((x + self.mlp(x)).mean(1))


@pytest.mark.parametrize("kdim", [None, 8])
def test_attention_is_no_exception(kdim):
    for name in ("zero", "he-normal", "orthogonal", "zero-hadamard", "dirac"):
        model = Attention(kdim)
        report = initialize_(model, name, generator=0)
        left = {row.name for row in report.left}
        assert left == {"norm.weight", "norm.bias", "mlp.0.weight", "mlp.0.bias"}
    model = Attention(kdim)
    initialize_(model, "orthogonal", generator=0)
    blocks = model.attention.in_proj_weight.chunk(3) if kdim is None else [model.attention.k_proj_weight]
    for block in blocks:  # queries, keys and values are a layer each
        torch.testing.assert_close(block.T @ block, torch.eye(kdim or 16), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kdim", [None, 8])
def test_lsuv_scales_every_layer_of_a_transformer(kdim):
    model = Attention(kdim)
    report = initialize_(model, "lsuv", generator=0, data=IMAGES)
    assert not report.cautions
    seen = {}
    model.patch.register_forward_hook(lambda m, i, out: seen.update(patch=out))
    model.norm.register_forward_hook(lambda m, i, out: seen.update(norm=out))
    model.attention.register_forward_hook(lambda m, i, out: seen.update(attention=out[0]))
    model.head.register_forward_hook(lambda m, i, out: seen.update(head=out))
    with torch.no_grad():
        model(IMAGES[0])
        attention = model.attention
        own = attention.in_proj_weight.chunk(3) if kdim is None else [attention.v_proj_weight, attention.q_proj_weight]
        seen |= {f"projection {i}": seen["norm"][..., : block.shape[1]] @ block.T for i, block in enumerate(own)}
    for name in set(seen) - {"norm"}:
        assert seen[name].std().item() == pytest.approx(1, abs=1e-3), name


def test_lsuv_names_what_did_not_run():
    model = resnet()
    model.spare = nn.Linear(3, 3)
    with pytest.warns(registry.InitializationWarning, match="1 weights did not run on the batch .*: spare.weight"):
        report = initialize_(model, "lsuv", generator=0, data=IMAGES)
    assert report["spare.weight"].why == "orthogonal; it did not run on the batch"


def test_fixup_zeroes_attention_branches():
    model = Attention()
    report = initialize_(model, "fixup", generator=0, data=IMAGES)
    assert not model.attention.out_proj.weight.any() and not model.mlp[3].weight.any() and not model.head.weight.any()
    assert report["attention.out_proj.weight"].why == "zero: the end of a residual branch"
    queries, _, values = model.attention.in_proj_weight.chunk(3)
    assert queries.std().item() == pytest.approx((2 / 16) ** 0.5, rel=0.15)
    assert values.std().item() == pytest.approx((2 / 16) ** 0.5 * 2**-0.5, rel=0.15)  # L = 2 branches of m = 2 layers
    assert not model(IMAGES[0]).any()


# ---------------------------------------------------------------- computed weights


COMPUTED = {
    "weight norm": lambda layer: parametrizations.weight_norm(layer),
    "spectral norm": lambda layer: parametrizations.spectral_norm(layer),
    "orthogonal": lambda layer: parametrizations.orthogonal(layer),
    "pruned": lambda layer: prune.random_unstructured(layer, "weight", 0.3),
    "old weight norm": lambda layer: nn.utils.weight_norm(layer),
    "old spectral norm": lambda layer: nn.utils.spectral_norm(layer),
}


def computed(kind):
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return nn.Sequential(COMPUTED[kind](nn.Conv2d(8, 8, 3, padding=1)), nn.ReLU(), nn.Conv2d(8, 4, 1))


@pytest.mark.parametrize("kind", ["weight norm", "old weight norm", "spectral norm", "old spectral norm", "pruned"])
def test_computed_weights_are_set_where_the_layer_uses_them(kind):
    plain = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1))
    initialize_(plain, "he-normal", generator=0)
    model = computed(kind)
    report = initialize_(model, "he-normal", generator=0)
    model(torch.randn(2, 8, 5, 5))
    now, drawn = model[0].weight.detach(), plain[0].weight.detach()
    assert not model[0].bias.any()
    if kind == "pruned":
        mask = model[0].weight_mask.bool()
        assert 0.6 < mask.float().mean() < 0.8
        assert torch.equal(now, drawn * mask)
    else:
        factor = (now * drawn).sum() / (drawn * drawn).sum()
        torch.testing.assert_close(now, factor * drawn, atol=1e-2 * now.std().item(), rtol=1e-2)
        if "weight norm" in kind:
            assert factor.item() == pytest.approx(1, rel=1e-4)
        else:
            assert torch.linalg.matrix_norm(now.flatten(1), 2).item() == pytest.approx(1, rel=0.02)
    raw = {name for name, _ in model[0].named_parameters(prefix="0") if "bias" not in name}
    assert raw and all(report[name].set and report[name].why.startswith("drawn, through") for name in raw)


@pytest.mark.parametrize(
    ("kind", "name"), [("orthogonal", "he-normal"), ("weight norm", "zero"), ("spectral norm", "zero")]
)
def test_what_a_computed_weight_cannot_be_is_refused(kind, name):
    model = computed(kind)
    before = tensors(model)
    with pytest.raises(InputError, match="initialize the network first"):
        initialize_(model, name, generator=0)
    assert same(before, tensors(model))


def test_an_unknown_way_to_compute_a_weight_is_refused():
    class Scaled(nn.Conv2d):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.raw = nn.Parameter(self.weight.detach())
            del self.weight

        @property
        def weight(self):
            return self.raw * 2

    with pytest.raises(InputError, match=r"'0\.weight' is no parameter"):
        initialize_(nn.Sequential(Scaled(3, 3, 3)), "he-normal", generator=0)


# ---------------------------------------------------------------- names


def test_a_name_is_registered_once():
    with pytest.raises(InputError, match=r"'gabor' is registered by informed_init\.initializers\.gabor"):

        @initializer("gabor")
        def mine_(model, *, generator):
            """Mine."""

    first = failing("registered-once", lambda *_: None)
    assert initializer("registered-once")(first) is first  # a cell of a notebook that runs again

    def other_(model, *, generator):
        """Another."""

    with pytest.raises(InputError, match="give yours another name"):
        initializer("registered-once")(other_)


def test_resnet50_of_torchvision_is_done_before_one_notices():
    model = torchvision.models.resnet50()
    assert len(initialize_(model, "he-normal", generator=0).set) == 55  # 54 weights, and the bias of the head
