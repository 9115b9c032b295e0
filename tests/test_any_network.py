"""Banks on other networks than the study's: the layers they fill, at what scale, and what the report says of the rest."""

import json
import warnings

import pytest
import torch
import torch.nn.functional as F
import torchvision
from informed_init import build_bank, initialize_
from informed_init.banks.bank import Bank, LayerBank, bankable_layers
from informed_init.banks.shipped import find_bank
from informed_init.channels.normalization import normalizers
from informed_init.errors import InputError
from informed_init.initializers.layers import he_std
from informed_init.seeds import generator
from safetensors.torch import save_file
from torch import nn

NAME = "resnet18-cifar100-euclid-k2"
OWN = "clustered, at the bank's own scale: a normalization follows"
HE = "clustered, at He's scale: no normalization follows"


def built(make, **settings):
    """A network with its default weights, from a seed of its own."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return make(**settings)


def norm_of(model, names):
    modules = dict(model.named_modules())
    return [norm is not None for norm in normalizers(model, [modules[name] for name in names]).values()]


# ---------------------------------------------------------------- what follows a layer


class PreActivation(nn.Module):
    """Norms ahead of the convolutions, the sum in between; the last convolution meets the norm of the end."""

    def __init__(self):
        super().__init__()
        self.stem, self.first, self.second = (
            nn.Conv2d(3, 8, 3),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, padding=1),
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.stem(x)
        y = self.first(F.relu(self.norms[0](x)))
        x = x + self.second(F.relu(self.norms[1](y)))
        return self.head(F.relu(self.norms[2](x)).mean((2, 3)))


class Functional(nn.Module):
    """A layer norm that is no module; a convolution whose output leaves by two ways, of which one has no norm."""

    def __init__(self):
        super().__init__()
        self.normed, self.forked, self.norm = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = F.relu(F.layer_norm(self.normed(x), [4, 6, 6]))
        x = self.forked(x)
        return self.head(torch.cat([self.norm(x).mean((2, 3)), x.mean((2, 3))], 1))


class Untraceable(nn.Module):
    """A path that depends on values: told by the order in which modules were made."""

    def __init__(self):
        super().__init__()
        self.normed, self.norm, self.bare = nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3)
        self.drop, self.head = nn.Dropout(), nn.Linear(4, 2)

    def forward(self, x):
        x = self.norm(self.normed(x))
        return self.head(self.bare(x if x.sum() > 0 else -x).mean((2, 3)))


class Frozen(nn.Module):
    """A batch norm whose statistics never change normalizes nothing at the start."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), torchvision.ops.FrozenBatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x))


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (PreActivation, {"stem": True, "first": True, "second": True}),
        (Functional, {"normed": True, "forked": False}),
        (Untraceable, {"normed": True, "bare": False}),
        (Frozen, {"conv": False}),
    ],
)
def test_a_norm_follows_where_every_path_meets_one_before_a_weight(make, layers):
    assert norm_of(make(), layers) == list(layers.values())


def test_looking_at_a_network_leaves_no_trace():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.register_buffer("calls", torch.zeros(1))
            self.kept = None

        def forward(self, x):
            self.calls += 1
            self.kept = self.conv(x + torch.rand(1))
            return self.kept

    model, seen = Counting(), []
    model.register_forward_hook(lambda *_: seen.append(1))
    state = torch.get_rng_state()
    assert norm_of(model, ["conv"]) == [False]
    assert not seen and not model.calls and model.kept is None
    assert torch.equal(torch.get_rng_state(), state)


# ---------------------------------------------------------------- scale


def test_networks_with_norms_keep_the_banks_scale_and_others_get_hes():
    bank = find_bank(NAME)
    for make, why in ((torchvision.models.vgg11_bn, OWN), (torchvision.models.vgg11, HE)):
        model = built(make, num_classes=4)
        report = initialize_(model, "clustered", bank=NAME, generator=0)
        for name, conv in bankable_layers(model):
            row = report[f"{name}.weight"]
            assert row.set and row.why == why
            source = row.detail.split(",")[0].removeprefix("bank layer ")
            wanted = he_std(conv) if why == HE else bank.layers[source].drawn_std()
            assert row.scale_after == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("name", ["clustered", "he-scaled", "shuffled", "gabor"])
