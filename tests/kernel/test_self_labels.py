"""Self-labels: against a plain loop, other routes to the same number, and known examples."""

import time

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, logsumexp, softmax

from distill_lib.kernel import Spectrum, filters, retrieval
from distill_lib.kernel import self_labels as sl
from distill_lib.kernel.kernels import ReluNTK


def loop(H, y, weights, step, h, *, updates=1, lag=0, start=None):
    """Plain gradient steps with the full matrix; every time is kept."""
    u = np.zeros(y.shape) if start is None else start
    path = [u]
    for t, alpha in enumerate(weights):
        target = alpha * y + (1 - alpha) * h(path[max(t - lag, 0)])
        for _ in range(updates):
            u = u - step * H @ (u - target)
        path.append(u)
    return np.array(path)


def one_hot_of_largest(u):
    return np.eye(u.shape[1])[u.argmax(1)] if np.any(u) else np.full(u.shape, 1 / u.shape[1])


def kernel_and_labels(rng, n=9, rank=9, q=None):
    A = rng.standard_normal((n, rank))
    y = rng.choice([-1.0, 1.0], n) if q is None else np.eye(q)[rng.integers(0, q, n)]
    return A @ A.T / n, y


def clusters(kernel, sizes, signs, rates):
    """H, given labels, clean labels, the least eigenvalue and 1 / the largest one."""
    d = retrieval.cluster_eigenvalues(kernel, sizes)
    y = retrieval.flipped_labels(signs, sizes, rates)
    H = retrieval.block_kernel(kernel, sizes)
    return H, y, retrieval.block_labels(signs, sizes), d[-1], 1 / d[0]


#: A small and a large cluster of opposite label: the example on which sudden drops fail.
SIZES = np.array([10, 90])
KERNEL = np.array([[1.0, 0.9], [0.9, 1.0]])


@pytest.fixture
def unbalanced():
    return clusters(KERNEL, SIZES, [1, -1], 0.4)


def random_clusters(rng):
    """Unbalanced clusters of both labels with unequal rates; sizes are multiples of 10."""
    K = rng.integers(1, 5)
    A = rng.standard_normal((K, K + 2))
    sizes = 10 * rng.integers(1, 12, K)
    return A @ A.T / 10, sizes, rng.choice([-1.0, 1.0], K), rng.integers(0, 5, K) / 10


# ------------------------------------------------------------------------------------ targets


def test_hard_labels():
    rng = np.random.default_rng(0)
    u, U = rng.standard_normal(20), rng.standard_normal((20, 4))
    assert_array_equal(sl.hard(u), np.where(u > 0, 1, -1))
    assert_array_equal(sl.hard(U), one_hot_of_largest(U))
    assert_array_equal(sl.hard([0.0, -0.0]), [0, 0])
    assert_array_equal(sl.hard(np.zeros((1, 3))), np.full((1, 3), 1 / 3))


def test_sharpened_labels_lie_between_uniform_and_hard():
    rng = np.random.default_rng(1)
    u, U = rng.standard_normal(20), rng.standard_normal((20, 4))
    assert_allclose(sl.sharpened(u, 0.7), np.tanh(u / 0.7))
    assert_allclose(sl.sharpened(U, 0.7), softmax(U / 0.7, axis=1))
    for values in (u, U, [0.0, 3.0], [[1.0, 1.0, 0.0]]):
        assert_allclose(sl.sharpened(values, 1e-300), sl.hard(values))
    assert_allclose(sl.sharpened(1e6 * U, 1e12), 0.25, atol=1e-5)
    two = np.column_stack([u, -u])
    assert_allclose(np.subtract(*sl.sharpened(two, 0.7).T), sl.sharpened(u, 0.7))


def test_soft_labels_are_a_copy():
    u = np.array([0.3, -2.0])
    got = sl.soft(u)
    assert_array_equal(got, u)
    assert got is not u


# ---------------------------------------------------------------------------------- schedules


def test_schedules():
    assert_array_equal(sl.constant_weights(3, 0.3), [0.3] * 3)
    assert_array_equal(sl.constant_weights(2, 0.3, burn_in=5), [1, 1])
    assert_array_equal(sl.geometric_weights(4, 0.0, burn_in=1), [1, 1, 0, 0])
    assert_array_equal(sl.geometric_weights(3, 0.5, burn_in=0), [1, 0.5, 0.25])
    assert sl.effective_time(sl.geometric_weights(200, 0.9, burn_in=3), 0.5) == pytest.approx(6.5)


def test_adaptive_weights_are_the_disagreement():
    rng = np.random.default_rng(2)
    for q in (None, 3):
        H, y = kernel_and_labels(rng, n=30, q=q)
        path = sl.run(H, y, sl.Adaptive(40, burn_in=3), step=0.3)
        for t, alpha in enumerate(path.weights):
            differs = sl.hard(path.predictions[t]) != y
            share = (differs if q is None else differs.any(1)).mean()
            assert alpha == (1.0 if t < 3 else pytest.approx(share, abs=1e-15))
        assert_allclose(path.predictions, sl.run(H, y, path.weights, step=0.3).predictions)
    start = sl.run(H, y, sl.Adaptive(1, burn_in=0), step=0.3)
    assert start.weights == [1.0]  # without an opinion there is no agreement


# ------------------------------------------------------------------------------- the dynamics

