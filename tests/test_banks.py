"""Banks recover what was planted, keep to what they were built from, and survive a round trip."""

import numpy as np
import pytest
import torch
from informed_init import architectures
from informed_init.banks import bank as banks
from informed_init.banks.sources import load, save
from informed_init.errors import InputError
from informed_init.seeds import generator
from informed_init.training.live_taps import live_taps

PLANTED = np.array(
    [[[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[1, 0, -1], [2, 0, -2], [1, 0, -1]], [[-1, 1, 0], [-1, 1, 0], [-1, 1, 0]]],
    dtype=np.float32,
)
SHARES = np.array([0.5, 0.3, 0.2])


def planted_filters(n=30_000, noise=0.05, filters=PLANTED):
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(filters), n, p=SHARES)
    return (filters[chosen] + noise * rng.standard_normal((n, 3, 3))).astype(np.float32)


def ordered(centers, like):
    """Centers in the order of the filters they are nearest to."""
    distances = ((centers[:, None] - like[None]) ** 2).sum((2, 3))
    return distances.argmin(1)


def even_by_fft(filters):
    """The definition in the published code: real part of the FFT, zero imaginary part, inverted."""
    return np.fft.ifft2(np.fft.fft2(filters).real).real


@pytest.mark.parametrize("method", banks.CLUSTERING_METHODS)
def test_a_planted_mixture_is_recovered(method):
    centers, shares, inertia = banks.cluster(method, 3, planted_filters(), seed=1)
    expected = even_by_fft(PLANTED) if method == "fourier-real" else PLANTED
    order = ordered(centers, expected)
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(centers, expected[order], atol=0.01)
    np.testing.assert_allclose(shares, SHARES[order], atol=0.01)
    # what is left is the noise of the dimensions that the method looks at: 9, 5 of them once or twice counted, or fewer
    assert 0 < inertia < 1.2 * 9 * 0.05**2


def test_inertia_is_that_of_the_returned_centers():
    filters = planted_filters(5000, noise=0.3)
    centers, _, inertia = banks.cluster("euclid", 4, filters, seed=1)
    labels = ((filters.reshape(-1, 1, 9) - centers.reshape(-1, 9)) ** 2).sum(2).argmin(1)
    # the final centers are the means of the assignment that made them; reassigning can only lower the distances,
    # slightly
    distances = ((filters - centers[labels]) ** 2).sum((1, 2)).mean()
    assert distances <= inertia * (1 + 1e-5)
    assert inertia == pytest.approx(distances, rel=0.01)


def test_fourier_features_measure_the_distance_of_their_definition():
    a, b = planted_filters(50), planted_filters(50)[::-1].copy()
    for size_of in (lambda x: x, lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2)))):
        x, y = size_of(a), size_of(b)
        taps = x.shape[1] * x.shape[2]
        spectra = [np.fft.fft2(z).reshape(50, -1) for z in (x, y)]
        for method, part in (("fourier-real", np.real), ("fourier-magnitude", np.abs)):
            defined = ((part(spectra[0]) - part(spectra[1])) ** 2).sum(1) / taps
            ours = ((banks._features(method, x) - banks._features(method, y)) ** 2).sum(1)
            np.testing.assert_allclose(ours, defined, rtol=1e-4, atol=1e-5)


def test_one_cluster_is_the_mean_of_all_filters():
    filters = planted_filters(5000)
    centers, shares, _ = banks.cluster("euclid", 1, filters, seed=1)
    np.testing.assert_allclose(centers[0], filters.mean(0), atol=1e-6)
    assert shares.tolist() == [1.0]


def test_drawing_follows_the_shares():
    layer = banks.LayerBank(torch.from_numpy(PLANTED), torch.from_numpy(SHARES), std=1.0)
    drawn = layer.draw(20_000, generator("draw"))
    counts = [(drawn == torch.from_numpy(f)).all(2).all(1).double().mean().item() for f in PLANTED]
    np.testing.assert_allclose(counts, SHARES, atol=0.012)
    assert layer.drawn_std() == pytest.approx(drawn.square().mean().sqrt().item(), rel=0.02)