def test_rescale_can_be_said(name):
    stds = {}
    for rescale in ("none", "he", "auto"):
        for norm in (False, True):
            model = nn.Sequential(nn.Conv2d(16, 32, 3), *([nn.BatchNorm2d(32)] if norm else []), nn.ReLU())
            settings = {} if name == "gabor" else {"bank": NAME, "match": "depth"}
            if name != "gabor":
                settings["bank"] = one_layer(3)
            initialize_(model, name, generator=0, rescale=rescale, **settings)
            stds[rescale, norm] = model[0].weight.square().mean().sqrt().item()
    he = he_std(nn.Conv2d(16, 32, 3))
    assert stds["he", True] == stds["he", False] == stds["auto", False] == pytest.approx(he, rel=0.05)
    assert stds["none", True] == stds["none", False] == stds["auto", True] != pytest.approx(he, rel=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg19"])
def test_networks_without_norms_learn_from_a_bank(name):
    model = built(getattr(torchvision.models, name), num_classes=4, dropout=0.0)
    initialize_(model, "clustered", bank=NAME, generator=0)
    last = [module for module in model.features if isinstance(module, nn.Conv2d)][-1]
    assert last.weight.std() > 1e-2
    images, labels = torch.randn(8, 3, 32, 32, generator=generator("x")), torch.arange(8) % 4
    optimizer = torch.optim.Adam(model.features.parameters(), 3e-4)
    with torch.random.fork_rng():
        for _ in range(15):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert loss < 0.7


# ---------------------------------------------------------------- which layer


def one_layer(size, k=2, std=0.05, name="own"):
    rng = generator("one layer", size)
    filters = 0.02 * torch.randn(k, size, size, generator=rng)
    return Bank("euclid", {name: LayerBank(filters, torch.full((k,), 1 / k), std)}, ["planted"])


def test_depthwise_layers_get_as_many_filters_as_channels():
    model = nn.Sequential(nn.Conv2d(64, 64, 3, groups=64), nn.BatchNorm2d(64), nn.Conv2d(1, 64, 3), nn.BatchNorm2d(64))
    report = initialize_(model, "clustered", bank=one_layer(3), match="depth", generator=0)
    for conv in (model[0], model[2]):
        assert len(conv.weight.flatten(1).unique(dim=0)) == 64
        assert conv.weight.square().mean().sqrt().item() == pytest.approx(0.05, rel=0.15)  # the sources' own
    assert report["0.weight"].why == f"{OWN}, spread around the centers: one filter a channel"


def test_a_first_layers_filters_fill_first_layers_alone():
    bank = find_bank(NAME)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 7),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 7, groups=8),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 64, 7),
        nn.ReLU(),
    )
    report = initialize_(model, "clustered", bank=NAME, generator=0)
    assert {row.name for row in report.set} == {"0.weight"}
    assert report["4.weight"].why == "7x7 convolution: the bank's 7x7 filters are those of a first layer"
    assert report["2.weight"].why == "depthwise 7x7 convolution: the bank's 7x7 filters are those of a first layer"
    drawn = model[0].weight.flatten(0, 1).unique(dim=0)
    assert torch.equal(drawn, bank.layers["conv1"].filters.unique(dim=0))


def test_what_a_bank_leaves_is_said_by_kind():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 5), nn.ConvTranspose2d(4, 4, 3), nn.Conv3d(4, 4, 3),
        nn.Conv1d(4, 4, 3), nn.Linear(4, 4), nn.Embedding(3, 4), nn.MultiheadAttention(4, 1), nn.Conv2d(4, 4, 3),
    )  # fmt: skip
    model.register_parameter("token", nn.Parameter(torch.zeros(1, 4)))
    report = initialize_(model, "clustered", bank=one_layer(3), match="depth", layers=2, generator=0)
    rest = "a bank is for 2-D convolutions larger than 1x1"
    assert {row.name: row.why for row in report.left if "bias" not in row.name} == {
        "token": "Sequential: not what clustered sets",
        "1.weight": f"1x1 convolution: {rest}",
        "2.weight": "5x5 convolution: the bank has no 5x5 filters",
        "3.weight": f"transposed 3x3 convolution: {rest}",
        "4.weight": f"3x3x3 convolution: {rest}",
        "5.weight": f"1-d convolution of 3: {rest}",
        "6.weight": f"linear layer: {rest}",
        "7.weight": "Embedding: not what clustered sets",
        "8.in_proj_weight": f"attention: {rest}",
        "8.out_proj.weight": f"linear layer: {rest}",
        "9.weight": "3x3 convolution beyond the first 2",
    }


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_names_match_through_wrappers(wrap):
    plain, wrapped = (built(torchvision.models.resnet18) for _ in range(2))
    for model in (plain, wrap(wrapped)):
        initialize_(model, "clustered", bank=NAME, match="name", generator=0)
    assert torch.equal(plain.layer4[1].conv2.weight, wrapped.layer4[1].conv2.weight)


