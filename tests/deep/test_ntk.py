"""The tangent kernel against gradients one by one, finite differences and the infinite network."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn

from distill_lib.deep import models, ntk
from distill_lib.kernel import retrieval
from distill_lib.kernel.kernels import ReluNTK, as_kernel

F64 = torch.float64


def points(n, *shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, *shape)))


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().double()


def by_backward(model, X, Z):
    """Theta of shape (n, m, q, q) from one backward pass a point and output."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def rows(points):
        return torch.stack(
            [
                torch.stack(
                    [
                        torch.cat([g.flatten() for g in gradients])
                        for c in out.reshape(-1)
                        for gradients in [
                            torch.autograd.grad(
                                c, parameters, retain_graph=True, materialize_grads=True
                            )
                        ]
                    ]
                )
                for out in (model(x[None]) for x in points)
            ]
        )

    return torch.einsum("icw,jdw->ijcd", rows(X), rows(Z)).numpy()


class Reused(nn.Module):
    """Linear layers that a shortcut for linear layers must not touch, beside one that it may."""

    def __init__(self):
        super().__init__()
        self.plain, self.twice, self.by_hand = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.tokens, self.tied = nn.Linear(2, 2), nn.Linear(4, 4)
        self.tied.weight = self.twice.weight
        self.free = nn.Parameter(torch.randn(2))

    def forward(self, x):
        h = torch.tanh(self.plain(x))
        h = torch.tanh(self.twice(torch.tanh(self.twice(h)))) + self.tied(h)
        rows = self.tokens(h.reshape(len(x), 2, 2)).sum(1)
        return self.by_hand(h) + (self.by_hand.weight**2).sum(1) + self.free * rows


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.relu, self.last = nn.Linear(3, 5), nn.ReLU(inplace=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.last(self.relu(self.first(x)))


def partly_frozen():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    model[0].bias.requires_grad_(False)
    model[2].weight.requires_grad_(False)
    return model


def convolutional():
    layers = (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    model = nn.Sequential(*layers)
    model(torch.randn(20, 1, 4, 4))  # running statistics that are not 0 and 1
    return model.eval()


MODELS = {
    "mlp": (lambda: models.mlp([3, 6, 5, 4], seed=0), (3,)),
    "linear": (lambda: nn.Linear(3, 2), (3,)),
    "one output": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), (3,)),
    "shape (n,)": (lambda: nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)), (3,)),
    "partly frozen": (partly_frozen, (3,)),
    "in place": (InPlace, (3,)),
    "reused": (Reused, (3,)),
    "convolutional": (convolutional, (1, 4, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_product_of_gradients(name):
    build, shape = MODELS[name]
    model, X, Z = seeded(build), points(10, *shape), points(6, *shape, seed=1)
    full = by_backward(model, X, Z)
    for size in (None, 1, 4):
        got = ntk.empirical_ntk(model, X, Z, outputs="full", chunk_size=size)
        assert_allclose(got, full, rtol=1e-10, atol=1e-12)
        same = ntk.empirical_ntk(model, X, outputs="full", chunk_size=size)
        assert_allclose(same, by_backward(model, X, X), rtol=1e-10, atol=1e-12)
        trace = ntk.empirical_ntk(model, X, Z, chunk_size=size)
        assert_allclose(trace, np.einsum("ijcc->ij", full), rtol=1e-10, atol=1e-12)
    assert got.shape == (10, 6, *same.shape[2:])


def test_the_shortcut_is_taken_where_it_may_be():
    for name, plain in {
        "mlp": 3, "partly frozen": 3, "in place": 2, "convolutional": 1, "reused": 2
    }.items():  # fmt: skip
        build, shape = MODELS[name]
        network = ntk._differentiable(seeded(build), None)
        network = ntk._without_outer_products(network, points(8, *shape))
        assert len(network.layers) == plain, name
    assert network.layers["plain"] == (4, True, True)
    assert network.layers["tied"] == (4, False, True)  # its weight goes with its other use


def test_finite_differences():
    """A route without automatic differentiation."""
    model, X, h = seeded(lambda: models.mlp([2, 4, 3], seed=1)), points(4, 2), 1e-5
    columns = []
    with torch.no_grad():
        for parameter in model.parameters():
            for i in range(parameter.numel()):
                flat = parameter.view(-1)
                flat[i] += h
                plus = model(X)
                flat[i] -= 2 * h
                columns.append((plus - model(X)) / (2 * h))
                flat[i] += h
    J = torch.stack(columns, dim=-1).numpy()
    got = ntk.empirical_ntk(model, X, outputs="full")
    assert_allclose(got, np.einsum("icw,jdw->ijcd", J, J), atol=1e-7)


def test_it_predicts_a_small_step_of_gradient_descent():
    r"""The definition: f moves by -step Theta (f - y) under the squared loss / 2."""
    model, X, step = seeded(lambda: models.mlp([3, 8, 2], seed=0)), points(5, 3), 1e-7
    y, Z = points(5, 2, seed=1), points(4, 3, seed=2)
    K = ntk.empirical_ntk(model, Z, X, outputs="full")
    before = model(Z).detach()
    residual = model(X) - y
    (residual.square().sum() / 2).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= step * p.grad
    moved = (model(Z) - before).detach().numpy() / step
    assert_allclose(moved, -np.einsum("ijcd,jd->ic", K, residual.detach()), rtol=1e-4)


def test_memory_is_bounded_by_the_chunk(monkeypatch):
    sizes, factors = [], ntk._factors
    monkeypatch.setattr(ntk, "_factors", lambda n, X: (sizes.append(len(X)), factors(n, X))[1])
    model, X = models.mlp([3, 6, 4], seed=0), points(10, 3)
    K = ntk.empirical_ntk(model, X, chunk_size=3)
    assert max(sizes) == 3
    sizes.clear()
    assert_allclose(ntk.empirical_ntk(model, X), K, rtol=1e-5, atol=1e-6)
    assert sizes == [1, 10]  # one point to measure, then all at once
    sizes.clear()
    monkeypatch.setattr(ntk, "_CHUNK_BYTES", 2 * 4 * 4 * (4 * (6 + 4) + 3 + 6))  # 2 x 4 points
    assert_allclose(ntk.empirical_ntk(model, X), K, rtol=1e-5, atol=1e-6)
    assert max(sizes) == 4


def test_model_random_state_and_gradients_are_left_alone():
    model, X = models.mlp([3, 6, 4], seed=0), points(5, 3)
    model(X.float()).sum().backward()
    before = {n: (p.clone(), p.grad.clone()) for n, p in model.named_parameters()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    K = ntk.empirical_ntk(model, X)
    assert torch.equal(state, torch.get_rng_state())
    assert not any(layer._forward_hooks for layer in model.modules())
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name][0])
        assert torch.equal(p.grad, before[name][1])
    with torch.no_grad():
        assert_array_equal(ntk.empirical_ntk(model, X), K)


def test_floating_type():
    model, X = models.mlp([3, 6, 4], seed=0), points(5, 3)
    single, double = ntk.empirical_ntk(model, X), ntk.empirical_ntk(model, X, dtype=F64)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert_allclose(single, double, rtol=1e-4, atol=1e-5)
    exact = by_backward(models.mlp([3, 6, 4], seed=0).double(), X, X)
    assert_allclose(double, np.einsum("ijcc->ij", exact), rtol=1e-12)
    assert next(model.parameters()).dtype == torch.float32


def test_it_is_a_kernel_of_the_kernel_wing():
    model, X = models.mlp([3, 6, 4], seed=0), np.random.default_rng(0).standard_normal((5, 3))
    k = as_kernel(ntk.empirical_ntk, dtype=F64)
    with pytest.raises(TypeError):
        k(X)  # the model is missing
    k = as_kernel(lambda X, Z=None: ntk.empirical_ntk(model, X, Z, dtype=F64))
    assert k(X, X[:2]).shape == (5, 2)
    assert np.linalg.eigvalsh(k(X)).min() > -1e-12


def test_refusals():
    X, model = points(4, 3), models.mlp([3, 6, 4], seed=0)
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got function"):
        ntk.empirical_ntk(lambda x: x, X)
    with pytest.raises(ValueError, match="outputs must be 'trace' or 'full', got 'sum'"):
        ntk.empirical_ntk(model, X, outputs="sum")
    with pytest.raises(ValueError, match="chunk_size must be >= 1, got 0"):
        ntk.empirical_ntk(model, X, chunk_size=0)
    with pytest.raises(ValueError, match="dtype must be a floating"):
        ntk.empirical_ntk(model, X, dtype=torch.int64)
    with pytest.raises(ValueError, match="X has points of shape"):
        ntk.empirical_ntk(model, X, X[:, :2])
    with pytest.raises(ValueError, match=r"X must have shape \(n, \.\.\.\)"):
        ntk.empirical_ntk(model, X[0])
    with pytest.raises(ValueError, match="Z contains"):
        ntk.empirical_ntk(model, X, X * float("nan"))
    for layer in (nn.Dropout(0.5), nn.BatchNorm1d(3)):
        moody = nn.Sequential(layer, nn.Linear(3, 2))
        with pytest.raises(ValueError, match=r"layer '0' .* call model\.eval"):
            ntk.empirical_ntk(moody, X)
        ntk.empirical_ntk(moody.eval(), X)
    with pytest.raises(ValueError, match="nothing to differentiate"):
        ntk.empirical_ntk(nn.Linear(3, 2).requires_grad_(False), X)


# --- the infinite network ------------------------------------------------------------------------


def errors(depth, width, output_layer, seeds, X):
    """Relative errors of single networks, and of their mean kernel with its standard error."""
    exact = ReluNTK(depth=depth, output_layer=output_layer)(X)
    kernels = np.array(
        [
            ntk.empirical_ntk(
                ntk.finite_relu_network(
                    width, X.shape[1], depth=depth, output_layer=output_layer, seed=seed
                ),
                X,
                dtype=F64,
            )
            for seed in seeds
        ]
    )
    single = np.linalg.norm(kernels - exact, axis=(1, 2)) / np.linalg.norm(exact)
    return single, kernels.mean(0) - exact, kernels.std(0, ddof=1) / np.sqrt(len(seeds))


@pytest.mark.parametrize("output_layer", [True, False])
def test_the_error_falls_like_one_over_the_root_of_the_width(output_layer):
    X, widths = np.random.default_rng(0).standard_normal((12, 5)), 2 ** np.arange(5, 12)
    means = [errors(1, m, output_layer, range(20), X)[0].mean() for m in widths]
    slope = np.polyfit(np.log(widths), np.log(means), 1)[0]
    assert -0.6 < slope < -0.4
    assert means[-1] < 0.05


def test_so_it_does_for_two_hidden_layers():
    X, widths = np.random.default_rng(1).standard_normal((8, 5)), 2 ** np.arange(5, 10)
    means = [errors(2, m, True, range(20), X)[0].mean() for m in widths]
    assert -0.65 < np.polyfit(np.log(widths), np.log(means), 1)[0] < -0.35


@pytest.mark.parametrize("output_layer", [True, False])
@pytest.mark.parametrize("width", [1, 64])
def test_the_expectation_is_exact_for_one_hidden_layer(width, output_layer):
    """At every width. A lost factor 2, or a layer too many, is some hundred standard errors."""
    X = np.random.default_rng(2).standard_normal((4, 3))
    _, bias, standard_error = errors(1, width, output_layer, range(300), X)
    assert (np.abs(bias) < 4.5 * standard_error).all()


def test_several_outputs_share_one_kernel():
    X = np.random.default_rng(3).standard_normal((4, 3))
    network = ntk.finite_relu_network(4000, 3, outputs=2, seed=0)
    full = ntk.empirical_ntk(network, X, outputs="full", dtype=F64)
    exact = ReluNTK()(X)
    scale = exact.max()
    assert_allclose(full[:, :, 0, 0], exact, atol=0.1 * scale)
    assert_allclose(full[:, :, 1, 1], exact, atol=0.1 * scale)
    assert_allclose(full[:, :, 0, 1], 0, atol=0.1 * scale)


def test_the_network_is_the_formula_and_its_seed_decides():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    network = ntk.finite_relu_network(7, 3, depth=2, outputs=2, seed=4, dtype=F64)
    assert torch.equal(state, torch.get_rng_state())
    x = points(5, 3)
    (W1, W2), V = (layer.weight for layer in network.hidden), network.last.weight
    h = (2 / 7) * torch.relu(torch.relu(x @ W1.T) @ W2.T)
    assert torch.allclose(network(x), h @ V.T)
    a, again, b = (ntk.finite_relu_network(7, 3, seed=s).last.weight for s in (4, 4, 5))
    assert torch.equal(a, again)
    assert not torch.equal(a, b)
    for bad in ({"width": 0}, {"n_features": 1.5}, {"depth": 0}, {"outputs": 0}, {"seed": -1}):
        with pytest.raises((TypeError, ValueError), match=next(iter(bad))):
            ntk.finite_relu_network(**{"width": 3, "n_features": 2, "seed": 0} | bad)


# --- labels and the kernel ------------------------------------------------------------------------


@pytest.mark.parametrize("q", [None, 1, 3])
@pytest.mark.parametrize("centred", [True, False])
def test_alignment_is_the_cosine_between_two_matrices(q, centred):
    rng = np.random.default_rng(0)
    for _ in range(20):
        A = rng.standard_normal((7, 4)) + 1
        y = rng.standard_normal(7 if q is None else (7, q)) + 0.5
        Y, C = y.reshape(7, -1), np.eye(7) - centred / 7
        K = A @ A.T
        expected = cosine_similarity((C @ K @ C).reshape(1, -1), (C @ Y @ Y.T @ C).reshape(1, -1))
        got = ntk.alignment(K, y, centred=centred)
        assert_allclose(got, expected[0, 0], rtol=1e-10)
        assert_allclose(ntk.alignment(7 * K, -2 * y, centred=centred), got, rtol=1e-10)
        assert 0 <= got <= 1 + 1e-12
        assert_allclose(ntk.alignment(Y @ Y.T, y, centred=centred), 1)


def test_alignment_does_not_see_a_constant_when_centred():
    rng = np.random.default_rng(0)
    A, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    assert_allclose(ntk.alignment(A @ A.T + 50, y + 9), ntk.alignment(A @ A.T, y), rtol=1e-10)
    assert ntk.alignment(A @ A.T + 50, y + 9, centred=False) > 0.9
    with pytest.raises(ValueError, match="y is zero after centring"):
        ntk.alignment(A @ A.T, np.ones(6))
    with pytest.raises(ValueError, match="K is zero after centring"):
        ntk.alignment(np.ones((6, 6)), y)
    with pytest.raises(ValueError, match="K is zero: no"):
        ntk.alignment(np.zeros((6, 6)), y, centred=False)
    with pytest.raises(ValueError, match="y must have 6 rows"):
        ntk.alignment(A @ A.T, y[:5])


def test_energies_of_the_kernel_wing_predict_descent():
    """The residual of descent is the sum of the energies, each shrunk at its own pace."""
    model, X, steps = seeded(lambda: models.mlp([3, 8, 1], seed=0)), points(7, 3), 40
    K = ntk.empirical_ntk(model, X)
    y, u = np.random.default_rng(1).standard_normal(7), np.zeros(7)
    d = np.linalg.eigvalsh(K)[::-1]
    step = 0.9 / d[0]
    for _ in range(steps):
        u -= step * K @ (u - y)
    energy, outside = retrieval.direction_energy(K, y)
    assert_allclose(np.sum((u - y) ** 2), (1 - step * d) ** (2 * steps) @ energy + outside)
    assert_allclose(retrieval.top_share(K, y, 7), 1)


class Borrowed(nn.Module):
    """Uses a layer's weight a second time, where no input of the first points shows it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        again = nn.functional.linear(torch.relu(x - 1), self.a.weight)
        return self.b(torch.tanh(self.a(x))) + again[:, :2]


@pytest.mark.parametrize("order", [1, -1])
def test_a_second_use_that_the_first_points_do_not_show(order):
    model, X = seeded(Borrowed), points(10, 3).clamp(max=0.9)
    X[8:] = X[8:].abs() + 2  # only here it counts
    X = X if order == 1 else X.flip(0)
    expected = np.einsum("ijcc->ij", by_backward(model, X, X))
    assert_allclose(ntk.empirical_ntk(model, X), expected, rtol=1e-10)


def test_a_layer_with_a_hook_of_its_own_is_not_shifted():
    model, X = seeded(lambda: models.mlp([3, 6, 2], seed=0)), points(9, 3)
    X[8] *= 1000  # only here the hook does something
    model[0].register_forward_hook(lambda layer, args, z: z.clamp(max=50))
    expected = np.einsum("ijcc->ij", by_backward(model, X, X))
    assert_allclose(ntk.empirical_ntk(model, X), expected, rtol=1e-10)


def test_batch_normalization_without_running_statistics_has_no_kernel():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(ValueError, match=r"layer '1' \(BatchNorm1d\) has no running statistics"):
        ntk.empirical_ntk(model.eval(), points(4, 3))
