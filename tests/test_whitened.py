"""Whitened eigenvectors in the first layer and small norms in the others: what ``whitened`` promises."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.initializers.patches import first_patches, spectrum
from informed_init.initializers.registry import InitializationWarning
from informed_init.seeds import generator
from torch import nn


def smooth(n, *shape, seed="smooth"):
    """Images whose neighboring pixels are alike, as those of photographs; labels of four classes."""
    images = torch.randn(n, *shape, generator=generator(seed))
    pool = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[len(shape) - 1]
    images = images + 3 * pool(images, 3, 1, 1)
    return images / images.std(), torch.arange(n) % 4


def network(conv, norm=True):
    """A first layer, a second that is normalized as the first is, and a head."""
    dims = conv.weight.ndim - 2
    second = type(conv)(conv.out_channels, 32, 1)
    norms = [(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1](n) for n in (conv.out_channels, 32)]
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[dims - 1](1)
    layers = [conv, norms[0], nn.ReLU(), second, norms[1], nn.ReLU(), pool, nn.Flatten(), nn.Linear(32, 4)]
    return nn.Sequential(*layers) if norm else nn.Sequential(*(m for m in layers if m not in norms))


def initialized(model, data, seed="t", **settings):
    return initialize_(model, "whitened", generator=generator(seed), data=data, **settings)


def all_patches(conv, images):
    """Every patch of images under a 2-D convolution of one group, mean removed, ``(n, d)``."""
    columns = F.unfold(images, conv.kernel_size, conv.dilation).transpose(1, 2).reshape(-1, conv.weight[0].numel())
    return columns - columns.mean(0)


def responses(conv, images):
    return all_patches(conv, images) @ conv.weight.detach().flatten(1).T


# ---------------------------------------------------------------- the first layer


def test_planted_eigenvectors_are_recovered_with_both_signs_and_the_largest_first():
    basis = nn.init.orthogonal_(torch.empty(12, 12), generator=generator("basis"))
    variances = torch.tensor([0.5**i for i in range(12)])
    inputs = torch.randn(20_000, 12, generator=generator("z")) * variances.sqrt() @ basis + 5
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
    with pytest.warns(InitializationWarning, match="the first layer is linear.*use informed, or first='he'"):
        report = initialized(model, (inputs, torch.zeros(20_000, dtype=torch.long)))
    weight = model[0].weight.detach()
    assert torch.equal(weight[:4], -weight[4:])
    lengths = weight.norm(dim=1)
    assert ((weight[:4] / lengths[:4, None] * basis[:4]).sum(1).abs() > 0.99).all()
    expected = (variances[:4] / variances.mean() + 0.01).rsqrt()
    torch.testing.assert_close(lengths[:4] / lengths[0], expected / expected[0], rtol=0.03, atol=0)
    assert report["0.weight"].detail == "4 leading of 12 directions, both signs"


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_responses_of_patches_are_uncorrelated_and_alike_at_any_scale_of_the_images(scale):
    images, labels = smooth(200, 3, 12, 12)
    conv = nn.Conv2d(3, 16, 3, padding=1)
    initialized(network(conv), (scale * images + 3, labels), patches=8000, epsilon=1e-6)
    seen = responses(conv, images)[:, :8]
    covariance = seen.T @ seen / len(seen)
    assert covariance.diagonal().max() < 1.2 * covariance.diagonal().min()
    off = covariance - covariance.diagonal().diag()
    assert off.abs().max() < 0.1 * covariance.diagonal().mean()


@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (nn.Conv1d(2, 14, 5), (2, 30)),
        (nn.Conv3d(1, 10, 3), (1, 6, 6, 6)),
        (nn.Conv2d(4, 12, 3, groups=2), (4, 9, 9)),
        (nn.Conv2d(3, 12, 3, groups=3), (3, 9, 9)),
        (nn.Conv2d(3, 24, 4, stride=4), (3, 16, 16)),  # a patchify stem
        (nn.Conv2d(1, 6, 5, padding=2), (1, 28, 28)),
        (nn.Conv2d(3, 8, 3, dilation=2, padding=2), (3, 8, 8)),
        (nn.Conv2d(3, 8, 7, padding=3), (3, 5, 5)),  # a kernel larger than the images
        (nn.Conv2d(3, 8, 1), (3, 5, 5)),
        (nn.Conv2d(1, 7, 3), (1, 9, 9)),  # an odd number of filters
        (nn.Conv2d(3, 8, 3, padding="same", bias=False), (3, 9, 9)),
    ],
)
def test_any_first_convolution_gets_signed_pairs_at_hes_standard_deviation(conv, shape):
    model = network(conv)
    report = initialized(model, smooth(40, *shape), patches=2000)
    he = math.sqrt(2 / (conv.out_channels // conv.groups * math.prod(conv.kernel_size)))
    for block in conv.weight.detach().chunk(conv.groups):
        half = -(-len(block) // 2)
        assert torch.equal(block[: len(block) - half], -block[half:])
        assert block.square().mean().sqrt().item() == pytest.approx(he, rel=1e-4)
    assert report["0.weight"].set and conv.weight.isfinite().all()
    assert model(smooth(40, *shape)[0]).isfinite().all()


def test_more_filters_than_directions_are_rotations_whose_responses_are_uncorrelated_too():
    images, _ = data = smooth(200, 1, 10, 10)
    conv = nn.Conv2d(1, 36, 3)
    report = initialized(network(conv), data, epsilon=1e-6)
    detail = "9 leading of 9 directions, both signs; 9 vary, so 9 more are random rotations of these"
    assert report["0.weight"].detail == detail
    seen = responses(conv, images)[:, 9:18]
    correlation = torch.corrcoef(seen.T) - torch.eye(9)
    assert correlation.abs().max() < 0.1
    assert len(conv.weight.flatten(1).unique(dim=0)) == 36


def test_directions_without_variance_are_not_used():
    images, labels = smooth(50, 3, 8, 8)
    images[:, 2] = 0.5  # a channel that says nothing
    images[:, 1] = images[:, 0]  # and one that repeats another
    conv = nn.Conv2d(3, 40, 3)
    initialized(network(conv), (images, labels))
    assert not conv.weight[:, 2].abs().max() > 1e-3 * conv.weight.abs().max()
    torch.testing.assert_close(conv.weight[:, 0], conv.weight[:, 1], atol=1e-4, rtol=1e-3)


def test_fewer_patches_than_numbers_in_one_span_the_same_directions():
    images, labels = smooth(300, 3, 8, 8)
    few = images.flatten(1)[:20]
    found = spectrum(few, "t")
    assert len(found.values) == 19  # the mean is one direction less
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(19), atol=1e-4, rtol=0)
    centered = few - few.mean(0)
    torch.testing.assert_close(centered @ found.vectors.T @ found.vectors, centered, atol=1e-3, rtol=0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 100), nn.ReLU(), nn.Linear(100, 4))
    report = initialized(model, (images[:20], labels[:20]))
    assert "19 vary, so 31 more are random rotations" in report["1.weight"].detail
    assert report["1.weight"].why.startswith("whitened eigenvectors of 20 patches")


def test_a_transformers_patches_and_a_linear_layer_on_tokens_are_first_layers():
    model = torchvision.models.VisionTransformer(16, 4, 1, 2, 32, 32, num_classes=4)
    data = smooth(30, 3, 16, 16)
    report = initialized(model, data, patches=500)
    assert report["conv_proj.weight"].why.startswith("whitened eigenvectors of 500 patches")
    attention = report["encoder.layers.encoder_layer_0.self_attention.in_proj_weight"]
    assert attention.why == "He's: no normalization follows"

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.norm, self.head = nn.Linear(48, 16), nn.LayerNorm(16), nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.norm(self.embed(F.unfold(x, 4, stride=4).transpose(1, 2))).mean(1))

    report = initialized(Tokens(), data, patches=400)
    assert report["embed.weight"].why.startswith("whitened eigenvectors of 400 patches, at He's")


def test_first_patches_are_windows_of_the_images():
    images = torch.arange(2 * 36.0).view(2, 1, 6, 6)
    weight, patches = first_patches(nn.Conv2d(1, 2, 2), images, 500, generator("t"), "t")
    assert weight.name == "weight" and patches.shape == (500, 1, 4)
    assert torch.equal(patches[:, 0] - patches[:, 0, :1], torch.tensor([0.0, 1, 6, 7]).expand(500, 4))
    corners = patches[:, 0, 0] % 36
    assert set(corners.tolist()) == {
        6.0 * y + x for y in range(5) for x in range(5)
    }  # every place, none beyond the edge


@pytest.mark.parametrize("first", ["permuted", "noise", "orthogonal", "he"])
def test_controls_of_the_first_layer_have_its_scale_and_lack_its_directions(first):
    data = smooth(200, 3, 10, 10)
    ours, other = (network(nn.Conv2d(3, 20, 3)) for _ in range(2))
    initialized(ours, data)
    initialized(other, data, first=first)
    ours, other = ours[0].weight.detach(), other[0].weight.detach()
    assert other.square().mean().item() == pytest.approx(2 / (20 * 9), rel=0.2)
    signs = torch.equal(other[:10], -other[10:])
    assert signs == (first in ("permuted", "orthogonal"))
    if first == "permuted":
        assert torch.equal(other.sum(1), ours.sum(1)) or torch.allclose(other.sum(1), ours.sum(1), atol=1e-5)
        assert not torch.allclose(other, ours, atol=1e-3)
    if first == "orthogonal":
        gram = other[:10].flatten(1) @ other[:10].flatten(1).T
        torch.testing.assert_close(gram / gram[0, 0], torch.eye(10), atol=1e-4, rtol=0)


# ---------------------------------------------------------------- the others


def test_the_others_have_a_small_norm_where_a_normalization_follows_and_hes_elsewhere():
    data = smooth(20, 3, 32, 32)
    model = architectures.build("resnet18-small", 4, seed=1)
    head = model.fc.weight.detach().clone()
    report = initialized(model, data, norm=0.2, patches=1000)
    conv = model.layer3[0].conv2
    assert conv.weight.std().item() == pytest.approx(0.2 * math.sqrt(2 / (9 * conv.out_channels)), rel=0.05)
    assert report["layer3.0.conv2.weight"].why == "He's times 0.2: a normalization follows"
    assert torch.equal(model.fc.weight, head) and (model.bn1.weight == 1).all()
    assert {row.name for row in report.left if "bn" not in row.name and "downsample.1" not in row.name} == {
        "fc.weight",
        "fc.bias",
    }
    bare = network(nn.Conv2d(3, 16, 3), norm=False)
    report = initialized(bare, data)
    assert report["2.weight"].why == "He's: no normalization follows"
    assert bare[2].weight.std().item() == pytest.approx(math.sqrt(2 / 32), rel=0.1)


def test_without_normalization_the_first_layers_responses_are_as_large_as_those_of_hes_noise():
    images, labels = smooth(100, 3, 12, 12)
    sizes = {}
    for first in ("eigenvectors", "he"):
        conv = nn.Conv2d(3, 256, 3)
        initialized(network(conv, norm=False), (images, labels), first=first)
        sizes[first] = responses(conv, images).square().mean().item()
    assert sizes["eigenvectors"] == pytest.approx(sizes["he"], rel=0.1)
    deep = [part for _ in range(12) for part in (nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), *deep, nn.Conv2d(32, 4, 10), nn.Flatten())
    initialized(model, (images, labels))
    with torch.no_grad():
        assert 0.1 < model[:-2](images).std() < 10  # the signal lives


def test_one_seed_gives_one_network_whatever_was_drawn_before():
    data, models = smooth(20, 3, 12, 12), [network(nn.Conv2d(3, 16, 3)) for _ in range(3)]
    state = torch.get_rng_state()
    initialized(models[0], data)
    assert torch.equal(torch.get_rng_state(), state)
    torch.randn(5)
    initialized(models[1], data)
    initialized(models[2], data, seed="other")
    first, second, third = (model[3].weight.detach() for model in models)
    assert torch.equal(first, second) and not torch.equal(first, third)
    torch.set_rng_state(state)


def test_images_alone_are_enough_and_the_default_type_is_no_matter():
    data, models = smooth(20, 3, 12, 12), [network(nn.Conv2d(3, 64, 3)) for _ in range(3)]
    initialized(models[0], data)
    initialized(models[1], data[0])
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            initialized(models[2], data)
    finally:
        torch.set_default_dtype(torch.float32)
    for model in models[1:]:
        assert torch.equal(model[0].weight, models[0][0].weight) and torch.equal(model[3].weight, models[0][3].weight)


def test_looking_at_patches_runs_no_layer():
    model, calls = network(nn.Conv2d(3, 16, 3)), []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    model[0].register_forward_hook(lambda *_: calls.append(1))
    model[1].register_forward_hook(lambda *_: calls.append(1))
    initialized(model, smooth(20, 3, 12, 12))
    assert calls == [] and model[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("model", "images", "settings", "message"),
    [
        (network(nn.Conv2d(3, 8, 3)), torch.ones(4, 3, 8, 8), {}, "what the first layer sees of the images does not vary"),
        (network(nn.Conv2d(3, 8, 3)), torch.ones(4, 1, 8, 8).cumsum(2), {}, "takes 3 channels, the images give it 1"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), smooth(9, 3, 8, 8)[0], {}, "only layer is its head"),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.Conv2d(4, 4, 3)), smooth(9, 3, 8, 8)[0], {}, "not applicable"),
        (nn.Sequential(nn.Flatten()), smooth(9, 3, 8, 8)[0], {}, "nothing would be set"),
        (network(nn.Conv2d(1, 8, 3)), smooth(9, 1, 8, 8)[0], {"first": "permuted"}, "needs two input channels or more"),
        (network(nn.Conv2d(3, 8, 3)), None, {}, r"'whitened' needs data=...: \(images, labels\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_and_leaves_the_network_as_it_was(model, images, settings, message):
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    data = None if images is None else (images, torch.zeros(len(images), dtype=torch.long))
    with pytest.raises(InputError, match=message) as caught:
        initialized(model, data, **settings)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