def test_a_compiled_part_has_its_names_and_its_norms():
    model = built(torchvision.models.resnet18)
    model.layer1 = torch.compile(model.layer1)
    report = initialize_(model, "clustered", bank=NAME, match="name", generator=0)
    row = next(row for row in report.rows if row.name.startswith("layer1._orig_mod.0.conv1"))
    assert row.set and row.why == OWN


# ---------------------------------------------------------------- bad input


def planted(path, header, tensors):
    save_file(tensors, path, metadata={"bank": header if isinstance(header, str) else json.dumps(header)})
    return path


GOOD = {"method": "euclid", "sources": [], "layers": {"0": {"std": 1.0, "inertia": 0.0}}, "facts": {}}
FILTERS = {"0/filters": torch.ones(2, 3, 3), "0/shares": torch.ones(2) / 2}


@pytest.mark.parametrize(
    ("header", "changes", "message"),
    [
        ("{", {}, "not a bank (JSONDecodeError in its header)"),
        ({}, {}, "not a bank (KeyError in its header)"),
        (GOOD | {"layers": []}, {}, "not a bank (AttributeError in its header)"),
        (GOOD | {"layers": {}}, {}, "a bank without layers"),
        (GOOD | {"layers": {"0": {"std": 1.0, "other": 2}}}, {}, "not a bank (TypeError in its header)"),
        (GOOD | {"layers": {"0": {"std": "a", "inertia": 0}}}, {}, "layer '0' has the standard deviation a"),
        (GOOD, {"0/filters": torch.full((2, 3, 3), torch.nan)}, "layer '0' has filters that are NaN or infinite"),
        (GOOD, {"0/shares": torch.ones(3)}, "layer '0' has filters (2, 3, 3) with shares (3,)"),
        (GOOD, {"0/shares": torch.tensor([1.0, -1.0])}, "shares that are negative"),
        (GOOD, {"0/filters": torch.ones(2, 9)}, "layer '0' has filters (2, 9) with shares (2,)"),
        (GOOD, {"0/mean": torch.ones(9)}, "a mean or a covariance without the other"),
        (GOOD, {"0/live": torch.ones(2, 2, dtype=torch.bool)}, "live taps (2, 2)"),
    ],
)
def test_malformed_banks_are_one_line(tmp_path, header, changes, message):
    path = planted(tmp_path / "bank.safetensors", header, FILTERS | changes)
    with pytest.raises(InputError) as caught:
        find_bank(path)
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_bank_is_one_line(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    before = model[0].weight.clone()
    for bank, message in [
        ("resnet18-cifar100-euclid-k3", f"no bank and no file .*; did you mean '{NAME}'"),
        (tmp_path / "weights.pt", "not a bank, which is a .safetensors file"),
        (tmp_path / "cut.safetensors", "not a whole safetensors file"),
        (tmp_path / "none.safetensors", "no such file"),
        (tmp_path / "weights.safetensors", "a safetensors file, but not a bank"),
        (None, "'clustered' needs bank=...: a name of informed_init.banks"),
        ({"0": 1}, "bank is a dict"),
        (one_layer(5), "the bank fits no layer: it holds kernels 5x5, the network's are 3x3"),
        (Bank("euclid", {"0": LayerBank(torch.full((1, 3, 3), torch.inf), torch.ones(1), 1.0)}, []), "NaN or infinite"),
        (Bank("euclid", {"0": LayerBank(torch.zeros(1, 3, 3), torch.ones(1), 0.0)}, []), "is all zeros"),
    ]:
        with pytest.raises(InputError, match=message):
            initialize_(model, "clustered", bank=bank, generator=0)
        assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("layers", [-1, 0, "3", 1.5, 2])
def test_layers_is_a_number_of_layers_that_are_there(layers):
    with pytest.raises(InputError, match=r"layers is|needs 2 2-D convolutions"):
        initialize_(nn.Sequential(nn.Conv2d(3, 4, 3)), "clustered", bank=one_layer(3), layers=layers, generator=0)


# ---------------------------------------------------------------- banks of one's own


def test_a_bank_of_ones_own_models_is_a_line(tmp_path):
    first, second = (
        nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 4, 1)) for _ in range(2)
    )
    bank = build_bank([first, second])
    assert list(bank.layers) == ["0", "2"] and len(bank.layers["0"].filters) == 2
    save_file(second.state_dict(), tmp_path / "second.safetensors")
    again = build_bank({"a": first.state_dict(), "b": tmp_path / "second.safetensors"})
    assert torch.equal(bank.layers["2"].filters, again.layers["2"].filters)
    assert again.sources == ["a", str(tmp_path / "second.safetensors")]
    again.save(tmp_path / "mine.safetensors")
    report = initialize_(first, "clustered", bank=tmp_path / "mine.safetensors", generator=0)
    assert {row.name for row in report.set} == {"0.weight", "2.weight"}
    assert build_bank(first, method="gaussian", layers=["2"]).layers["2"].covariance is not None
    compiled = build_bank(torch.compile(first))
    assert list(compiled.layers) == ["0", "2"]


