"""Kernels against series, integrals, 50-digit arithmetic and networks of finite width."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.metrics.pairwise import pairwise_kernels

from distill_lib.kernel.kernels import ReluNTK, SplineGreen, as_kernel

# --- SplineGreen ---------------------------------------------------------------------------------


def sine_series(x, z, terms=4000):
    """The eigenfunction series; its tail is below 2 / (3 pi^4 terms^3) = 1.1e-13."""
    m = np.arange(1, terms + 1) * np.pi
    return (2 * np.sin(np.outer(x, m)) / m**4) @ np.sin(np.outer(z, m)).T


def test_spline_is_its_sine_series():
    rng = np.random.default_rng(0)
    x = np.concatenate([[0, 1, 0.5, 1e-6, 1 - 1e-6], rng.uniform(size=15)])
    z = rng.uniform(size=9)
    assert_allclose(SplineGreen()(x, z), sine_series(x, z), atol=1e-12)
    assert_allclose(SplineGreen()(x), sine_series(x, x), atol=1e-12)


def test_spline_boundary_conditions():
    """Value and second derivative vanish at both ends; the fourth derivative inside as well."""
    z, h = np.array([0.3, 0.71]), 1e-3
    g = SplineGreen()
    assert_array_equal(g([0.0, 1.0], z), np.zeros((2, 2)))
    for end, inward in ((0.0, h), (1.0, -h)):
        near = g(end + inward * np.arange(4), z)
        # f(0) = f''(0) = 0 makes f odd at the end: f(h) - f(0) - h f'(0) is of order h^3
        second = (2 * near[0] - 5 * near[1] + 4 * near[2] - near[3]) / h**2
        assert_allclose(second, 0, atol=1e-9)
    stencil = np.array([1, -4, 6, -4, 1])
    fourth = stencil @ g(0.5 + 0.01 * np.arange(-2, 3), z) / 0.01**4
    assert_allclose(fourth, 0, atol=1e-6)


def test_spline_reproduces_with_the_bending_energy():
    """<g(., z), f> = f(z) for the norm of the second derivative, by quadrature."""
    z = 0.37
    f_second = lambda x: -(np.pi**2) * np.sin(np.pi * x)  # noqa: E731
    g_second = lambda x: -x * (1 - z) if x < z else -z * (1 - x)  # noqa: E731
    value = quad(lambda x: f_second(x) * g_second(x), 0, 1, points=[z])[0]
    assert_allclose(value, np.sin(np.pi * z), rtol=1e-10)
    h = 1e-4
    for x in (0.1, 0.8):
        numeric = np.array([1, -2, 1]) @ SplineGreen()([x - h, x, x + h], [z])[:, 0] / h**2
        assert_allclose(numeric, g_second(x), atol=1e-7)


@pytest.mark.parametrize("X", [[-0.1], [1.1], [[0.1, 0.2]], [np.nan], [], ["a"]])
def test_spline_refuses(X):
    with pytest.raises((ValueError, TypeError), match="X"):
        SplineGreen()(X)
    with pytest.raises((ValueError, TypeError), match=r"X|Z"):
        SplineGreen()([0.5], X)


# --- ReluNTK -------------------------------------------------------------------------------------


def arc_cosine_by_quadrature(x, z):
    """2 E[relu(w x) relu(w z)] and 2 E[relu'(w x) relu'(w z)] over normal w in the plane."""
    a, b = np.arctan2(*x[::-1]), np.arctan2(*z[::-1])
    gap = (b - a + np.pi) % (2 * np.pi) - np.pi
    low, high = max(-np.pi / 2, gap - np.pi / 2), min(np.pi / 2, gap + np.pi / 2)
    product = quad(lambda u: np.cos(u) * np.cos(u - gap), low, high)[0] / (2 * np.pi)
    both_active = (high - low) / (2 * np.pi)
    # the length of w is independent of its direction and has E|w|^2 = 2
    return 4 * np.linalg.norm(x) * np.linalg.norm(z) * product, 2 * both_active


def test_depth_one_is_the_gaussian_integral():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, 2)) * rng.uniform(0.1, 5, size=(8, 1))
    for full in (True, False):
        got = ReluNTK(depth=1, output_layer=full)(X)
        for i, j in np.ndindex(8, 8):
            outer, inner = arc_cosine_by_quadrature(X[i], X[j])
            expected = X[i] @ X[j] * inner + full * outer
            assert_allclose(got[i, j], expected, rtol=1e-10, atol=1e-10)


def exact_ntk(x, z, depth):
    """The recursion of the docstring in 50 digits."""
    with mpmath.workdps(50):
        x, z = ([mpmath.mpf(float(v)) for v in point] for point in (x, z))
        norms = mpmath.sqrt(mpmath.fdot(x, x) * mpmath.fdot(z, z))
        sigma = theta = mpmath.fdot(x, z)
        for _ in range(depth):
            angle = mpmath.acos(sigma / norms)
            arc = mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle)
            sigma = norms * arc / mpmath.pi
            theta = sigma + (mpmath.pi - angle) / mpmath.pi * theta
        return float(theta)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("distance", [1.0, 1e-3, 1e-6, 1e-8, 1e-13])
@pytest.mark.parametrize("side", [1, -1])
def test_nearly_parallel_points_keep_all_digits(depth, distance, side):
    rng = np.random.default_rng(depth)
    x = rng.standard_normal(4)
    z = side * (x + distance * rng.standard_normal(4))
    got = ReluNTK(depth=depth)([x], [z])[0, 0]
    assert_allclose(got, exact_ntk(x, z, depth), atol=1e-14 * np.linalg.norm(x) ** 2 * 2**depth)


def tangents(points, weights):
    """Outputs of the network and, layer by layer, the factors of its parameter gradient."""
    *hidden, last = weights
    h, inputs, masks = points.T, [], []
    for W in hidden:
        u = W @ h
        inputs.append(h)
        masks.append(np.sqrt(2 / len(W)) * (u > 0))
        h = masks[-1] * u
    gradients, back = [], last[:, None]
    for W, mask in zip(reversed(hidden), reversed(masks), strict=True):
        gradients.append(mask * back)
        back = W.T @ gradients[-1]
    return last @ h, h, list(zip(reversed(gradients), inputs, strict=True))


def tangent_kernel(points, weights, output_layer=True):
    """<gradient, gradient> of a finite network with respect to all its weights."""
    _, h, layers = tangents(points, weights)
    layers = [((g.T @ g) * (a.T @ a)) for g, a in layers]
    return sum(layers) + (h.T @ h if output_layer else 0)


def draw_weights(rng, p, depth, width):
    shapes = [(width, p)] + [(width, width)] * (depth - 1) + [(width,)]
    return [rng.standard_normal(shape) for shape in shapes]


def test_the_tangent_kernel_used_below_is_that_of_numeric_gradients():
    rng = np.random.default_rng(0)
    points, h = rng.standard_normal((3, 2)), 1e-6
    weights = draw_weights(rng, 2, depth=2, width=4)
    columns = []
    for W in weights:
        for index in np.ndindex(W.shape):
            W[index] += h
            plus = tangents(points, weights)[0]
            W[index] -= 2 * h
            columns.append((plus - tangents(points, weights)[0]) / (2 * h))
            W[index] += h
    J = np.array(columns).T
    assert_allclose(tangent_kernel(points, weights), J @ J.T, rtol=1e-6)


@pytest.mark.parametrize(("depth", "width"), [(1, 4000), (2, 600), (3, 600)])
@pytest.mark.parametrize("output_layer", [True, False])
def test_wide_networks_have_this_tangent_kernel(depth, width, output_layer):
    """Monte Carlo: within 4 standard errors of the mean, plus a bias of order 1 / width."""
    rng = np.random.default_rng(depth)
    points = rng.standard_normal((4, 3))
    draws = np.array(
        [
            tangent_kernel(points, draw_weights(rng, 3, depth, width), output_layer)
            for _ in range(40)
        ]
    )
    expected = ReluNTK(depth=depth, output_layer=output_layer)(points)
    standard_error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert (standard_error < 0.03 * scale).all()  # the test can see an error of 12 %
    assert (np.abs(draws.mean(axis=0) - expected) < 4 * standard_error + 5 / width * scale).all()


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("output_layer", [True, False])
def test_ntk_is_positive_semidefinite_and_consistent(depth, output_layer):
    X = np.random.default_rng(0).standard_normal((30, 3))
    X[4], X[7], X[9] = X[3], -2 * X[3], 0
    k = ReluNTK(depth=depth, output_layer=output_layer)
    K = k(X)
    assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K).min() > -1e-13 * np.abs(K).max()
    assert_allclose(k(X, X.copy()), K, rtol=1e-14, atol=1e-14)
    assert_allclose(k(X, X[:5]), K[:, :5], rtol=1e-14, atol=1e-14)
    assert (K[9] == 0).all()
    assert_allclose(k(3 * X), 9 * K, rtol=1e-10, atol=1e-12)  # homogeneous of degree two
    if output_layer:
        assert_allclose(K.diagonal(), (depth + 1) * (X**2).sum(1), rtol=1e-14)


def test_exact_duplicates_lower_the_rank():
    X = np.random.default_rng(0).standard_normal((6, 3))
    K = ReluNTK(depth=2)(np.concatenate([X, 3 * X, X]))
    assert np.linalg.matrix_rank(K, tol=1e-12 * np.abs(K).max()) == 6


@pytest.mark.parametrize("depth", [0, -1, 1.5, True, None])
def test_ntk_refuses_depth(depth):
    with pytest.raises((ValueError, TypeError), match="depth"):
        ReluNTK(depth=depth)


@pytest.mark.parametrize("Z", [np.ones((2, 2)), [[np.nan] * 3], np.empty((0, 3)), [["a"] * 3]])
def test_ntk_refuses_points(Z):
    with pytest.raises((ValueError, TypeError), match="Z"):
        ReluNTK()(np.ones((2, 3)), Z)


# --- as_kernel -----------------------------------------------------------------------------------

X, Z = np.random.default_rng(0).uniform(size=(5, 2)), np.random.default_rng(1).uniform(size=(3, 2))


@pytest.mark.parametrize(
    ("kernel", "params"),
    [("rbf", {"gamma": 3.0}), ("linear", {}), ("poly", {"degree": 2, "coef0": 0.5})],
)
def test_named_kernels(kernel, params):
    k = as_kernel(kernel, **params)
    assert_array_equal(k(X, Z), pairwise_kernels(X, Z, metric=kernel, **params))
    assert_array_equal(k(X), pairwise_kernels(X, metric=kernel, **params))


def test_gaussian_process_kernels():
    kernel = ConstantKernel(2.0) * RBF(0.3) + WhiteKernel(0.1)
    k = as_kernel(kernel)
    expected = 2 * np.exp(-((X[:, None] - Z) ** 2).sum(-1) / (2 * 0.3**2))
    assert_allclose(k(X, Z), expected, rtol=1e-12)
    assert_allclose(k(X).diagonal(), 2.1)  # white noise is on the diagonal of k(X) only


def test_callables_and_their_parameters():
    def kernel(X, Z=None, scale=1.0):
        return scale * X @ (X if Z is None else Z).T

    assert_array_equal(as_kernel(kernel, scale=3.0)(X, Z), 3.0 * X @ Z.T)
    assert_array_equal(as_kernel(kernel)(X), X @ X.T)


def test_what_as_kernel_returns_is_accepted_again():
    once = as_kernel("rbf", gamma=1.0)
    assert_array_equal(as_kernel(once)(X, Z), once(X, Z))


@pytest.mark.parametrize(
    ("kernel", "params", "error", "message"),
    [
        ("gauss", {}, ValueError, "kernel must be one of .*rbf.*, got 'gauss'"),
        ("precomputed", {}, ValueError, "kernel must be one of"),
        (3, {}, TypeError, "kernel must be a scikit-learn kernel name.*got 3"),
        (None, {}, TypeError, "kernel must be a scikit-learn kernel name.*got None"),
        (RBF(1.0), {"gamma": 2.0}, ValueError, "carries its own parameters"),
    ],
)
def test_as_kernel_refuses(kernel, params, error, message):
    with pytest.raises(error, match=message):
        as_kernel(kernel, **params)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones((2, 5)), ValueError, r"must return shape \(5, 5\), got \(2, 5\)"),
        (np.ones(5), ValueError, r"must return shape \(5, 5\), got \(5,\)"),
        (np.full((5, 5), np.nan), ValueError, "kernel matrix contains nan"),
        (None, TypeError, "kernel matrix must be an array of real numbers"),
        (np.ones((5, 5), complex), TypeError, "kernel matrix must be an array of real numbers"),
    ],
)
def test_what_a_callable_returns_is_checked(value, error, message):
    with pytest.raises(error, match=message):
        as_kernel(lambda X, Z=None: value)(X)
