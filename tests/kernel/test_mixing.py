"""Mixed targets: closed forms against recursions, optimizers and scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, minimize_scalar
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from distill_lib import datasets
from distill_lib.kernel import (
    SelfDistilledKernelRidge,
    Spectrum,
    constrained,
    filters,
    kernels,
    mixing,
    risk,
)

EYE = np.eye(2)


def gram(rng, n, rank=None):
    A = rng.standard_normal((n, rank or n))
    return A @ A.T


def smoother(K, lam):
    return np.linalg.solve(K + lam * np.eye(len(K)), K)


def mixed_chain(S, y, alpha):
    """Fitted values of every round by the recursion, dense."""
    values, kept = y, []
    for tau, weight in enumerate(alpha):
        values = S @ (y if tau == 0 else weight * y + (1 - weight) * values)
        kept.append(values)
    return np.array(kept)


# ----------------------------------------------------------------------- one round


@pytest.mark.parametrize("q", [None, 3])
def test_the_objective_is_minimized_by_the_fit_to_the_mixed_target(q):
    rng = np.random.default_rng(1)
    K, lam, alpha = gram(rng, 6) + 0.1 * np.eye(6), 0.7, 0.3
    y, p = rng.standard_normal((2, 6) if q is None else (2, 6, q))
    found = minimize(
        lambda c: mixing.objective(K, c.reshape(y.shape), y, p, lam, alpha),
        np.zeros(y.size),
        jac=lambda c: (K @ (K @ c.reshape(y.shape) - alpha * y - (1 - alpha) * p
                            + lam * c.reshape(y.shape))).ravel(),
        method="BFGS",
        options={"gtol": 1e-10, "maxiter": 5000},
    )  # fmt: skip
    dual = np.linalg.solve(K + lam * np.eye(6), mixing.mixed_target(y, p, alpha))
    assert_allclose(K @ found.x.reshape(y.shape), K @ dual, atol=1e-7)
    assert mixing.objective(K, dual, y, p, lam, alpha) <= found.fun + 1e-12


def test_objective_by_hand():
    K = np.array([[2.0, 1.0], [1.0, 2.0]])
    # f = (2, 1): misses 1 and 1 of the labels, 2 and 0 of the teacher; norm 2
    value = mixing.objective(K, [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], lam=3.0, alpha=0.25)
    assert value == pytest.approx(0.25 * 2 / 2 + 0.75 * 4 / 2 + 3 * 2 / 2)


# ------------------------------------------------------------------ closed form, limit


@pytest.mark.parametrize("rounds", [1, 2, 5, 12])
def test_power_weights_are_the_recursion(rounds):
    rng = np.random.default_rng(rounds)
    S, y = smoother(gram(rng, 7), 0.5), rng.standard_normal(7)
    alpha = rng.uniform(-1, 2, rounds)
    powers = [y]
    for _ in range(rounds):
        powers.append(S @ powers[-1])
    W = mixing.power_weights(alpha, rounds, unrestricted=True)
    assert_allclose(W @ powers[1:], mixed_chain(S, y, alpha), atol=1e-12 * np.abs(W).max())
    assert_allclose(W.sum(1), 1, atol=1e-12 * np.abs(W).max())
    assert_array_equal(W, np.tril(W))


def test_power_weights_give_the_filter():
    d, tau = np.geomspace(1e-6, 1e6, 13), 6
    W = mixing.power_weights(0.3, tau)
    powers = filters.ridge(d, 0.8) ** np.arange(1, tau + 1)[:, None]
    b = filters.distilled(d, 0.8, np.arange(1, tau + 1)[:, None], 0.3)
    assert_allclose(W @ powers, b, rtol=1e-13)
    assert (W >= 0).all()


def test_the_first_weight_is_unused():
    one, other = (mixing.power_weights([first, 0.4, 0.2], 3) for first in (0.0, 1.0))
    assert_array_equal(one, other)


def test_weights_per_round_invert():
    rng = np.random.default_rng(3)
    for rounds in (1, 2, 4, 9):
        alpha = rng.uniform(-0.5, 1.5, rounds)
        w = mixing.power_weights(alpha, rounds, unrestricted=True)[-1]
        assert_allclose(mixing.weights_per_round(w)[1:], alpha[1:], rtol=1e-9)
    # A weight of 1 forgets all rounds before: they come back as 1, and give the same model.
    w = mixing.power_weights([1, 0.3, 1, 0.5], 4)[-1]
    assert_array_equal(mixing.weights_per_round(w), [1, 1, 1, 0.5])


def test_unreachable_weights_are_refused():
    with pytest.raises(ValueError, match="w cannot be reached: its entries from number 2 on"):
        mixing.weights_per_round([1.0, 0.5, -0.5])
    with pytest.raises(ValueError, match=r"w must add up to 1, got 1\.5"):
        mixing.weights_per_round([1.0, 0.5])


def test_distance_to_the_limit_is_exact():
    d = np.r_[0, np.geomspace(1e-9, 1e9, 19)]
    for alpha in (0.0, 0.02, 0.5, 1.0):
        for tau in (1, 2, 7, 40):
            gap = filters.distilled(d, 2.0, tau, alpha) - filters.distilled_limit(d, 2.0, alpha)
            assert_allclose(mixing.distance_to_limit(d, 2.0, alpha, tau), gap, atol=1e-14)
    assert_allclose(mixing.distance_to_limit(d, 2.0, 0.5, 0), 1 - d / (d + 4), atol=1e-15)


def test_contraction_bounds_every_round_and_is_sharp():
    rng = np.random.default_rng(4)
    K, y, lam, alpha = gram(rng, 6), rng.standard_normal(6), 3.0, 0.2
    limit = smoother(K, lam / alpha) @ y
    chain = np.concatenate([[y], mixed_chain(smoother(K, lam), y, np.full(8, alpha))])
    distance = np.linalg.norm(chain - limit, axis=1)
    q = float(mixing.contraction(np.linalg.eigvalsh(K)[-1], lam, alpha))
    assert (distance <= q ** np.arange(9) * distance[0] + 1e-13).all()
    # With labels along the first eigenvector it is an equality.
    u = np.linalg.eigh(K)[1][:, -1]
    chain = mixed_chain(smoother(K, lam), u, np.full(3, alpha)) - smoother(K, lam / alpha) @ u
    assert_allclose(
        np.linalg.norm(chain, axis=1),
        q ** np.arange(1, 4) * np.linalg.norm(u - smoother(K, lam / alpha) @ u),
    )


# ----------------------------------------------------------------------- dampening


def test_ratio_of_the_counter_example():
    ratios = mixing.filter_ratio(0.25, 1 / 99, 1.0, 0.5, [1, 2, 3, 4, 5])
    assert_allclose(ratios, [20, 23.76, 22.29, 22.13, 22.11], atol=5e-3)
    assert mixing.limit_ratio(0.25, 1 / 99, 1.0, 0.5) < ratios[-1]
    assert mixing.limit_ratio(0.25, 1 / 99, 1.0, 0.5) < 99 / 4  # the ratio of the eigenvalues


def test_ratio_is_that_of_the_filters():
    rng = np.random.default_rng(5)
    strong, weak = np.sort(10 ** rng.uniform(-2, 2, (2, 200)), axis=0)[::-1]
    alpha = rng.uniform(0.01, 1, 200)
    for tau in (1, 2, 9):
        expected = [
            filters.distilled(s, 1.0, tau, a) / filters.distilled(w, 1.0, tau, a)
            for s, w, a in zip(strong, weak, alpha, strict=True)
        ]
        assert_allclose(mixing.filter_ratio(strong, weak, 1.0, alpha, tau), expected, rtol=1e-11)
    limit = filters.distilled_limit(strong, 1.0, alpha) / filters.distilled_limit(weak, 1.0, alpha)
    assert_allclose(mixing.limit_ratio(strong, weak, 1.0, alpha), limit, rtol=1e-12)


def test_ratio_without_labels_is_a_power_even_where_filters_vanish():
    assert_allclose(
        np.log(mixing.filter_ratio(1.0, 1e-3, 1.0, 0.0, 100)), 100 * np.log(1001 / 2), rtol=1e-12
    )
    assert mixing.filter_ratio(1.0, 1e-12, 1.0, 0.0, 100) == np.inf
    assert_array_equal(mixing.limit_ratio(2.0, [1.0, 2.0], 1.0, 0.0), [np.inf, 1.0])


def test_threshold_tells_whether_the_ratio_rises():
    rng = np.random.default_rng(6)
    strong, weak = np.sort(10 ** rng.uniform(-3, 3, (2, 3000)), axis=0)[::-1]
    alpha, rounds = rng.uniform(0, 1, 3000), rng.integers(2, 8, 3000)
    change = mixing.filter_ratio(strong, weak, 1.0, alpha, rounds) / mixing.filter_ratio(
        strong, weak, 1.0, alpha, rounds - 1
    )
    threshold = mixing.ratio_threshold(strong, weak, 1.0, alpha, rounds)
    sure = np.abs(change - 1) > 1e-9
    assert sure.sum() > 1000
    assert_array_equal((change > 1)[sure], (alpha < threshold)[sure])
    assert 0.1 < (change < 1)[sure].mean() < 0.9  # both happen
    assert (mixing.ratio_threshold(strong, weak, 1.0, alpha, 1) == np.inf).all()


def test_a_one_dimensional_alpha_is_a_grid():
    got = mixing.filter_ratio(2.0, 1.0, 1.0, [0.0, 0.5], 2)
    assert_allclose(got, [mixing.filter_ratio(2.0, 1.0, 1.0, a, 2) for a in (0.0, 0.5)])


# ----------------------------------------------------------------- the best weight


@pytest.mark.parametrize("shape", [(9,), (9, 3)])
def test_optimal_alpha_is_the_minimum(shape):
    rng = np.random.default_rng(7)
    for _ in range(20):
        y, f, g = rng.standard_normal((3, *shape))

        def loss(alpha, y=y, f=f, g=g):
            return ((alpha * f + (1 - alpha) * g - y) ** 2).sum()

        best = minimize_scalar(loss, bracket=(-1, 2), tol=1e-12)
        assert mixing.optimal_alpha(y, f, g) == pytest.approx(best.x, abs=1e-6)
        grid = np.linspace(0, 1, 1001)
        clipped = mixing.optimal_alpha(y, f, g, clip=True)
        assert loss(clipped) <= min(loss(a) for a in grid) + 1e-12
        assert 0 <= clipped <= 1


def test_optimal_alpha_at_tiny_gaps_and_scales():
    y, f = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    g = f + 1e-9 * np.array([1.0, -2.0])
    exact = ((y - g) @ (f - g)) / ((f - g) @ (f - g))
    assert mixing.optimal_alpha(y, f, g) == pytest.approx(exact, rel=1e-6)
    assert mixing.optimal_alpha(1e-200 * y, 1e-200 * f, 1e-200 * y) == pytest.approx(0, abs=1e-12)
    assert mixing.optimal_alpha(1e-200 * y, 1e-200 * y, 1e-200 * f) == pytest.approx(1)


@pytest.mark.parametrize("f", [[1.0, 2.0], [0.0, 0.0]])
def test_no_optimum_when_the_predictions_coincide(f):
    with pytest.raises(ValueError, match="coincide, so every alpha gives the same model"):
        mixing.optimal_alpha([1.0, 1.0], f, f)


def problem(rng, n=12, m=15):
    X, X_new = rng.uniform(size=(n, 2)), rng.uniform(size=(m, 2))
    kernel = kernels.as_kernel("rbf", gamma=5.0)

    def truth(X):
        return np.sin(6 * X[:, 0])

    y, y_new = truth(X) + rng.standard_normal(n), truth(X_new) + 0.3 * rng.standard_normal(m)
    return kernel(X), y, kernel(X_new, X), y_new


def chain_loss(K, y, lam, K_new, y_new, alpha):
    model = SelfDistilledKernelRidge(
        "precomputed", lam=lam, alpha=alpha, rounds=len(alpha), unrestricted=True
    ).fit(K, y)
    return ((model.predict(K_new) - y_new) ** 2).mean()


def test_refit_predictions_are_those_of_the_estimator():
    K, y, K_new, _ = problem(np.random.default_rng(8))
    model = SelfDistilledKernelRidge("precomputed", lam=0.3, rounds=4).fit(K, y)
    got = mixing.refit_predictions(K, y, 0.3, K_new, 4)
    assert_allclose(got, list(model.staged_predict(K_new)), rtol=1e-9)


@pytest.mark.parametrize("clip", [False, True])
def test_greedy_path_by_hand(clip):
    for seed in range(10):
        K, y, K_new, y_new = problem(np.random.default_rng(seed))
        path = mixing.optimal_path(K, y, 0.1, K_new, y_new, 4, clip=clip)
        S, dual = smoother(K, 0.1), np.linalg.inv(K + 0.1 * np.eye(len(K)))
        f1, values = K_new @ dual @ y, S @ y
        for tau in (1, 2, 3):
            g = K_new @ dual @ values
            alpha = mixing.optimal_alpha(y_new, f1, g, clip=clip)
            assert path.greedy_alphas[tau] == pytest.approx(alpha, rel=1e-6)
            values = S @ (alpha * y + (1 - alpha) * values)
            loss = chain_loss(K, y, 0.1, K_new, y_new, path.greedy_alphas[: tau + 1])
            assert path.greedy_losses[tau] == pytest.approx(loss, rel=1e-8)
        assert (path.greedy_losses <= path.greedy_losses[0] * (1 + 1e-12)).all()


@pytest.mark.parametrize("clip", [False, True])
def test_joint_path_is_the_best_sequence(clip):
    bounds = [(0, 1)] * 2 if clip else None
    for seed in range(6):
        K, y, K_new, y_new = problem(np.random.default_rng(seed))
        path = mixing.optimal_path(K, y, 0.1, K_new, y_new, 3, clip=clip)
        for alphas, loss in zip(path.joint_alphas, path.joint_losses, strict=True):
            assert chain_loss(K, y, 0.1, K_new, y_new, alphas) == pytest.approx(loss, rel=1e-7)
        refits = mixing.refit_predictions(K, y, 0.1, K_new, 3)

        def loss(later, refits=refits, y_new=y_new):
            w = mixing.power_weights(np.r_[1, later], 3, unrestricted=True)[-1]
            return ((w @ refits - y_new) ** 2).mean()

        # A search over the weights gets stuck beside poles; from the optimum it does not move.
        found = path.joint_alphas[2][1:]
        starts = [[0.5, 0.5], [0.1, 0.9], found, 0.9 * found + 0.05, path.greedy_alphas[1:]]
        options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 2000}
        searched = [
            minimize(loss, start, method="Nelder-Mead", bounds=bounds, options=options).fun
            for start in starts
        ]
        assert min(searched) == pytest.approx(path.joint_losses[2], rel=1e-6)
        assert (path.joint_losses <= path.greedy_losses * (1 + 1e-10)).all()
        assert (np.diff(path.joint_losses) <= 1e-12).all()
        if clip:
            assert all(((a >= 0) & (a <= 1)).all() for a in path.joint_alphas)


def test_greedy_differs_from_joint_and_is_not_monotone():
    rises, excess = 0, []
    for seed in range(40):
        K, y, K_new, y_new = problem(np.random.default_rng(100 + seed))
        path = mixing.optimal_path(K, y, 0.02, K_new, y_new, 4)
        rises += bool((np.diff(path.greedy_losses) > 1e-9 * path.greedy_losses[0]).any())
        excess.append(path.greedy_losses[3] / path.joint_losses[3] - 1)
    assert rises > 0
    assert max(excess) > 0.01


def test_many_rounds_never_get_worse_and_losses_are_those_of_the_weights():
    K, y, K_new, y_new = problem(np.random.default_rng(13), n=20)
    refits = mixing.refit_predictions(K, y, 0.1, K_new, 20)
    for clip in (False, True):
        path = mixing.path_from_refits(refits, y_new, clip=clip)
        assert (np.diff(path.joint_losses) <= 1e-8 * path.joint_losses[0]).all()
        assert (path.joint_losses <= path.greedy_losses * (1 + 1e-8)).all()
        for alphas, loss in zip(path.joint_alphas, path.joint_losses, strict=True):
            w = mixing.power_weights(alphas, len(alphas), unrestricted=True)[-1]
            assert ((w @ refits[: len(w)] - y_new) ** 2).mean() == pytest.approx(loss, rel=1e-12)


def test_coordinates_that_no_sequence_has_fall_back_to_another_path():
    """The least squares ask for w = (1, -1, 1): the remainder after the first is 0."""
    refits = np.eye(3)
    path = mixing.path_from_refits(refits, [1.0, -1.0, 1.0])
    assert path.joint_losses[2] == min(path.joint_losses)
    assert path.joint_losses[2] > 0


def test_exact_risk_is_a_least_squares_problem_too():
    """Rows (theta a^k, sigma a^k): the joint optimum is the best risk that tau fits can reach."""
    d, sigma, lam, tau = np.array([3.0, 1.0, 0.2]), 0.5, 0.7, np.arange(1, 5)[:, None]
    theta = np.array([1.0, -0.5, 0.8])
    a = filters.ridge(d, lam) ** tau
    rows = np.concatenate([theta * a, sigma * a], axis=1)
    path = mixing.path_from_refits(rows, np.r_[theta, np.zeros(3)])
    # Four fits have three free weights: enough for every filter of three eigenvalues.
    assert path.joint_losses[3] * 6 == pytest.approx(risk.oracle_risk(theta, sigma), rel=1e-9)
    best = filters.distilled(d, lam, 4, path.joint_alphas[3], unrestricted=True)
    assert_allclose(best, risk.oracle_filter(theta, sigma), rtol=1e-7)


def test_paths_of_degenerate_problems():
    flat = mixing.path_from_refits(np.zeros((3, 4)), np.ones(4))
    assert_array_equal(flat.greedy_alphas, 1)
    assert_allclose(flat.joint_losses, 1)
    one = mixing.path_from_refits(np.ones((1, 2)), [1.0, 0.0])
    assert_array_equal(one.joint_alphas[0], [1])
    perfect = mixing.path_from_refits(np.array([[1.0, 0.0], [0.5, 0.0]]), [1.0, 0.0], clip=True)
    assert_allclose(perfect.joint_losses, 0, atol=1e-20)
    assert_allclose(perfect.joint_alphas[1], [1, 1], atol=1e-9)


# ------------------------------------------------------------------ tolerance form


@pytest.mark.parametrize("q", [None, 2])
def test_round_by_round_against_a_general_optimizer(q):
    rng = np.random.default_rng(9)
    n = 5
    K = gram(rng, n) + 0.2 * np.eye(n)
    y = rng.standard_normal(n if q is None else (n, q))
    path = mixing.distill(K, y, 0.15, 0.3, max_rounds=4)
    assert path.rounds == 4
    L, p = np.linalg.cholesky(K), y
    for t, alpha in enumerate([1.0, 0.3, 0.3, 0.3]):

        def spare(w, alpha=alpha, p=p):  # values are L w, the squared norm is |w|^2
            f = L @ w.reshape(y.shape)
            return n * 0.15 - alpha * ((f - y) ** 2).sum() - (1 - alpha) * ((f - p) ** 2).sum()

        found = minimize(
            lambda w: (w**2).sum(),
            np.linalg.solve(L, y).ravel(),
            jac=lambda w: 2 * w,
            constraints={"type": "ineq", "fun": spare},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        p = path.targets[t + 1]
        assert_allclose(L @ found.x.reshape(y.shape), p, atol=2e-6)
        ridge = smoother(K, path.ridges[t])
        target = y if t == 0 else alpha * y + (1 - alpha) * path.targets[t]
        assert_allclose(ridge @ target, p, atol=1e-9)


def test_alpha_zero_is_the_tolerance_form():
    sample, kernel = datasets.sinusoid(), kernels.SplineGreen()
    K = kernel(sample.x)
    plain = constrained.distill(K, sample.y, 0.045)
    mixed = mixing.distill(K, sample.y, 0.045, 0.0, max_rounds=10)
    assert (mixed.rounds, mixed.collapsed, mixed.feasible) == (4, True, True)
    assert_allclose(mixed.multipliers, plain.multipliers, rtol=1e-9)
    assert_allclose(mixed.targets, plain.targets, atol=1e-10)


def test_labels_keep_a_path_alive():
    sample = datasets.sinusoid()
    K = kernels.as_kernel("rbf", gamma=80)(sample.x[:, None])
    assert constrained.distill(K, sample.y, 0.1).rounds < 30
    assert mixing.never_collapses(sample.y, 0.1, 0.3)
    path = mixing.distill(K, sample.y, 0.1, 0.3, max_rounds=200)
    assert (path.rounds, path.collapsed, path.feasible) == (200, False, True)
    assert_array_equal(path.alphas, [1, *[0.3] * 199])
    curves = path.predict(K)
    assert_allclose(curves, path.targets[1:], atol=1e-9)


def test_varying_weights_can_be_infeasible():
    rng = np.random.default_rng(10)
    ends = []
    for _ in range(60):
        K, y = gram(rng, 6) + 0.01 * np.eye(6), rng.standard_normal(6)
        alpha = np.r_[rng.uniform(0.0, 0.2, 8), 0.5]
        path = mixing.distill(K, y, 0.05 * (y @ y) / 6, alpha, max_rounds=9)
        ends.append(path.feasible)
        if not path.feasible:
            t = path.rounds
            assert not mixing.stays_feasible(alpha[t], path.alphas[-1])
            p, a = path.targets[-1], alpha[t]
            # even the mixed target itself misses by more than the tolerance allows
            assert a * (1 - a) * ((y - p) ** 2).sum() > 0.05 * (y @ y)
    assert not all(ends)
    assert any(ends)


def test_collapse_at_once_and_singular_kernels():
    dead = mixing.distill(EYE, [0.1, 0.1], 1.0, 0.5, max_rounds=3)
    assert (dead.rounds, dead.collapsed, dead.feasible) == (0, True, True)
    assert dead.alphas.shape == (0,)
    assert dead.predict(EYE).shape == (0, 2)
    sample = datasets.sinusoid()
    K = kernels.SplineGreen()(sample.x)  # two directions that no function of the space reaches
    path = mixing.distill(K, sample.y, 0.045, 0.5, max_rounds=50)
    assert path.rounds == 50
    weighted = 0.5 * ((path.targets[2:] - sample.y) ** 2).sum(1) + 0.5 * (
        (path.targets[2:] - path.targets[1:-1]) ** 2
    ).sum(1)
    assert_allclose(weighted, 11 * 0.045, rtol=1e-9)
    with pytest.raises(ValueError, match=r"tolerance must be > 0\.0418"):
        mixing.distill(K, sample.y, 0.04, 0.5, max_rounds=5)


# --------------------------------------------------------- Gaussian-process reading


@pytest.mark.parametrize("q", [None, 2])
def test_two_observations_are_those_of_scikit_learn(q):
    rng = np.random.default_rng(11)
    X, X_new = rng.uniform(size=(8, 2)), rng.uniform(size=(5, 2))
    y, p = rng.standard_normal((2, 8) if q is None else (2, 8, q))
    kernel, lam, alpha = RBF(0.4), 0.3, 0.2
    got = mixing.gp_posterior(kernel(X), y, p, lam, alpha, kernel(X_new, X), kernel(X_new))
    process = GaussianProcessRegressor(
        kernel, alpha=np.repeat([lam / alpha, lam / (1 - alpha)], 8), optimizer=None
    ).fit(np.vstack([X, X]), np.concatenate([y, p]))
    mean, covariance = process.predict(X_new, return_cov=True)
    assert_allclose(got.mean, mean, atol=1e-10)
    assert_allclose(got.covariance, covariance if q is None else covariance[..., 0], atol=1e-10)
    dual = np.linalg.solve(kernel(X) + lam * np.eye(8), mixing.mixed_target(y, p, alpha))
    assert_allclose(got.mean, kernel(X_new, X) @ dual, atol=1e-10)
    once = GaussianProcessRegressor(kernel, alpha=lam, optimizer=None).fit(X, np.zeros(8))
    assert_allclose(got.covariance, once.predict(X_new, return_cov=True)[1], atol=1e-10)


# ------------------------------------------------------------------------ refusals


def test_singular_kernels_need_a_stronger_condition():
    """Labels that the space cannot reach use up budget too."""
    K, y = np.diag([1.0, 0.0]), np.array([30.0, np.sqrt(0.99)])
    path = mixing.distill(K, y, 0.5, [1.0, *[0.2] * 300, 0.27], max_rounds=302)
    assert (path.rounds, path.feasible) == (301, False)
    assert mixing.stays_feasible(0.27, 0.2)
    assert not mixing.stays_feasible(0.27, 0.2, singular=True)
    assert mixing.stays_feasible(0.2 / 0.8 - 1e-9, 0.2, singular=True)  # alpha <= (1 + alpha) 0.2
    assert mixing.stays_feasible(1.0, 0.0, singular=True)


def test_a_budget_that_is_used_up_exactly():
    """alpha (1 - alpha) = alpha_prev: the distance of labels and teacher tends to all of it."""
    weights = [1.0, *[0.25] * 400, 0.5]
    assert mixing.stays_feasible(weights[1:], weights[:-1]).all()
    path = mixing.distill([[1.0]], [4.0], 1.0, weights, max_rounds=402)
    assert (path.rounds, path.feasible) == (402, True)
    assert path.multipliers[-1] == 0
    assert path.targets[-1] == pytest.approx(0.5 * 4 + 0.5 * path.targets[-2])


def test_labels_out_of_reach_at_the_border():
    path = mixing.distill(np.diag([1.0, 0.0]), [0.0, 1.0], 0.5, 0.5, max_rounds=3)
    assert (path.rounds, path.collapsed, path.feasible) == (0, True, True)


@pytest.mark.filterwarnings("error")
def test_extreme_arguments_of_the_ratios():
    # no labels: the ratio rises in every round, also where the filters underflow
    assert 0 < mixing.ratio_threshold(1e3, 1e-3, 1.0, 0.0, 200) < 1e-300
    assert mixing.ratio_threshold(2.0, 1.0, 1.0, 0.5, 2) == 1.0
    assert mixing.ratio_threshold(2.0, 1.0, 1.0, 1.0, 7) == 1.0
    for d in (1e-200, 1e-9, 1.0, 1e9):
        assert np.isfinite(mixing.filter_ratio(3 * d, d, 1.0, 0.4, 5))
        assert 0 < mixing.ratio_threshold(3 * d, d, 1.0, 0.4, 5) <= 1
    far = mixing.ratio_threshold(3e9, 1e9, 1.0, 0.4, 3)  # d far above lam: nothing cancels
    assert far == pytest.approx(1 / (1 + 0.6), rel=1e-6)
    assert mixing.distance_to_limit(1e8, 1.0, 0.0, 10**8) == pytest.approx(np.exp(-1), rel=1e-7)
    assert mixing.distance_to_limit(1.0, 1.0, 1.0, 0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mixing.mixed_target([1.0], [1.0, 2.0], 0.5), "teacher must have the shape of y"),
        (lambda: mixing.mixed_target([1.0], [1.0], 1.5), r"alpha must lie in \[0, 1\], got 1.5"),
        (lambda: mixing.mixed_target([1.0], [np.nan], 0.5), "teacher contains nan"),
        (lambda: mixing.mixed_target([1.0], [1.0], [0.5]), "alpha must be one number"),
        (lambda: mixing.objective(EYE, [1.0], [1.0], [1.0], 1.0, 0.5), "y has 1 rows"),
        (lambda: mixing.objective(EYE, [1.0, 1], [1.0], [1.0], 1.0, 0.5), "y must have the shape"),
        (lambda: mixing.objective(EYE, [1, 1], [1, 1], [1, 1], 0.0, 0.5), "lam must be > 0"),
        (lambda: mixing.objective([[1, 2], [0, 1]], [1, 1], [1, 1], [1, 1], 1, 0), "symmetric"),
        (lambda: mixing.power_weights(0.5, 0), "rounds must be >= 1"),
        (lambda: mixing.power_weights([0.5, 0.5], 3), r"one weight a round, shape \(3,\)"),
        (lambda: mixing.power_weights(1.5, 3), r"got 1.5; pass unrestricted=True"),
        (lambda: mixing.weights_per_round([[1.0]]), "w must be 1-dimensional"),
        (lambda: mixing.distance_to_limit(1.0, 1.0, 0.5, -1), "rounds must be >= 0"),
        (lambda: mixing.distance_to_limit(-1.0, 1.0, 0.5, 1), "d must be >= 0"),
        (lambda: mixing.contraction(1.0, -1.0, 0.5), "lam must be > 0"),
        (lambda: mixing.contraction(1.0, 1.0, 2.0), r"alpha must lie in \[0, 1\]"),
        (lambda: mixing.filter_ratio(1.0, 2.0, 1.0, 0.5, 1), "d_strong must be >= d_weak, got 1"),
        (lambda: mixing.filter_ratio(1.0, 0.0, 1.0, 0.5, 1), "d_weak must be > 0"),
        (lambda: mixing.limit_ratio(0.0, 0.0, 1.0, 0.5), "d_strong must be > 0"),
        (lambda: mixing.ratio_threshold(2.0, 1.0, 1.0, 0.5, 0), "rounds must be >= 1"),
        (lambda: mixing.ratio_threshold(2.0, 2.0, 1.0, 0.5, 2), "d_strong must be > d_weak"),
        (lambda: mixing.weights_per_round([1e10, 5 - 1e10]), "w must add up to 1, got 5"),
        (lambda: mixing.optimal_alpha([1.0], [1.0, 2.0], [1.0]), "truth_prediction must have"),
        (lambda: mixing.optimal_alpha([1.0], [1.0], [2.0, 1.0]), "teacher_prediction must have"),
        (lambda: mixing.optimal_alpha([1.0], [np.inf], [2.0]), "truth_prediction contains inf"),
        (lambda: mixing.refit_predictions(EYE, [1, 1], 0, EYE, 2), "lam must be > 0"),
        (lambda: mixing.refit_predictions(EYE, [1, 1], 1, np.eye(3), 2), "one column a training"),
        (lambda: mixing.optimal_path(EYE, [1, 1], 1, EYE, [1], 2), r"refits must have shape"),
        (lambda: mixing.optimal_path(EYE, [1], 1, EYE, [1, 1], 2), "y has 1 rows"),
        (lambda: mixing.distill(EYE, [1, 1], 0.0, 0.5, 3), "tolerance must be > 0"),
        (lambda: mixing.distill(EYE, [1, 1], 0.1, [0.5], 3), "one weight a round"),
        (lambda: mixing.distill(EYE, [1, 1], 0.1, -0.5, 3), r"alpha must lie in \[0, 1\]"),
        (lambda: mixing.distill(EYE, [1, 1], 0.1, 0.5, 0), "max_rounds must be >= 1"),
        (lambda: mixing.never_collapses([1.0], 0.0, 0.5), "tolerance must be > 0"),
        (lambda: mixing.stays_feasible(1.5), r"alpha must lie in \[0, 1\]"),
        (lambda: mixing.stays_feasible(0.5, -1), r"previous must lie in \[0, 1\]"),
        (lambda: mixing.gp_posterior(EYE, [1, 1], [1, 1], 1, 0.0, EYE, EYE), "strictly between"),
        (lambda: mixing.gp_posterior(EYE, [1, 1], [1, 1], 1, 0.5, np.ones((3, 2)), EYE), "fit to"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_whole_numbers_of_rounds():
    for call in (
        lambda: mixing.power_weights(0.5, 2.0),
        lambda: mixing.distance_to_limit(1.0, 1.0, 0.5, 1.5),
        lambda: mixing.distill(EYE, [1, 1], 0.1, 0.5, 3.0),
    ):
        with pytest.raises(TypeError, match="whole number"):
            call()


def test_a_spectrum_is_as_good_as_its_matrix():
    K, y, K_new, y_new = problem(np.random.default_rng(12))
    ours = mixing.optimal_path(Spectrum.from_gram(K), y, 0.3, K_new, y_new, 3)
    assert_array_equal(
        ours.joint_losses, mixing.optimal_path(K, y, 0.3, K_new, y_new, 3).joint_losses
    )