def test_models_that_make_no_bank_are_named():
    conv = nn.Sequential(nn.Conv2d(3, 8, 3))
    broken = nn.Sequential(nn.Conv2d(3, 8, 3))
    nn.init.constant_(broken[0].weight, torch.nan)
    for k in (0, -1, 2.5, True, "2"):
        with pytest.raises(InputError, match=r"build_bank: k is .*; give a whole number of at least 1"):
            build_bank([conv], k=k)
    for models, message in [
        (None, "models is a NoneType; give trained networks"),
        ([], "no networks"),
        ([nn.Linear(2, 2)], "no 2-D convolution larger than 1x1"),
        ([conv, nn.Sequential(nn.Conv2d(3, 8, 5))], r"layer '0' of model 1 has a kernel \(5, 5\)"),
        ([conv, nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3))], "model 1 has no layer '0'; it has 1"),
        ([conv, broken], "layer '0' of model 1 holds NaN"),
        (["trained.pt"], "not a .safetensors file"),
        ([3], "model 0 is a int"),
    ]:
        with pytest.raises(InputError, match=message):
            build_bank(models)


# ---------------------------------------------------------------- starts that cannot train


@pytest.mark.parametrize(
    ("name", "network", "message"),
    [
        ("zero-hadamard", "resnet18", "the gradient on random images has the norm .*: the network can hardly train"),
        ("dirac", "mobilenet_v3_small", "the gradient on random images has the norm .*: the network can hardly train"),
        ("dirac", "efficientnet_b0", "the gradient on random images is not finite: the network cannot train"),
        ("zero", "squeezenet1_1", "no weight gets a gradient on random images"),
    ],
)
def test_a_start_that_cannot_train_is_said(name, network, message):
    model = built(getattr(torchvision.models, network), num_classes=4)
    flags = [p.requires_grad_(i % 3 > 0).requires_grad for i, p in enumerate(model.parameters())]
    buffers = {key: buffer.clone() for key, buffer in model.named_buffers()}
    state = torch.get_rng_state()
    with pytest.warns(UserWarning, match=message):
        report = initialize_(model, name, generator=0)
    assert len(report.cautions) == 1 and report.cautions[0] in str(report)
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(torch.equal(buffer, buffers[key]) for key, buffer in model.named_buffers())
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_is_said_of_starts_that_train():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not initialize_(built(torchvision.models.resnet18), "dirac", generator=0).cautions
        assert not initialize_(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), "zero-hadamard", generator=0).cautions
        assert not initialize_(nn.TransformerEncoderLayer(8, 2, 8), "dirac", generator=0).cautions  # no images to try


# ---------------------------------------------------------------- everything


def check_report(model, before, report):
    """The report is what a comparison by hand says."""
    rows = {row.name: row for row in report.rows}
    shared = dict(model.named_parameters(remove_duplicate=False))
    assert set(shared) <= set(rows)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name, row in rows.items():
        tensor = shared[name] if name in shared else model.get_buffer(name)
        changed = not torch.equal(tensor, before[name])
        assert row.set or not changed, name
        if tensor.numel():
            assert row.scale_before == pytest.approx(before[name].square().mean().sqrt().item(), rel=1e-3, abs=1e-9), (
                name
            )
            assert row.scale_after == pytest.approx(
                tensor.detach().square().mean().sqrt().item(), rel=1e-3, abs=1e-9
            ), name
        if not changed and row.set:
            assert not tensor.any() or row.why.startswith("the same"), name  # what was zero, and is set to zero
        owner = modules[name.rpartition(".")[0]]
        if row.why.startswith("1x1"):
            assert owner.kernel_size == (1, 1) and not row.set
        if isinstance(owner, nn.Linear) and report.initializer == "clustered":
            assert not row.set
        if row.why in (OWN, HE):
            assert max(owner.kernel_size) > 1 and name.endswith("weight")


