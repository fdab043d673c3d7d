"""Energy along eigenvectors and exact clusters: against projections, loops and known cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib.kernel import Spectrum, retrieval
from distill_lib.kernel.kernels import ReluNTK


def random_kernel(rng, n, rank):
    A = rng.standard_normal((n, rank)) * np.logspace(0, -2, rank)
    return A @ A.T


def random_clusters(rng, K=3):
    """Centre kernel, sizes (multiples of 10), signs; unbalanced, signs mixed."""
    A = rng.standard_normal((K, K + 2))
    return A @ A.T / 100, 10 * rng.integers(1, 9, K), rng.choice([-1.0, 1.0], K)


def descend(H, y, step, steps):
    u, kept = np.zeros_like(y), []
    for _ in range(steps + 1):
        kept.append(u)
        u = u - step * H @ (u - y)
    return np.array(kept)


# ------------------------------------------------------------------------ energy of the labels


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (7, 7), (7, 3)])
def test_energy_is_that_of_projections(n, rank):
    rng = np.random.default_rng(n + rank)
    K, Y = random_kernel(rng, n, rank), rng.standard_normal((n, 2))
    spectrum = Spectrum.from_gram(K)
    directions, outside = retrieval.direction_energy(spectrum, Y)
    vectors = np.linalg.eigh(K)[1][:, ::-1][:, :rank]
    assert_allclose(directions[:rank], (vectors.T @ Y) ** 2, rtol=1e-9, atol=1e-14)
    assert (directions[rank:] == 0).all()
    basis = np.linalg.qr(K[:, :rank])[0]
    assert_allclose(outside, (Y**2).sum(0) - ((basis.T @ Y) ** 2).sum(0), atol=1e-12)
    assert_allclose(directions.sum(0) + outside, (Y**2).sum(0), rtol=1e-13)
    assert (outside == 0).all() == (n == rank)
    one = retrieval.direction_energy(K, Y[:, 1])
    assert isinstance(one.outside, float)
    assert_allclose(one.directions, directions[:, 1], atol=1e-15)
    assert_allclose(one.outside, outside[1], rtol=1e-12)


def test_little_energy_outside_the_range_keeps_its_digits():
    """A difference of squares would lose 1e-20 completely beside 1."""
    rng = np.random.default_rng(2)
    Phi = rng.standard_normal((9, 3))
    Q = np.linalg.qr(np.column_stack([Phi, rng.standard_normal(9)]))[0]
    y = Q[:, 0] + 1e-10 * Q[:, 3]
    for spectrum in (Spectrum.from_features(Phi), Spectrum.from_gram(Phi @ Phi.T)):
        assert_allclose(retrieval.direction_energy(spectrum, y).outside, 1e-20, rtol=1e-4)


def test_shares_are_those_of_all_columns_together():
    rng = np.random.default_rng(3)
    K, Y = random_kernel(rng, 8, 5), rng.standard_normal((8, 3))
    vectors = np.linalg.eigh(K)[1][:, ::-1]
    expected = [((vectors[:, :k].T @ Y) ** 2).sum() / (Y**2).sum() for k in range(1, 6)]
    got = retrieval.cumulative_share(K, Y)
    assert_allclose(got[:5], expected, rtol=1e-9)
    assert_array_equal(got[5:], got[4])
    assert retrieval.top_share(K, Y, 3) == got[2]
    assert_allclose(retrieval.cumulative_share(K, 1e200 * Y), got, rtol=1e-12)
    full = retrieval.cumulative_share(K + np.eye(8), Y)
    assert (np.diff(full) >= 0).all()
    assert full[-1] == 1.0


@pytest.mark.parametrize("speed", [1e-4, 0.3, 1.0, 1.7, 2.5])
@pytest.mark.parametrize("rank", [6, 4])
def test_residuals_are_those_of_the_loop(speed, rank):
    rng = np.random.default_rng(4)
    H, Y = random_kernel(rng, 6, rank), rng.standard_normal((6, 2))
    spectrum = Spectrum.from_gram(H)
    d, step = spectrum.eigenvalues, speed / spectrum.eigenvalues[0]
    expected = ((descend(H, Y, step, 40) - Y) ** 2).sum(axis=(1, 2))
    found = retrieval.direction_energy(spectrum, Y)
    how = {"step": step, "outside": found.outside}
    got = retrieval.residual_path(d, found.directions, steps=40, **how)
    assert_allclose(got, expected, rtol=1e-10)
    some = retrieval.residual_path(d, found.directions, steps=[40, 0, 7], **how)
    assert_allclose(some, got[[40, 0, 7]], rtol=1e-14)
    total = retrieval.residual_path(
        d, found.directions.sum(1), step=step, steps=40, outside=found.outside.sum()
    )
    assert_allclose(total, got, rtol=1e-14)
    assert ((np.diff(got) <= 0).all()) == (speed < 2)


def test_residuals_far_away():
    assert_array_equal(retrieval.residual_path([2.0, 1.0], [3.0, 4.0], step=1.0, steps=1), [7, 3])
    slow = retrieval.residual_path([1e-12], [1.0], step=1.0, steps=[10**12])
    assert_allclose(slow, np.exp(-2), rtol=1e-9)
    diverged = retrieval.residual_path([9.0, 1.0, 0.0], [0.0, 2.0, 1.0], step=1.0, steps=[10**6])
    assert_array_equal(diverged, [1.0])  # the unstable direction carries nothing
    assert retrieval.residual_path([9.0], [1.0], step=1.0, steps=[10**6]) == np.inf


def test_clean_labels_of_clusters_lie_in_the_top_eigenvectors():
    """Four clusters that are not exact, ReLU kernel: labels high, noise near its rate."""
    rng = np.random.default_rng(5)
    sizes = [30, 20, 40, 10]
    centres = np.linalg.qr(rng.standard_normal((12, 4)))[0].T
    X = retrieval.block_labels(centres, sizes) + 0.25 * rng.standard_normal((100, 12)) / 12**0.5
    K = ReluNTK()(X)
    clean = retrieval.block_labels([1, -1, 1, -1], sizes)
    noise = retrieval.flipped_labels([1, -1, 1, -1], sizes, 0.3, rng=rng) - clean
    assert retrieval.top_share(K, clean, 4) > 0.95
    assert 0.2 < retrieval.top_share(K, noise, 4) < 0.45
    assert retrieval.noise_share(sizes, 0.3) == pytest.approx(0.3, rel=1e-14)


# ------------------------------------------------------------------------------ exact clusters


def test_blocks():
    kernel, sizes = np.array([[2.0, 1.0], [1.0, 3.0]]), [2, 3]
    Z = np.zeros((5, 2))
    Z[:2, 0] = Z[2:, 1] = 1
    assert_array_equal(retrieval.block_kernel(kernel, sizes), Z @ kernel @ Z.T)
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_array_equal(retrieval.block_labels(values, sizes), Z @ values)
    assert_array_equal(retrieval.block_labels([5, 6], sizes), [5, 5, 6, 6, 6])


def test_exact_fractions_are_flipped():
    sizes, rates, signs = [10, 30, 5], [0.3, 0.1, 0.0], np.array([1, -1, -1])
    clean = retrieval.block_labels(signs, sizes)
    first = retrieval.flipped_labels(signs, sizes, rates)
    assert_array_equal(first[:10], [-1] * 3 + [1] * 7)
    drawn = retrieval.flipped_labels(signs, sizes, rates, rng=np.random.default_rng(1))
    for y in (first, drawn):
        wrong = np.split(y != clean, [10, 40])
        assert [w.sum() for w in wrong] == [3, 3, 0]
        assert set(y) == {-1.0, 1.0}
    assert (first != drawn).any()
    again = retrieval.flipped_labels(signs, sizes, rates, rng=np.random.default_rng(1))
    assert_array_equal(drawn, again)


@pytest.mark.parametrize("seed", range(5))
def test_cluster_eigenvalues_are_the_nonzero_ones(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, _ = random_clusters(rng)
    got = retrieval.cluster_eigenvalues(kernel, sizes)
    assert_allclose(got, np.sort(np.linalg.eigvals(kernel * sizes).real)[::-1], rtol=1e-9)
    H = retrieval.block_kernel(kernel, sizes)
    assert_allclose(got, np.linalg.eigvalsh(H)[::-1][:3], rtol=1e-9)
    assert Spectrum.from_gram(H).rank == 3


@pytest.mark.parametrize("seed", range(5))
def test_noise_share_is_that_of_a_projection(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, signs = random_clusters(rng)
    rates = rng.integers(0, sizes // 2 + 1) / sizes
    rates[0] = 0.1
    H, clean = retrieval.block_kernel(kernel, sizes), retrieval.block_labels(signs, sizes)
    noise = retrieval.flipped_labels(signs, sizes, rates, rng=rng) - clean
    found = retrieval.direction_energy(H, noise)
    assert_allclose(found.directions.sum() + found.outside, 4 * (sizes * rates).sum(), rtol=1e-12)
    share = retrieval.noise_share(sizes, rates)
    assert_allclose(retrieval.top_share(H, noise, 3), share, rtol=1e-11)
    assert_allclose(retrieval.top_share(H, clean, 3), 1.0, rtol=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_descent_ends_at_the_means_and_never_passes_the_bound(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, signs = random_clusters(rng)
    rates = rng.integers(0, sizes // 2) / sizes
    H, clean = retrieval.block_kernel(kernel, sizes), retrieval.block_labels(signs, sizes)
    y = retrieval.flipped_labels(signs, sizes, rates, rng=rng)
    step = 1 / retrieval.cluster_eigenvalues(kernel, sizes)[0]
    far = retrieval.errors(descend(H, y, step, 200), clean).distance
    bound = retrieval.stopping_bound(sizes, rates)
    plain = np.sqrt(sizes.sum()) - np.sqrt((sizes * (1 - 2 * rates) ** 2).sum())
    assert_allclose(bound, plain, atol=1e-12)
    assert (far > bound - 1e-12).all()
    means = retrieval.cluster_means(rates, signs)
    limit = retrieval.block_labels(means, sizes)
    assert_allclose(limit, retrieval.block_labels([c.mean() for c in blocks(y, sizes)], sizes))
    assert_allclose(limit, limit + step * H @ (y - limit), atol=1e-12)  # a fixed point
    wrong, distance = retrieval.errors(limit, clean)
    assert wrong == 0
    assert_allclose(distance, retrieval.limit_error(sizes, rates), rtol=1e-12, atol=1e-12)


def blocks(y, sizes):
    return np.split(y, np.cumsum(sizes)[:-1])


def test_loops_reach_the_limit_and_no_stop_beats_it_for_equal_rates():
    kernel, sizes, signs = np.array([[1.0, 0.3], [0.3, 1.0]]), [60, 120], [1, -1]
    y = retrieval.flipped_labels(signs, sizes, 0.3)
    clean = retrieval.block_labels(signs, sizes)
    step = 1 / retrieval.cluster_eigenvalues(kernel, sizes)[0]
    u = descend(retrieval.block_kernel(kernel, sizes), y, step, 300)
    far = retrieval.errors(u, clean).distance
    assert_allclose(far[-1], 2 * 0.3 * np.sqrt(180), rtol=1e-12)
    assert far[-1] == pytest.approx(8.0498, abs=5e-5)
    assert_allclose(retrieval.stopping_bound(sizes, 0.3), far[-1], rtol=1e-12)
    assert (far >= far[-1] - 1e-12).all()
    assert_allclose(
        retrieval.limit_error(sizes, 0.3, [1.0, 0.5, 0.0]), far[-1] * np.array([1, 0.5, 0])
    )


def test_an_early_stop_beats_the_means_for_unequal_rates():
    kernel, sizes, rates = np.array([[1, 0.95], [0.95, 1]]) / 100, [50, 50], [0.4, 0.0]
    y, step = retrieval.flipped_labels([1, 1], sizes, rates), 1 / 0.975
    assert_allclose(1 / step, retrieval.cluster_eigenvalues(kernel, sizes)[0])
    u = descend(retrieval.block_kernel(kernel, sizes), y, step, 3000)
    far = retrieval.errors(u, np.ones(100)).distance
    bound = retrieval.stopping_bound(sizes, rates)
    assert_allclose([far[1], far[-1], bound], [4.001, 5.657, 2.789], atol=5e-4)


def test_bounds_of_one_cluster_and_without_noise():
    assert retrieval.stopping_bound([1], 0.0) == 0
    assert retrieval.stopping_bound([7], 1e-12) == pytest.approx(2e-12 * 7**0.5, rel=1e-11)
    assert retrieval.limit_error([7], 0.0) == 0
    assert retrieval.noise_share([3], 1e-200) == pytest.approx(1e-200)
    assert_array_equal(retrieval.cluster_means(0.5, [1, -1]), [0, 0])


# ------------------------------------------------------------------------------------- errors


def test_errors_of_signs_over_time():
    clean = np.array([1.0, -1.0, 1.0, -1.0])
    u = np.array([[1.0, -1.0, 1.0, -1.0], [0.0, -0.0, 2.0, 0.5]])
    wrong, far = retrieval.errors(u, clean)
    assert_array_equal(wrong, [0, 0.75])
    assert_allclose(far, [0, np.sqrt(1 + 1 + 1 + 2.25)])
    single = retrieval.errors(u[1], clean)
    assert single == (0.75, pytest.approx(far[1]))
    assert isinstance(single.zero_one, float)


def test_errors_of_classes_over_time():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 9)
    clean, u = np.eye(3)[classes], rng.standard_normal((4, 5, 9, 3))
    wrong, far = retrieval.errors(u, clean)
    assert_allclose(wrong, (u.argmax(-1) != classes).mean(-1))
    assert_allclose(far, np.sqrt(((u - clean) ** 2).sum((-1, -2))))
    tie = retrieval.errors([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1]], np.eye(3)[[0, 1]])
    assert tie.zero_one == 0.5


# ----------------------------------------------------------------------------------- refusals

EYE = np.eye(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: retrieval.direction_energy(EYE, [1.0]), "y has 1 rows, but the kernel matrix"),
        (lambda: retrieval.direction_energy(EYE, [1.0, np.nan]), "y contains nan"),
        (lambda: retrieval.direction_energy(np.ones((2, 3)), [1.0]), "K must be square"),
        (lambda: retrieval.cumulative_share(EYE, [0.0, 0.0]), "y is zero"),
        (lambda: retrieval.cumulative_share(EYE, np.ones((2, 2, 2))), "y must be 1-dimensional or"),
        (lambda: retrieval.top_share(EYE, [1.0, 0.0], 0), "k must be >= 1, got 0"),
        (lambda: retrieval.top_share(EYE, [1.0, 0.0], 3), "k must be <= 2"),
        (lambda: retrieval.residual_path([-1.0], [1.0], step=1.0, steps=1), "d must be >= 0"),
        (lambda: retrieval.residual_path(1.0, [1.0], step=1.0, steps=1), "d must be 1-dim"),
        (lambda: retrieval.residual_path([1.0], [-1.0], step=1.0, steps=1), "energy must be >= 0"),
        (lambda: retrieval.residual_path([1.0], [1.0, 2.0], step=1.0, steps=1), "energy has 2"),
        (lambda: retrieval.residual_path([1.0], 1.0, step=1.0, steps=1), "energy must be 1-dim"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=0.0, steps=1), "step must be > 0"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=[1.0], steps=1), "step must be one"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=1.0, steps=-1), "steps must be >= 0"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=1.0, steps=[[1]]), "steps must be 1-"),
        (
            lambda: retrieval.residual_path([1.0], [1.0], step=1.0, steps=1, outside=-1.0),
            "outside must be >= 0",
        ),
        (lambda: retrieval.block_kernel([[1.0, 2.0], [0.0, 1.0]], [1, 1]), "centre_kernel must be"),
        (lambda: retrieval.block_kernel(EYE, [1]), "centre_kernel has 2 centres, but there are 1"),
        (lambda: retrieval.block_kernel(EYE, [1, 0]), "sizes must be >= 1, got 0"),
        (lambda: retrieval.block_kernel(EYE, [[1, 1]]), "sizes must be 1-dimensional"),
        (lambda: retrieval.block_kernel(EYE, []), "sizes is empty"),
        (lambda: retrieval.block_labels([1.0], [1, 1]), "values has 1 rows, but there are 2"),
        (lambda: retrieval.block_labels([np.inf], [1]), "values contains inf"),
        (lambda: retrieval.flipped_labels([1, 0], [2, 2], 0.5), "signs must be 1 or -1, got 0"),
        (lambda: retrieval.flipped_labels([1, 1], [2, 3], 0.5), "rates \\* sizes must be whole"),
        (lambda: retrieval.flipped_labels([1, 1], [2, 2], 1.5), "rates must lie in \\[0, 1\\]"),
        (lambda: retrieval.flipped_labels([1, 1], [2, 2], [0.5]), "one number or one a cluster"),
        (lambda: retrieval.flipped_labels([1], [2, 2], 0.5), "signs must be one a cluster"),
        (lambda: retrieval.cluster_eigenvalues(-EYE, [1, 1]), "must be positive semidefinite"),
        (lambda: retrieval.cluster_means([1.1]), "rates must lie in"),
        (lambda: retrieval.cluster_means([0.1], [2]), "signs must be 1 or -1, got 2"),
        (lambda: retrieval.limit_error([5], 0.2, alpha=1.2), "alpha must lie in"),
        (lambda: retrieval.limit_error([5], [0.2, 0.2]), "rates must be one number or one a"),
        (lambda: retrieval.stopping_bound([5], -0.2), "rates must lie in"),
        (lambda: retrieval.noise_share([5], 0.0), "rates are all 0"),
        (lambda: retrieval.errors([1.0], [0.0]), "clean must hold nonzero numbers"),
        (lambda: retrieval.errors([1.0, 1.0], [1.0]), "the last axes of u must be those of clean"),
        (lambda: retrieval.errors([1.0, 1.0], EYE), "the last axes of u must be those of clean"),
        (lambda: retrieval.errors([[1.0]], [[1.0]]), "clean must have at least two classes"),
        (lambda: retrieval.errors(EYE, np.ones((2, 2))), "one largest entry, got a tie"),
        (lambda: retrieval.errors([np.inf], [1.0]), "u contains inf"),
    ],
)
def test_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: retrieval.top_share(EYE, [1.0, 0.0], 1.0), "k must be a whole number"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=1.0, steps=1.5), "steps must be a"),
        (lambda: retrieval.residual_path([1.0], [1.0], step=True, steps=1), "step must be a num"),
        (lambda: retrieval.limit_error([5.0], 0.2), "sizes must be a whole number"),
        (lambda: retrieval.limit_error([5], "a"), "rates must be an array of real numbers"),
        (
            lambda: retrieval.flipped_labels([1], [2], 0.5, rng=0),
            "rng must be a numpy.random.Generator, got int",
        ),
    ],
)
def test_refuses_other_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()