def test_a_gaussian_bank_has_the_filters_covariance():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((9, 9))
    filters = (rng.standard_normal((40_000, 9)) @ root.T + 3).astype(np.float32).reshape(-1, 3, 3)
    bank = banks.build("gaussian", {"a": {"l.weight": torch.from_numpy(filters)[None]}}, ["l"], (0,))
    drawn = bank.layers["l"].draw(100_000, generator("draw")).flatten(1).double()
    np.testing.assert_allclose(drawn.mean(0), 3, atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T.numpy()), root @ root.T, atol=0.35)
    assert bank.layers["l"].drawn_std() == pytest.approx(drawn.square().mean().sqrt().item(), rel=0.02)


def test_a_bank_survives_its_file(tmp_path):
    network = architectures.build("resnet18", 10, seed=1).state_dict()
    sources = {"a": network, "b": architectures.build("resnet18", 10, seed=2).state_dict()}
    for method, k in (("euclid", 2), ("gaussian", None), ("reservoir", None)):
        bank = banks.build(method, sources, ["conv1", "layer1.0.conv1"], (0,), k=k)
        bank.save(tmp_path / "bank")
        again = banks.Bank.load(tmp_path / "bank")
        assert (again.method, again.sources, again.facts) == (method, ["a", "b"], bank.facts)
        for name, layer in bank.layers.items():
            ours, theirs = layer.draw(100, generator("d")), again.layers[name].draw(100, generator("d"))
            assert torch.equal(ours, theirs)
            assert again.layers[name].inertia == layer.inertia


def test_a_cluster_bank_is_a_few_kilobytes(tmp_path):
    network = architectures.build("resnet18", 10, seed=1)
    layers = [name for name, _ in banks.bankable_layers(network) if not name.startswith(("layer3", "layer4"))]
    banks.build("euclid", {"a": network.state_dict()}, layers, (0,), k=2).save(tmp_path / "bank")
    assert (tmp_path / "bank").stat().st_size < 20_000


def test_sources_are_read_from_their_file_as_they_were(tmp_path):
    networks = {f"s{i}": {"conv.weight": torch.randn(4, 2, 3, 3)} for i in range(3)}
    save(tmp_path / "sources", networks, {})
    found = load([tmp_path / "sources"])
    assert list(found) == ["s0", "s1", "s2"]
    expected = torch.cat([n["conv.weight"].reshape(-1, 3, 3) for n in networks.values()])
    np.testing.assert_array_equal(banks.collect(found, "conv"), expected.numpy())


def test_live_banks_learn_from_live_taps_only():
    model = architectures.build("resnet18", 10, seed=1)
    state = model.state_dict()
    live = live_taps(model, (3, 32, 32))
    name = "layer4.1.conv2"
    assert live[name].sum() == 1
    poisoned = dict(state)
    poisoned[f"{name}.weight"] = state[f"{name}.weight"].clone()
    poisoned[f"{name}.weight"][:, :, ~live[name]] = 1e6
    clean, dirty = (
        banks.build("euclid", {"a": s}, [name], (0,), k=2, live=live).layers[name] for s in (state, poisoned)
    )
    assert torch.equal(clean.filters, dirty.filters)
    assert clean.std == dirty.std < 1


@pytest.mark.parametrize(
    ("method", "k", "said"),
    [("euclid", None, "needs number of clusters"), ("gaussian", 3, "takes no number"), ("kmeans", 3, "not one of")],
)
def test_a_wrong_bank_is_refused(method, k, said):
    with pytest.raises(InputError, match=said):
        banks.build(method, {"a": {"l.weight": torch.randn(2, 2, 3, 3)}}, ["l"], (0,), k=k)


def test_too_few_filters_and_missing_layers_are_named():
    with pytest.raises(InputError, match="5 clusters were asked for, but there are only 4 filters"):
        banks.build("euclid", {"a": {"l.weight": torch.randn(2, 2, 3, 3)}}, ["l"], (0,), k=5)
    with pytest.raises(InputError, match="source 'a' has no layer 'other'"):
        banks.build("euclid", {"a": {"l.weight": torch.randn(2, 2, 3, 3)}}, ["other"], (0,), k=2)


def test_a_file_that_is_no_bank_is_named(tmp_path):
    (tmp_path / "cut").write_bytes(b"\x08")
    with pytest.raises(InputError, match="cut: not a whole safetensors file"):
        banks.Bank.load(tmp_path / "cut")
    with pytest.raises(InputError, match="gone: no such file"):
        banks.Bank.load(tmp_path / "gone")