def initialize_and_check(make, memory=2e8):
    with torch.device("meta"):
        model = built(make)
    if sum(p.numel() for p in model.parameters()) > memory:
        pytest.skip("more memory than a test should take")
    model = model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor.fill_(1)
    before = {
        key: t.detach().clone() for key, t in [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
    }
    kernels = {conv.kernel_size for _, conv in bankable_layers(model)}
    first = bankable_layers(model)[0][1].kernel_size if kernels else None
    state = torch.get_rng_state()
    if (3, 3) in kernels or first == (7, 7):
        report = initialize_(model, "clustered", bank=NAME, generator=0)
        assert report.set
    else:
        with pytest.raises(InputError, match=r"the bank fits no layer|needs a 2-D convolution larger than 1x1"):
            initialize_(model, "clustered", bank=NAME, generator=0)
        report = initialize_(model, "normal", generator=0)
    assert torch.equal(torch.get_rng_state(), state)
    check_report(model, before, report)


CLASSIFIERS = [
    name
    for name in torchvision.models.list_models(module=torchvision.models)
    if not name.startswith(("regnet", "inception"))  # these cannot be made without memory
]


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_of_torchvision(name):
    settings = {"init_weights": False} if name == "googlenet" else {}
    initialize_and_check(lambda: torchvision.models.get_model(name, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "inception_v3",
        *(f"regnet_x_{size}" for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf")),
        *(
            f"regnet_y_{size}" for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf")
        ),  # larger ones differ in numbers alone
    ],
)
def test_classifiers_of_torchvision_that_are_made_with_memory(name):
    settings = {"init_weights": False} if name == "inception_v3" else {}
    model = built(torchvision.models.get_model, name=name, **settings)
    before = {key: t.detach().clone() for key, t in [*model.named_parameters(), *model.named_buffers()]}
    check_report(model, before, initialize_(model, "clustered", bank=NAME, generator=0))


TIMM = """
    resnet18 resnetv2_50 nf_resnet26 eca_nfnet_l0 convnext_atto convnextv2_atto efficientnet_b0 mobilenetv3_small_100 ghostnet_100
    repvgg_a0 vgg11 hrnet_w18_small res2net50_26w_4s resnest14d dla34 regnetx_002 rexnet_100 mixnet_s botnet26t_256 coat_lite_tiny
    levit_128s poolformer_s12 fastvit_t8 inception_next_atto densenet121 skresnet18 dpn48b selecsls42 edgenext_xx_small
    crossvit_tiny_240 mobilevit_xxs xception41 vit_tiny_patch16_224 swin_tiny_patch4_window7_224 mixer_s32_224
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM.split())
def test_networks_of_timm_of_different_kinds(name):
    timm = pytest.importorskip("timm")
    model = built(lambda: timm.create_model(name, num_classes=10))
    for initializer, settings in (("clustered", {"bank": NAME}), ("he-normal", {}), ("gabor", {})):
        before = {
            k: t.detach().clone() for k, t in [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
        }
        try:
            report = initialize_(model, initializer, generator=0, **settings)
        except InputError as error:
            assert initializer == "clustered" and "the bank fits no layer" in str(error), (initializer, error)
        else:
            check_report(model, before, report)


def test_a_parametrization_that_draws_takes_a_named_seed_and_leaves_the_global_state():
    states = []
    for seed in (1, 2):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 5))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view(parameter.shape))
        torch.manual_seed(seed)
        torch.nn.utils.parametrizations.orthogonal(model[-1])
        before = torch.get_rng_state()
        initialize_(model, "orthogonal", generator=0)
        assert torch.equal(torch.get_rng_state(), before)
        states.append(model.state_dict())
    for key, tensor in states[0].items():
        assert torch.equal(tensor, states[1][key]), key


def test_what_a_weight_is_computed_from_keeps_its_memory_format():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    torch.nn.utils.parametrizations.weight_norm(model[0])
    before = {name: parameter.stride() for name, parameter in model.named_parameters()}
    initialize_(model, "gabor", generator=0)
    assert {name: parameter.stride() for name, parameter in model.named_parameters()} == before


def test_a_weight_whose_elements_share_memory_is_refused():
    model = nn.Sequential(nn.Conv2d(8, 8, 3))
    model[0].weight = nn.Parameter(torch.randn(1, 8, 3, 3).expand(8, 8, 3, 3))
    with pytest.raises(InputError, match=r"'0\.weight' has elements that share memory"):
        initialize_(model, "he-normal", generator=0)
