"""The eigenbasis of a kernel matrix against direct linear algebra."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg

from distill_lib.kernel import Spectrum, filters
from distill_lib.kernel.kernels import SplineGreen, as_kernel
from distill_lib.kernel.spectrum import check_gram


def features(n, p, *, rank=None, decades=0, seed=0):
    """A random (n, p) matrix of given rank whose singular values span `decades`."""
    rng = np.random.default_rng(seed)
    rank = min(n, p) if rank is None else rank
    left = linalg.qr(rng.standard_normal((n, rank)), mode="economic")[0]
    right = linalg.qr(rng.standard_normal((p, rank)), mode="economic")[0]
    return left * np.logspace(0, -decades, rank) @ right.T


def direct_refits(K, y, lam, rounds, K_new=None):
    """Refit `rounds` times by solving linear systems; return predictions of the last fit."""
    targets, dual = y, None
    for _ in range(rounds):
        dual = linalg.solve(K + lam * np.eye(len(K)), targets, assume_a="pos")
        targets = K @ dual
    return targets if K_new is None else K_new @ dual


SHAPES = [(1, 1), (2, 2), (7, 3), (3, 7), (30, 30), (60, 20)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("decades", [0, 5])
def test_reconstruction(shape, decades):
    Phi = features(*shape, decades=decades)
    K = Phi @ Phi.T
    for s in (Spectrum.from_gram(K), Spectrum.from_features(Phi)):
        U, d = s.eigenvectors, s.eigenvalues
        assert_allclose(U * d @ U.T, K, atol=1e-14 * np.abs(K).max())
        assert_allclose(U.T @ U, np.eye(len(d)), atol=1e-13)
        assert (np.diff(d) <= 0).all()
        assert (d >= 0).all()


@pytest.mark.parametrize("n", [1, 4, 25, 150])
def test_feature_vectors(n):
    Phi = features(n, 6, seed=n)
    s = Spectrum.from_features(Phi)
    singular = np.sqrt(s.eigenvalues)
    assert_allclose(s.eigenvectors * singular @ s.feature_vectors.T, Phi, atol=1e-14)
    assert Spectrum.from_gram(Phi @ Phi.T).feature_vectors is None


@pytest.mark.parametrize("shape", SHAPES)
def test_both_constructors_agree(shape):
    Phi = features(*shape, decades=2)
    r = min(shape)
    gram, feature = Spectrum.from_gram(Phi @ Phi.T), Spectrum.from_features(Phi)
    assert gram.eigenvectors.shape == (shape[0], shape[0])
    assert feature.eigenvectors.shape == (shape[0], r)
    assert_allclose(gram.eigenvalues[:r], feature.eigenvalues, rtol=1e-8)
    assert_allclose(gram.eigenvectors[:, :r], feature.eigenvectors, atol=1e-8)
    assert (gram.eigenvalues[r:] == 0).all()


@pytest.mark.parametrize("n", [2, 9, 80, 400])
@pytest.mark.parametrize("decades", [0, 4])
def test_rank_is_that_of_the_features(n, decades):
    rank = max(1, n // 3)
    Phi = features(n, n, rank=rank, decades=decades / 2)
    assert Spectrum.from_gram(Phi @ Phi.T).rank == rank
    assert Spectrum.from_features(Phi).rank == rank


def test_duplicate_points_make_eigenvalues_exactly_zero():
    x = np.random.default_rng(0).uniform(size=(20, 1))
    s = Spectrum.from_gram(as_kernel("rbf", gamma=1e4)(np.concatenate([x, x])))
    assert s.rank == 20
    assert (s.eigenvalues[20:] == 0).all()


def test_twelve_decades_keep_their_rank():
    d = np.logspace(0, -12, 40)
    U = linalg.qr(np.random.default_rng(1).standard_normal((40, 40)))[0]
    K = U * d @ U.T
    s = Spectrum.from_gram((K + K.T) / 2)
    assert s.rank == 40
    assert_allclose(s.eigenvalues, d, atol=1e-14)


@pytest.mark.parametrize("K", [np.zeros((3, 3)), [[0.0]]])
def test_the_zero_kernel(K):
    s = Spectrum.from_gram(K)
    assert s.rank == 0
    y = np.ones(len(K))
    b = filters.ridge(s.eigenvalues, 1.0)
    assert_array_equal(s.apply(b, y), 0 * y)
    assert_array_equal(s.dual(b, y), 0 * y)


def test_many_points_few_features_need_no_square_matrix():
    n, p = 20_000, 20
    Phi = np.random.default_rng(0).standard_normal((n, p))
    tracemalloc.start()
    s = Spectrum.from_features(Phi)
    b = filters.ridge(s.eigenvalues, 1.0)
    weights, fitted = s.weights(b, Phi[:, 0]), s.apply(b, Phi[:, 0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * Phi.nbytes  # 26 MB; an n x n matrix has 3.2 GB
    primal = linalg.solve(Phi.T @ Phi + np.eye(p), Phi.T @ Phi[:, 0])
    assert_allclose(weights, primal, atol=1e-12)
    assert_allclose(fitted, Phi @ primal, atol=1e-12)


@pytest.fixture(params=[(12,), (12, 1), (12, 3)], ids=["vector", "column", "matrix"])
def y(request):
    return np.random.default_rng(5).standard_normal(request.param)


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    x, x_new = rng.uniform(size=(12, 2)), rng.uniform(size=(5, 2))
    kernel = as_kernel("rbf", gamma=2.0)
    return kernel(x), kernel(x_new, x)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("lam", [1e-2, 1.0])
def test_fits_equal_direct_solves(problem, y, lam, rounds):
    K, K_new = problem
    s = Spectrum.from_gram(K)
    b = filters.distilled(s.eigenvalues, lam, rounds)
    fitted, new = direct_refits(K, y, lam, rounds), direct_refits(K, y, lam, rounds, K_new)
    assert fitted.shape == y.shape
    assert_allclose(s.apply(b, y), fitted, atol=1e-11)
    assert_allclose(K_new @ s.dual(b, y), new, atol=1e-11)
    assert_allclose(s.predict(K_new, b, y), new, atol=1e-11)


def test_expand_is_the_transpose_of_the_basis(problem, y):
    s = Spectrum.from_gram(problem[0])
    z = s.expand(y)
    assert z.shape == y.shape
    assert_allclose(s.eigenvectors @ z, y, atol=1e-13)
    assert_allclose(s.apply(np.ones(12), y), y, atol=1e-13)


def test_grids_equal_single_filters(problem, y):
    """Leading axes of b are a grid: each entry equals its own call."""
    K, K_new = problem
    s, features_s = Spectrum.from_gram(K), Spectrum.from_features(K)
    lams = np.array([0.1, 1.0, 10.0])[:, None, None]
    b = filters.distilled(s.eigenvalues, lams, np.array([1, 4])[:, None], 0.25)
    assert b.shape == (3, 2, 12)
    for method, rows in (
        (s.apply, 12),
        (s.dual, 12),
        (lambda b, y: s.predict(K_new, b, y), 5),
        (features_s.weights, 12),
    ):
        whole = method(b, y)
        assert whole.shape == (3, 2, rows, *y.shape[1:])
        for i, j in np.ndindex(3, 2):
            assert_allclose(whole[i, j], method(b[i, j], y), rtol=1e-12, atol=1e-13)


def test_outputs_do_not_mix(problem):
    s = Spectrum.from_gram(problem[0])
    Y = np.random.default_rng(0).standard_normal((12, 4))
    b = filters.ridge(s.eigenvalues, np.array([[0.1], [1.0]]))
    each = np.stack([s.apply(b, column) for column in Y.T], axis=-1)
    assert_allclose(s.apply(b, Y), each, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("lam", [1e-14, 1e-6, 1.0])
def test_dual_is_stable_at_zero_eigenvalues(lam):
    """Rank 3 of 10: the dual stays of moderate size and predicts like the primal solution."""
    Phi, Phi_new = features(10, 3, seed=1), features(4, 3, seed=2)
    y = np.random.default_rng(0).standard_normal(10)
    s = Spectrum.from_gram(Phi @ Phi.T)
    dual = s.dual(filters.ridge(s.eigenvalues, lam), y)
    primal = linalg.solve(Phi.T @ Phi + lam * np.eye(3), Phi.T @ y)
    assert np.linalg.norm(dual) <= 2 * np.linalg.norm(y) / s.eigenvalues[2]
    assert_allclose((Phi_new @ Phi.T) @ dual, Phi_new @ primal, atol=1e-12)


def test_weights_predict_like_the_dual():
    Phi, Phi_new = features(9, 14, seed=1), features(4, 14, seed=2)
    y = np.random.default_rng(0).standard_normal((9, 2))
    s = Spectrum.from_features(Phi)
    b = filters.distilled(s.eigenvalues, 0.3, 2, 0.1)
    assert_allclose(Phi_new @ s.weights(b, y), Phi_new @ Phi.T @ s.dual(b, y), atol=1e-12)


def test_signs_do_not_depend_on_rounding():
    """Equally spaced points tie the largest entries of every other eigenvector."""
    K = SplineGreen()(np.arange(1, 12) / 12)
    bases = []
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal(K.shape)
        s = Spectrum.from_gram(K * (1 + 1e-15 * (noise + noise.T)))
        size = np.abs(s.eigenvectors)
        first = np.argmax(size >= (1 - 1e-6) * size.max(0), axis=0)
        assert (s.eigenvectors[first, range(11)] > 0).all()
        bases.append(s.eigenvectors)
    assert_allclose(bases, np.broadcast_to(bases[0], np.shape(bases)), atol=1e-8)


def test_feature_vectors_flip_with_their_eigenvectors():
    for seed in range(5):
        Phi = features(8, 5, seed=seed)
        s = Spectrum.from_features(Phi)
        assert_allclose(
            Phi @ s.feature_vectors, s.eigenvectors * np.sqrt(s.eigenvalues), atol=1e-14
        )


def test_inputs_are_left_alone():
    Phi = features(6, 4)
    K, y = Phi @ Phi.T, np.ones(6)
    copies = [a.copy() for a in (Phi, K, y)]
    Spectrum.from_features(Phi).apply(np.ones(4), y)
    Spectrum.from_gram(K).apply(np.ones(6), y)
    for now, before in zip((Phi, K, y), copies, strict=True):
        assert_array_equal(now, before)


def test_a_single_precision_kernel_is_judged_by_its_own_rounding():
    Phi = features(50, 10).astype(np.float32)
    K = Phi @ Phi.T
    K[0, 1] += 1e-8  # asymmetric by less than single precision can hold
    s = Spectrum.from_gram(K)
    assert s.eigenvalues.dtype == np.float64
    assert s.rank == 10


def symmetric(n=3):
    return np.eye(n) + 0.1


@pytest.mark.parametrize(
    ("K", "error", "message"),
    [
        (np.ones((2, 3)), ValueError, r"K must be square, got shape \(2, 3\)"),
        (np.ones(3), ValueError, "K must be 2-dimensional"),
        (np.empty((0, 0)), ValueError, "K is empty"),
        ([[1.0, np.nan], [np.nan, 1.0]], ValueError, "K contains nan"),
        ([[1.0, np.inf], [np.inf, 1.0]], ValueError, "K contains inf"),
        ([[1.0, 0.2], [0.3, 1.0]], ValueError, "K must be symmetric, .* differ by 0.1"),
        ([[10**6, 1], [2, 10**6]], ValueError, "K must be symmetric, .* differ by 1 "),
        ([[1.0, 2.0], [2.0, 1.0]], ValueError, "positive semidefinite, got an eigenvalue -1"),
        (-np.eye(2), ValueError, "positive semidefinite, got an eigenvalue -1"),
        ([["a"]], TypeError, "K must be an array of real numbers"),
        ([[1j]], TypeError, "K must be an array of real numbers"),
        (None, TypeError, "K must be an array of real numbers"),
    ],
)
def test_from_gram_refuses(K, error, message):
    with pytest.raises(error, match=message):
        Spectrum.from_gram(K)


def test_asymmetry_is_found_in_every_block():
    K = np.eye(1100)
    for i, j in ((0, 1099), (700, 3), (1099, 1098)):
        K[i, j] = 1e-3
        with pytest.raises(ValueError, match="K must be symmetric"):
            check_gram(K)
        K[i, j] = 0.0
    check_gram(K)


@pytest.mark.parametrize("Phi", [np.ones(3), np.empty((3, 0)), [[np.nan]], "x"])
def test_from_features_refuses(Phi):
    with pytest.raises((ValueError, TypeError), match="Phi"):
        Spectrum.from_features(Phi)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.expand(np.ones(4)), "y has 4 rows, but the kernel matrix has 3"),
        (lambda s: s.expand(np.ones((3, 1, 1))), "y must be 1-dimensional or 2-dimensional"),
        (lambda s: s.expand([1, 2, np.nan]), "y contains nan"),
        (lambda s: s.apply(np.ones(2), np.ones(3)), r"b must have shape \(\.\.\., 3\)"),
        (lambda s: s.apply(1.0, np.ones(3)), r"b must have shape \(\.\.\., 3\)"),
        (lambda s: s.dual([1, np.inf, 1], np.ones(3)), "b contains inf"),
        (lambda s: s.predict(np.ones((2, 4)), np.ones(3), np.ones(3)), "K_new must have one"),
        (lambda s: s.predict(np.ones(3), np.ones(3), np.ones(3)), "K_new must be 2-dim"),
        (lambda s: s.weights(np.ones(3), np.ones(3)), "weights needs features"),
    ],
)
def test_methods_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call(Spectrum.from_gram(symmetric()))