NAMED = {
    "hard": (None, np.sign, one_hot_of_largest),
    "soft": (None, lambda u: u, lambda u: u),
    "sharpened": (0.4, lambda u: np.tanh(u / 0.4), lambda u: softmax(u / 0.4, axis=1)),
}


@pytest.mark.parametrize("target", NAMED)
@pytest.mark.parametrize("q", [None, 2, 4])
@pytest.mark.parametrize("rank", [9, 5])
@pytest.mark.parametrize(("updates", "lag"), [(1, 0), (3, 0), (1, 2), (2, 5)])
def test_runs_are_those_of_the_loop(target, q, rank, updates, lag):
    rng = np.random.default_rng(3)
    H, y = kernel_and_labels(rng, rank=rank, q=q)
    temperature, signs, classes = NAMED[target]
    step = 0.9 / np.linalg.eigvalsh(H)[-1]
    weights = rng.uniform(0, 1, 40)
    how = {"step": step, "updates": updates, "lag": lag}
    expected = loop(H, y, weights, h=signs if q is None else classes, **how)
    got = sl.run(H, y, weights, target=target, temperature=temperature, **how)
    assert_allclose(got.predictions, expected, rtol=0, atol=1e-12)
    assert_array_equal(got.times, np.arange(41))
    assert_array_equal(got.weights, weights)
    custom = sl.run(H, y, weights, target=signs if q is None else classes, **how)
    assert_allclose(custom.predictions, expected, rtol=0, atol=1e-12)
    some = sl.run(H, y, weights, target=target, temperature=temperature, record=[0, 7, 40], **how)
    assert_array_equal(some.predictions, got.predictions[[0, 7, 40]])
    assert_array_equal(some.dual, got.dual[[0, 7, 40]])


def test_unstable_looking_but_stable_steps_and_starts():
    rng = np.random.default_rng(4)
    H, y = kernel_and_labels(rng, rank=5)
    step, start = 1.9 / np.linalg.eigvalsh(H)[-1], H @ rng.standard_normal(9)
    weights = rng.uniform(0, 1, 30)
    expected = loop(H, y, weights, step, np.sign, start=start)
    got = sl.run(H, y, weights, step=step, start=start)
    assert_allclose(got.predictions, expected, rtol=0, atol=1e-12)
    first = sl.run(H, y, weights[:12], step=step, start=start)
    rest = sl.run(H, y, weights[12:], step=step, start=first.predictions[-1])
    assert_allclose(rest.predictions, got.predictions[12:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("updates", [1, 3])
def test_full_weight_is_gradient_descent(updates):
    rng = np.random.default_rng(5)
    H, Y = kernel_and_labels(rng, rank=6, q=3)
    spectrum = Spectrum.from_gram(H)
    step = 1.2 / spectrum.eigenvalues[0]
    got = sl.run(spectrum, Y, np.ones(50), step=step, updates=updates)
    b = filters.gradient_descent(spectrum.eigenvalues, step, updates * np.arange(51)[:, None])
    assert_allclose(got.predictions, spectrum.apply(b, Y), rtol=0, atol=1e-12)
    assert_allclose(got.dual, spectrum.dual(b, Y), rtol=0, atol=1e-11)


def test_soft_labels_only_scale_the_steps():
    rng = np.random.default_rng(6)
    H, y = kernel_and_labels(rng)
    spectrum = Spectrum.from_gram(H)
    step, weights = 0.8 / spectrum.eigenvalues[0], rng.uniform(0, 1, 60)
    got = sl.run(spectrum, y, weights, step=step, target="soft")
    u = np.zeros(9)
    for t, alpha in enumerate(weights):
        assert_allclose(got.predictions[t], u, rtol=0, atol=1e-12)
        u = u - alpha * step * H @ (u - y)
    missed = np.prod(1 - np.outer(weights, step * spectrum.eigenvalues), axis=0)
    assert_allclose(got.predictions[-1], spectrum.apply(1 - missed, y), rtol=0, atol=1e-12)


def test_small_steps_with_soft_labels_flow_for_the_effective_time():
    rng = np.random.default_rng(7)
    H, y = kernel_and_labels(rng, n=5, rank=5)
    weights, step = np.repeat([1.0, 0.3, 0.05], 4000), 1e-4
    got = sl.run(H, y, weights, step=step, target="soft", record=[12000]).predictions[0]
    spectrum = Spectrum.from_gram(H)
    flow = filters.gradient_flow(spectrum.eigenvalues, sl.effective_time(weights, step))
    assert_allclose(got, spectrum.apply(flow, y), atol=1e-4)


def test_many_updates_fit_each_target_completely():
    """On the directions that the kernel has, the next prediction is the target itself."""
    rng = np.random.default_rng(8)
    H, y = kernel_and_labels(rng, n=6, rank=6)
    weights = np.full(5, 0.4)
    got = sl.run(H, y, weights, step=0.5 / np.linalg.eigvalsh(H)[-1], updates=10**9)
    u = np.zeros(6)
    for t in range(5):
        assert_allclose(got.predictions[t], u, atol=1e-12)
        u = 0.4 * y + 0.6 * np.sign(u)


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_lagged_soft_labels_end_at_the_noisy_labels(lag):
    rng = np.random.default_rng(9)
    H, y = kernel_and_labels(rng, n=6, rank=6)
    spectrum = Spectrum.from_gram(H + 0.05 * np.eye(6))
    step, alpha = 1 / spectrum.eigenvalues[0], 0.3
    got = sl.run(spectrum, y, np.full(9000, alpha), step=step, target="soft", lag=lag)
    assert_allclose(got.predictions[-1], y, atol=1e-8)
    e = spectrum.eigenvectors.T @ (got.predictions[: lag + 60] - y).T
    w = step * spectrum.eigenvalues
    for t in range(lag, lag + 50):
        expected = (1 - w) * e[:, t] + w * (1 - alpha) * e[:, t - lag]
        assert_allclose(e[:, t + 1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("q", [None, 3])
def test_duals_predict_anywhere(q):
    """A kernel of features: predictions are those of descent on the feature weights."""
    rng = np.random.default_rng(10)
    Phi, new = rng.standard_normal((8, 4)), rng.standard_normal((3, 4))
    _, y = kernel_and_labels(rng, n=8, q=q)
    step, weights = 0.9 / np.linalg.norm(Phi, 2) ** 2, rng.uniform(0, 1, 50)
    hard = np.sign if q is None else one_hot_of_largest
    w = np.zeros((4, *y.shape[1:]))
    for alpha in weights:
        u = Phi @ w
        w = w - step * Phi.T @ (u - alpha * y - (1 - alpha) * hard(u))
    for spectrum in (Phi @ Phi.T, Spectrum.from_features(Phi)):
        path = sl.run(spectrum, y, weights, step=step)
        fitted = np.matmul(Phi @ Phi.T, path.dual.reshape(51, 8, -1))
        assert_allclose(fitted.reshape(path.dual.shape), path.predictions, rtol=0, atol=1e-12)
        assert_allclose((new @ Phi.T) @ path.dual[-1], new @ w, rtol=0, atol=1e-12)
        assert path.dual.shape == path.predictions.shape


def test_duals_of_tiny_eigenvalues_keep_their_digits():
    d = np.array([1.0, 1e-9, 1e-13])
    y = np.array([1.0, -1.0, 1.0])
    path = sl.run(Spectrum(d, np.eye(3)), y, np.ones(3), step=0.5)
    assert_allclose(path.dual[-1], y * (1 - (1 - 0.5 * d) ** 3) / d, rtol=1e-2)
    assert_allclose(path.dual[-1, 1:], 1.5 * y[1:], rtol=1e-8)


def test_one_point_and_the_zero_kernel():
    path = sl.run([[2.0]], [-1.0], [1.0, 0.5], step=0.25)
    assert_allclose(path.predictions, [[0], [-0.5], [-0.75]])
    still = sl.run(np.zeros((2, 2)), [1.0, -1.0], np.ones(3), step=1.0)
    assert_array_equal(still.predictions, np.zeros((4, 2)))
    assert_array_equal(still.dual, np.zeros((4, 2)))


def test_two_classes_are_the_signs():
    """One-hot labels: the difference of the columns follows the labels 1 and -1."""
    rng = np.random.default_rng(11)
    H, y = kernel_and_labels(rng, n=12)
    Y = np.column_stack([y > 0, y < 0]).astype(float)
    step, weights = 1 / np.linalg.eigvalsh(H)[-1], sl.geometric_weights(60, 0.9, burn_in=4)
    two, one = (sl.run(H, labels, weights, step=step).predictions for labels in (Y, y))
    assert_allclose(two[..., 0] - two[..., 1], one, rtol=0, atol=1e-12)
    assert_array_equal(two[1:].argmax(-1), one[1:] < 0)


def test_a_callable_may_reuse_its_output_and_spoil_its_input():
    rng = np.random.default_rng(12)
    H, y = kernel_and_labels(rng)
    buffer = np.empty(9)

    def sign(u):
        np.sign(u, out=buffer)
        u[:] = np.nan
        return buffer

    weights = rng.uniform(0, 1, 20)
    how = {"step": 1 / np.linalg.eigvalsh(H)[-1]}
    assert_array_equal(
        sl.run(H, y, weights, target=sign, **how).predictions,
        sl.run(H, y, weights, **how).predictions,
    )


def test_large_runs_are_quick():
    rng = np.random.default_rng(13)
    spectrum = Spectrum(np.geomspace(1, 1e-4, 1000), np.linalg.qr(rng.normal(size=(1000, 1000)))[0])
    Y = np.eye(10)[rng.integers(0, 10, 1000)]
    began = time.process_time()
    sl.run(spectrum, Y, sl.geometric_weights(300, 0.97, burn_in=20), step=1.0)
    assert time.process_time() - began < 10  # about half a second


# -------------------------------------------------------------- the window of the theorem: signs


def test_window_of_the_unbalanced_example(unbalanced):
    _, _, _, mu, step = unbalanced
    assert sl.burn_in_length(SIZES, 0.4, mu, step=step) == 104
    q = sl.fastest_decay(SIZES, 0.4, mu, step=step)
    assert q == pytest.approx(0.99930, abs=5e-6)
    assert sl.largest_decrement(SIZES, 0.4, mu, step=step) == pytest.approx(1 - q, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_burn_in_is_the_least_integer(seed):
    rng = np.random.default_rng(seed)
    _, sizes, _, rates = random_clusters(rng)
    mu, step = rng.uniform(0.01, 1, 2)
    T0 = sl.burn_in_length(sizes, rates, mu, step=step)
    with mpmath.workdps(40):
        shrink = 1 - mpmath.mpf(mu) * mpmath.mpf(step)
        pairs = zip(sizes.tolist(), rates.tolist(), strict=True)
        norm = mpmath.sqrt(sum(n * (1 - 2 * mpmath.mpf(r)) ** 2 for n, r in pairs))
        goal = mpmath.sqrt(int(sizes.min())) * (1 - 2 * mpmath.mpf(rates.max())) / 2
        assert shrink**T0 * norm <= goal * (1 + mpmath.mpf(1e-12))
        assert T0 == 1 or shrink ** (T0 - 1) * norm > goal


def test_window_at_its_ends():
    assert sl.burn_in_length([9], 0.0, 2.0, step=0.25) == 1  # (1 - 1/2)^1 2 = 1 exactly
    assert sl.burn_in_length([3, 48], 0.0, 1.0, step=1.0) == 1
    assert sl.burn_in_length([1, 3], 0.0, 0.5, step=1.0) == 2  # 2 sqrt(4) / 1 = 4
    assert sl.largest_decrement([9], 0.0, 1.0, step=0.5) == np.inf
    assert sl.fastest_decay([9], 0.0, 1.0, step=0.5) == 0
    assert sl.largest_decrement([16], 0.25, 1.0, step=0.5) == 0.25
    assert sl.fastest_decay([16], 0.01, 1.0, step=1.0) == 0
    third = 1 / 3 + 1e-16
    assert sl.burn_in_length([3], 0.1, 3.0, step=third) == 1  # step * mu is 1 up to rounding


@pytest.mark.parametrize("seed", range(30))
def test_theorem_on_random_clusters_at_the_ends_of_the_window(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, signs, rates = random_clusters(rng)
    H, y, clean, mu, step = clusters(kernel, sizes, signs, rates)
    T0 = sl.burn_in_length(sizes, rates, mu, step=step)
    q = sl.fastest_decay(sizes, rates, mu, step=step)
    weights = sl.geometric_weights(T0 + 400, q, burn_in=T0)
    path = sl.run(H, y, weights, step=step)
    bounds = sl.window_bounds(sizes, rates, mu, weights, step=step)
    assert_array_equal(bounds.times, np.arange(T0, T0 + 401))
    u = path.predictions[bounds.times]
    assert (clean * u > 0).all()
    assert (retrieval.errors(u, clean).distance <= bounds.distance + 1e-12).all()
    assert ((clean * u).min(axis=1) >= bounds.margin - 1e-12).all()
    means = clean - 2 * np.append(weights[T0:], weights[-1])[:, None] * np.repeat(
        rates * signs, sizes
    )
    assert (np.linalg.norm(u - means, axis=1) <= bounds.delta + 1e-12).all()
    assert (bounds.delta <= np.sqrt(sizes.min()) * (0.5 - rates.max()) * (1 + 1e-9)).all()
    assert (bounds.margin > 0).all()


def test_bounds_follow_the_recursion_by_hand():
    """One cluster of 4 points, one label wrong, step * mu = 1/2: T0 = 1."""
    got = sl.window_bounds([4], 0.25, 1.0, [1.0, 1.0, 0.9], step=0.5)
    assert_array_equal(got.times, [1, 2, 3])
    assert_allclose(got.delta, [0.5, 0.35, 0.175])  # 0.5/2 + 2 0.1 0.25 2 = 0.35; then halved
    assert_allclose(got.distance, [1.5, 1.25, 1.075])
    assert_allclose(got.margin, [0.25, 0.375, 0.4625])


def test_theorem_reaches_the_clean_labels(unbalanced):
    H, y, clean, mu, step = unbalanced
    q = sl.fastest_decay(SIZES, 0.4, mu, step=step)
    path = sl.run(
        H, y, sl.geometric_weights(60000, q, burn_in=104), step=step, record=[104, 5000, 60000]
    )
    wrong, far = retrieval.errors(path.predictions, clean)
    assert (wrong == 0).all()
    assert far[-1] < 1e-12
    lowered = np.maximum(sl.geometric_weights(20000, q, burn_in=104), 0.2)
    end = sl.run(H, y, lowered, step=step, record=[20000]).predictions[0]
    assert_allclose(retrieval.errors(end, clean), (0, 1.6), atol=1e-12)


def test_a_sudden_drop_can_lose_a_small_cluster(unbalanced):
    H, y, clean, _, step = unbalanced
    assert not sl.survives_drop(SIZES, 0.4, 0.2)
    for T0 in (104, 5000):
        weights = sl.constant_weights(T0 + 3000, 0.2, burn_in=T0)
        path = sl.run(H, y, weights, step=step, record=[T0, T0 + 1, T0 + 3000])
        assert_array_equal(path.predictions[:, 0] > 0, [True, False, False])
        assert_allclose(path.predictions[-1, [0, -1]], [-0.76, -0.84], atol=1e-12)
        wrong, far = retrieval.errors(path.predictions[-1], clean)
        assert wrong == 0.1
        assert far == pytest.approx(5.769, abs=5e-4)
        assert_allclose(retrieval.limit_error(SIZES, 0.4, 0.2), 1.6)


def test_adaptive_weights_can_lose_a_small_cluster(unbalanced):
    H, y, _, _, step = unbalanced
    path = sl.run(H, y, sl.Adaptive(5000, burn_in=104), step=step, record=[5000])
    assert_allclose(path.predictions[0, [0, -1]], [-0.496, -0.664], atol=1e-12)
    assert path.weights[-1] == pytest.approx(0.42)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (sl.constant_weights(4000, 0.5, burn_in=200), 4.02492),
        (sl.constant_weights(4000, 0.2, burn_in=200), 1.60997),
        (sl.Adaptive(4000, burn_in=200), 2.41495),
    ],
)
def test_limits_on_balanced_clusters(weights, expected):
    """Sizes 40 and 50 rather than 45, so that 30 % of a cluster are whole labels."""
    sizes, signs = [40, 50, 40, 50], [1, -1, -1, 1]
    kernel = ReluNTK()(np.eye(4) + 0.1)
    H, y, clean, _, step = clusters(kernel, sizes, signs, 0.3)
    path = sl.run(H, y, weights, step=step, record=[4000])
    alpha = path.weights[-1]
    wrong, far = retrieval.errors(path.predictions[0], clean)
    assert wrong == 0
    assert far == pytest.approx(expected, abs=5e-6)
    assert_allclose(far, retrieval.limit_error(sizes, 0.3, alpha), rtol=1e-11)
    assert sl.survives_drop(sizes, 0.3, alpha) == (alpha == 0.5)  # sufficient, not necessary


@pytest.mark.parametrize("seed", range(60))
def test_drops_that_are_known_to_be_safe_are(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, signs, rates = random_clusters(rng)
    alpha = rng.uniform()
    safe = sl.survives_drop(sizes, rates, alpha)
    gap = np.sqrt((sizes * rates**2).sum()) - rates.max() * np.sqrt(sizes.min())
    assert safe == ((1 - alpha) * gap < np.sqrt(sizes.min()) * (1 - 2 * rates.max()) / 2)
    if safe:
        H, y, clean, mu, step = clusters(kernel, sizes, signs, rates)
        T0 = sl.burn_in_length(sizes, rates, mu, step=step)
        path = sl.run(H, y, sl.constant_weights(T0 + 300, alpha, burn_in=T0), step=step)
        assert (path.predictions[T0:] * clean > 0).all()
    assert sl.survives_drop(sizes, rates, 1.0)
    assert sl.survives_drop([50], 0.45, 0.0)


# ----------------------------------------------------------- the window of the theorem: classes


def class_labels(shares, sizes):
    """Integer labels: of each cluster the exact shares."""
    counts = np.round(np.asarray(shares) * np.asarray(sizes)[:, None]).astype(int)
    return np.concatenate([np.repeat(np.arange(counts.shape[1]), c) for c in counts])


def random_class_clusters(rng):
    """Shares in tenths with a plurality, three classes or more, unbalanced clusters."""
    K, C = rng.integers(2, 5), rng.integers(3, 5)
    shares = np.zeros((K, C))
    for row in shares:
        while np.sort(row)[-1] == np.sort(row)[-2]:
            row[:] = rng.multinomial(10, rng.dirichlet(np.ones(C))) / 10
    A = rng.standard_normal((K, K + 2))
    return A @ A.T / 10, 10 * rng.integers(1, 12, K), shares


@pytest.mark.parametrize("seed", range(30))
def test_several_classes_at_the_ends_of_the_window(seed):
    rng = np.random.default_rng(seed)
    kernel, sizes, shares = random_class_clusters(rng)
    d = retrieval.cluster_eigenvalues(kernel, sizes)
    H, mu, step = retrieval.block_kernel(kernel, sizes), d[-1], 1 / d[0]
    C = shares.shape[1]
    Y = np.eye(C)[class_labels(shares, sizes)]
    clean = np.eye(C)[np.repeat(shares.argmax(1), sizes)]
    T0 = sl.class_burn_in_length(shares, sizes, mu, step=step)
    q = max(0.0, 1 - sl.class_largest_decrement(shares, sizes, mu, step=step))
    path = sl.run(H, Y, sl.geometric_weights(T0 + 300, q, burn_in=T0), step=step)
    assert (retrieval.errors(path.predictions[T0:], clean).zero_one == 0).all()
    start = sl.run(H, Y, np.ones(T0), step=step, record=[T0]).predictions[0]
    means = np.repeat(shares, sizes, axis=0)
    gaps = 2 * np.sort(shares, axis=1)[:, -1] - np.sort(shares, axis=1)[:, -2:].sum(1)
    allowed = np.sqrt(sizes.min()) * gaps.min() / (2 * np.sqrt(2))
    assert np.linalg.norm(start - means) <= allowed + 1e-12
    shrink, full = 1 - mu * step, np.linalg.norm(means)
    assert shrink**T0 * full <= allowed * (1 + 1e-12)
    assert T0 == 1 or shrink ** (T0 - 1) * full > allowed
    assert_allclose(sl.class_limit_error(shares, sizes), np.linalg.norm(means - clean), atol=1e-14)
    if np.any(shares.max(1) < 1):
        drop = sl.class_largest_decrement(shares, sizes, mu, step=step)
        assert_allclose(shrink * allowed + drop * np.linalg.norm(means - clean), allowed)


def test_several_classes_reach_the_clean_labels_from_a_plurality():
    sizes, shares = [10, 60], np.array([[0.4, 0.3, 0.3], [0.3, 0.2, 0.5]])
    kernel = np.array([[1.0, 0.3], [0.3, 1.0]])
    d = retrieval.cluster_eigenvalues(kernel, sizes)
    Y = np.eye(3)[class_labels(shares, sizes)]
    clean = np.eye(3)[np.repeat([0, 2], sizes)]
    how = {"step": 1 / d[0], "classes": [0, 2]}
    T0 = sl.class_burn_in_length(shares, sizes, d[-1], **how)
    q = 1 - sl.class_largest_decrement(shares, sizes, d[-1], **how)
    H, end = retrieval.block_kernel(kernel, sizes), 20000
    path = sl.run(H, Y, sl.geometric_weights(end, q, burn_in=T0), step=1 / d[0], record=[end])
    wrong, far = retrieval.errors(path.predictions[0], clean)
    assert (wrong, far < 1e-10) == (0, True)
    half = np.maximum(sl.geometric_weights(end, q, burn_in=T0), 0.5)
    path = sl.run(H, Y, half, step=1 / d[0], record=[end])
    _, far = retrieval.errors(path.predictions[0], clean)
    assert_allclose(far, sl.class_limit_error(shares, sizes, 0.5), rtol=1e-10)


def test_two_classes_agree_with_signs():
    """The gap is 1 - 2 rho and |e| is sqrt(2) rho; the window differs only through the norms."""
    rates, sizes = np.array([0.4, 0.1]), np.array([10, 90])
    shares = np.column_stack([1 - rates, rates])
    how = {"step": 0.02}
    assert_allclose(
        sl.class_limit_error(shares, sizes, 0.7) * np.sqrt(2),
        retrieval.limit_error(sizes, rates, 0.7),
    )
    noise = np.sqrt((sizes * rates**2).sum())
    assert_allclose(
        sl.class_largest_decrement(shares, sizes, 1.5, **how) * noise,
        sl.largest_decrement(sizes, rates, 1.5, **how) * 0.4 * np.sqrt(100),
    )
    assert sl.class_burn_in_length(shares, sizes, 1.5, **how) >= sl.burn_in_length(
        sizes, rates, 1.5, **how
    )
    assert sl.class_largest_decrement([[1.0, 0.0]], [5], 1.5, **how) == np.inf


# ------------------------------------------------------------------- beyond exact clusters


def test_full_rank_kernels_memorize_and_self_labels_do_not():
    rng = np.random.default_rng(14)
    sizes, signs = [30, 20, 30, 40], [1, -1, 1, -1]
    centres = np.linalg.qr(rng.standard_normal((12, 4)))[0].T
    X = retrieval.block_labels(centres, sizes) + 0.25 * rng.standard_normal((120, 12)) / 12**0.5
    spectrum, clean = Spectrum.from_gram(ReluNTK()(X)), retrieval.block_labels(signs, sizes)
    assert spectrum.rank == 120
    y = retrieval.flipped_labels(signs, sizes, 0.3, rng=rng)
    step, long = 1 / spectrum.eigenvalues[0], 10**8
    plain = sl.run(spectrum, y, [1.0], step=step, updates=long)
    assert_allclose(plain.predictions[1], y, atol=1e-6)
    assert_allclose(retrieval.errors(plain.predictions[1], clean), (0.3, 12), rtol=1e-6)
    decayed = sl.run(spectrum, y, sl.geometric_weights(300, 0.9, burn_in=10), step=step)
    kept = decayed.predictions[-1]
    limit = sl.run(spectrum, y, [0.0], step=step, updates=long, start=kept).predictions[1]
    for steps in (0, 20, 290):
        assert retrieval.errors(decayed.predictions[10 + steps], clean).zero_one == 0
    assert_allclose(retrieval.errors(limit, clean), (0, 0), atol=1e-6)


@pytest.mark.parametrize("pattern", range(8))
def test_every_pattern_is_locked_in(pattern):
    rng = np.random.default_rng(15)
    H, _ = kernel_and_labels(rng, n=3, rank=3)
    s = np.array([1.0 if pattern >> i & 1 else -1.0 for i in range(3)])
    step = 1 / np.linalg.eigvalsh(H)[-1]
    still = sl.run(H, -s, np.zeros(5), step=step, start=s)
    assert_allclose(still.predictions, np.tile(s, (6, 1)), atol=1e-14)
    away = rng.standard_normal(3)
    near = sl.run(H, -s, np.zeros(5000), step=step, start=s + 0.99 * away / np.linalg.norm(away))
    assert (np.sign(near.predictions) == s).all()
    assert_allclose(near.predictions[-1], s, atol=1e-8)


# ----------------------------------------------------------------------------------- the energy


def plain_energy(u, y, alpha, target, T):
    """The formula with scipy, for one vector or matrix."""
    if target == "soft":
        psi = (u**2).sum() / 2
    elif u.ndim == 1:
        psi = np.abs(u).sum() if target == "hard" else (T * np.log(np.cosh(u / T))).sum()
    else:
        psi = u.max(1).sum() if target == "hard" else T * logsumexp(u / T, axis=1).sum()
    return alpha / 2 * ((u - y) ** 2).sum() + (1 - alpha) * ((u**2).sum() / 2 - psi)


@pytest.mark.parametrize("target", NAMED)
@pytest.mark.parametrize("q", [None, 2, 4])
def test_energy_is_the_formula_and_its_gradient_the_step(target, q):
    rng = np.random.default_rng(16)
    _, y = kernel_and_labels(rng, q=q)
    T = NAMED[target][0]
    U = 2 * rng.standard_normal((5, *y.shape))
    got = sl.energy(U, y, 0.3, target=target, temperature=T)
    assert_allclose(got, [plain_energy(u, y, 0.3, target, T) for u in U], rtol=1e-12)
    assert sl.energy(U[2], y, 0.3, target=target, temperature=T) == pytest.approx(got[2])
    h, labels = 1e-6, NAMED[target][1 if q is None else 2](U[0])
    for i in np.ndindex(y.shape):
        step = np.zeros(y.shape)
        step[i] = h
        up, down = (
            sl.energy(U[0] + s, y, 0.3, target=target, temperature=T) for s in (step, -step)
        )
        slope = (U[0] - 0.3 * y - 0.7 * labels)[i]
        assert (up - down) / (2 * h) == pytest.approx(slope, abs=1e-7)


def test_smooth_energies_at_extreme_temperatures():
    u, y = np.array([3.0, -1e-3, 0.0, 1.0]), np.ones(4)
    for T in (1e-300, 1e-6, 0.9, 1e9):
        got = sl.energy(u, y, 0.0, target="sharpened", temperature=T)
        with mpmath.workdps(60):
            psi = [
                T
                * (
                    abs(v) / T
                    + mpmath.log1p(mpmath.exp(-2 * abs(v) / mpmath.mpf(T)))
                    - mpmath.log(2)
                )
                for v in map(mpmath.mpf, u)
            ]
            assert got == pytest.approx(float((u**2).sum() / 2 - sum(psi)), rel=1e-12)
    U = np.array([[1.0, 2.0, 2.0], [0.0, -4.0, 1.0]])
    for T in (1e-6, 1.0, 1e3):
        got = sl.energy(U, U, 0.0, target="sharpened", temperature=T)
        first = T * (U[:, 0] / T - log_softmax(U / T, axis=1)[:, 0]).sum()
        assert got == pytest.approx((U**2).sum() / 2 - first, rel=1e-9)
    cold = sl.energy(U, U, 0.2, target="sharpened", temperature=1e-300)
    assert cold == pytest.approx(sl.energy(U, U, 0.2))


@pytest.mark.parametrize("target", NAMED)
@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("speed", [0.1, 1.0, 1.9])
def test_energy_falls_by_at_least_its_bound(target, q, speed):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        H, y = kernel_and_labels(rng, rank=rng.integers(1, 10), q=q)
        T, alpha = NAMED[target][0], rng.uniform()
        step = speed / np.linalg.eigvalsh(H)[-1]
        start = H @ rng.standard_normal(y.shape)
        how = {"target": target, "temperature": T}
        path = sl.run(H, y, np.full(60, alpha), step=step, start=start, **how)
        u, label = path.predictions, NAMED[target][1 if q is None else 2]
        phi = sl.energy(u, y, alpha, **how)
        for t in range(60):
            g = u[t] - alpha * y - (1 - alpha) * label(u[t])
            least = step * (1 - speed / 2) * (g * (H @ g)).sum()
            assert phi[t + 1] <= phi[t] - least + 1e-12


# ----------------------------------------------------------------------------------- refusals

EYE, ONES = np.eye(2), np.ones(2)


def run(**changes):
    given = {"spectrum": EYE, "y": [1.0, -1.0], "weights": [1.0], "step": 1.0, **changes}
    return lambda: sl.run(given.pop("spectrum"), given.pop("y"), given.pop("weights"), **given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sl.hard([[1.0], [2.0]]), "u must be 1-dimensional .* at least two"),
        (lambda: sl.hard([np.nan]), "u contains nan"),
        (lambda: sl.hard(np.ones((2, 2, 2))), "u must be 1-dimensional or 2-dimensional"),
        (lambda: sl.soft([np.inf]), "u contains inf"),
        (lambda: sl.sharpened([1.0], 0.0), "temperature must be > 0"),
        (lambda: sl.sharpened([1.0], None), "needs a temperature"),
        (lambda: sl.sharpened([1.0], [1.0]), "temperature must be one number"),
        (lambda: sl.constant_weights(0, 0.5), "steps must be >= 1, got 0"),
        (lambda: sl.constant_weights(3, 1.5), "alpha must lie in"),
        (lambda: sl.constant_weights(3, 0.5, burn_in=-1), "burn_in must be >= 0"),
        (lambda: sl.geometric_weights(3, 1.5, burn_in=1), "q must lie in"),
        (lambda: sl.geometric_weights(3, [0.5], burn_in=1), "q must be one number"),
        (lambda: sl.Adaptive(3, burn_in=-1), "burn_in must be >= 0"),
        (lambda: sl.Adaptive(0, burn_in=1), "steps must be >= 1"),
        (lambda: sl.effective_time([0.5, 2.0], 1.0), "weights must lie in"),
        (lambda: sl.effective_time([0.5], 0.0), "step must be > 0"),
        (run(spectrum=[[1.0, 2.0], [0.0, 1.0]]), "K must be symmetric"),
        (run(y=[1.0]), "y has 1 rows"),
        (run(y=[1.0, np.nan]), "y contains nan"),
        (run(y=[[1.0], [-1.0]]), "y must be 1-dimensional .* at least two"),
        (
            run(y=[[1.0], [-1.0]], target="sharpened", temperature=1.0),
            "y must be 1-dimensional .* at least two",
        ),
        (
            run(y=[[1.0], [-1.0]], target="soft", weights=sl.Adaptive(2, burn_in=0)),
            "y must be 1-dimensional .* at least two",
        ),
        (run(y=[1.0, 0.0], weights=sl.Adaptive(2, burn_in=0)), "a class in every label"),
        (run(y=[[1.0, 0.0], [0.5, 0.5]], weights=sl.Adaptive(2, burn_in=0)), "got a tie"),
        (run(weights=[1.2]), "weights must lie in"),
        (run(weights=[]), "weights is empty"),
        (run(weights=0.5), "weights must be 1-dimensional"),
        (run(step=0.0), "step must be > 0"),
        (run(step=2.0), "step \\* d must be < 2 or the descent diverges"),
        (run(step=[1.0]), "step must be one number"),
        (run(target="sign"), "target must be one of .* or a callable, got 'sign'"),
        (run(target="sharpened"), "target='sharpened' needs a temperature"),
        (run(temperature=1.0), "temperature goes with target='sharpened' only"),
        (run(target=np.sign, temperature=1.0), "temperature goes with"),
        (run(target=lambda u: u[:1], weights=[0.5]), "target\\(u\\) must have the shape of u"),
        (run(target=lambda u: u / 0 * 0 + np.nan, weights=[0.5]), "target\\(u\\) contains nan"),
        (run(updates=0), "updates must be >= 1"),
        (run(lag=-1), "lag must be >= 0"),
        (run(record=[2]), "record must be <= 1, the number of weights, got 2"),
        (run(record=[1, 0]), "record must be a sequence of increasing times"),
        (run(record=1), "record must be a sequence of increasing times"),
        (run(record=[-1]), "record must be >= 0"),
        (run(start=[1.0]), "start must have the shape of y"),
        (run(start=[1.0, np.nan]), "start contains nan"),
        (run(spectrum=np.ones((2, 2)), step=0.5, start=[1.0, 0.0]), "start must lie in the range"),
        (lambda: sl.burn_in_length([5], 0.5, 1.0, step=1.0), "rates must be < 0.5, got 0.5"),
        (lambda: sl.burn_in_length([5], 0.1, 0.0, step=1.0), "mu must be > 0"),
        (lambda: sl.burn_in_length([5], 0.1, 1.0, step=1.1), "step \\* mu must be <= 1, got 1.1"),
        (lambda: sl.burn_in_length([0], 0.1, 1.0, step=1.0), "sizes must be >= 1"),
        (lambda: sl.largest_decrement([5], [0.1, 0.2], 1.0, step=1.0), "rates must be one number"),
        (lambda: sl.fastest_decay([5], -0.1, 1.0, step=1.0), "rates must lie in"),
        (
            lambda: sl.window_bounds([4], 0.25, 1.0, [1.0, 0.9], step=0.5),
            "weights must be 1 up to index 1, the end of the burn-in",
        ),
        (
            lambda: sl.window_bounds([1, 3], 0.0, 0.5, [1.0], step=1.0),
            "weights must be 1 up to index 2",
        ),
        (
            lambda: sl.window_bounds([4], 0.25, 1.0, [1.0, 1.0, 0.9, 0.95], step=0.5),
            "weights must not increase",
        ),
        (
            lambda: sl.window_bounds([4], 0.25, 1.0, [1.0, 1.0, 0.7], step=0.5),
            "weights may fall by at most 0.25 a step, got a drop of 0.3",
        ),
        (lambda: sl.survives_drop([5], 0.5, 0.5), "rates must be < 0.5"),
        (lambda: sl.survives_drop([5], 0.1, [0.5]), "alpha must be one number"),
        (
            lambda: sl.class_burn_in_length([[0.5, 0.4]], [5], 1.0, step=0.5),
            "each row of shares must be >= 0 and sum to 1",
        ),
        (
            lambda: sl.class_burn_in_length([[1.1, -0.1]], [5], 1.0, step=0.5),
            "each row of shares must be >= 0",
        ),
        (
            lambda: sl.class_burn_in_length([[0.5, 0.5]], [5], 1.0, step=0.5),
            "the true class must have the largest share in every cluster; in cluster 0",
        ),
        (
            lambda: sl.class_limit_error([[0.7, 0.3], [0.7, 0.3]], [5, 5], classes=[0, 1]),
            "in cluster 1 it is ahead by -0.4",
        ),
        (
            lambda: sl.class_limit_error([[0.7, 0.3]], [5], classes=[2]),
            "classes must be 1 whole numbers < 2",
        ),
        (
            lambda: sl.class_largest_decrement([[0.7, 0.3]], [5, 5], 1.0, step=0.5),
            "shares must have one row a cluster",
        ),
        (
            lambda: sl.class_largest_decrement([[1.0]], [5], 1.0, step=0.5),
            "at least two columns",
        ),
        (lambda: sl.energy(ONES, np.ones(3), 0.5), "the last axes of u must be those of y"),
        (lambda: sl.energy(ONES, ONES, 1.5), "alpha must lie in"),
        (lambda: sl.energy(ONES, ONES, 0.5, target=np.sign), "target must be one of"),
        (lambda: sl.energy(ONES, ONES, 0.5, temperature=1.0), "temperature goes with"),
        (lambda: sl.energy(np.ones((2, 1)), np.ones((2, 1)), 0.5), "at least two"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (run(updates=1.0), "updates must be a whole number"),
        (run(lag=True), "lag must be a whole number"),
        (run(record=[0.5]), "record must be a whole number"),
        (run(step=True), "step must be a number"),
        (run(weights="all"), "weights must be an array of real numbers"),
        (lambda: sl.constant_weights(3.0, 0.5), "steps must be a whole number"),
        (lambda: sl.Adaptive(3, burn_in=0.5), "burn_in must be a whole number"),
        (
            lambda: sl.class_limit_error([[0.7, 0.3]], [5], classes=[0.0]),
            "classes must be a whole number",
        ),
    ],
)
def test_refuses_other_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()
