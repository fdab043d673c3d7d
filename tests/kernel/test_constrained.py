"""The tolerance form: against a general optimiser, ten thousand random paths, and known numbers."""

import doctest
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from distill_lib import datasets
from distill_lib.kernel import Spectrum, constrained, kernels
from distill_lib.kernel.constrained import distill


def spectrum_of(rng, d):
    """Random eigenvectors for the eigenvalues `d`."""
    U = np.linalg.qr(rng.standard_normal((len(d), len(d))))[0]
    return Spectrum(np.sort(d)[::-1].astype(float), U)


def gram(spectrum):
    K = (spectrum.eigenvectors * spectrum.eigenvalues) @ spectrum.eigenvectors.T
    return (K + K.T) / 2


def mean_square(residual):
    return (residual**2).sum() / len(residual)


# One round against an optimiser that knows neither the eigenbasis nor the representer theorem.


def optimised(Phi, y, tolerance):
    """Solve min ||w||^2 s.t. mean squared error <= tolerance; return the fitted values."""
    shape = (Phi.shape[1], *y.shape[1:])

    def room(w):
        return tolerance - mean_square(Phi @ w.reshape(shape) - y)

    def room_slope(w):
        return (-2 / len(y) * Phi.T @ (Phi @ w.reshape(shape) - y)).ravel()

    found = minimize(
        lambda w: w @ w,
        np.linalg.lstsq(Phi, y, rcond=None)[0].ravel(),  # interpolates: a feasible start
        jac=lambda w: 2 * w,
        constraints={"type": "ineq", "fun": room, "jac": room_slope},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    # Status 8: no further progress to be made in double precision.
    assert found.status in (0, 8), found.message
    assert room(found.x) > -1e-9
    return Phi @ found.x.reshape(shape), found.fun


@pytest.mark.parametrize("outputs", [None, 1, 3])
@pytest.mark.parametrize("n", [1, 2, 4, 6])
def test_two_rounds_are_the_optimiser_s(n, outputs):
    rng = np.random.default_rng([n, outputs or 0])
    for share in (0.003, 0.1, 0.4):
        Phi = rng.standard_normal((n, n + 2))
        y = rng.standard_normal(n if outputs is None else (n, outputs))
        tolerance = share * mean_square(y)
        path = distill(Phi @ Phi.T, y, tolerance, max_rounds=2)
        assert path.rounds == (2 if share < 0.2 or path.relative_norms[1] > 1 else 1)
        for t in range(path.rounds):
            fitted, norm = optimised(Phi, path.targets[t], tolerance)
            np.testing.assert_allclose(path.targets[t + 1], fitted, atol=2e-6)
            assert path.function_norms[t] ** 2 == pytest.approx(norm, rel=1e-6)


def test_one_round_by_a_linear_solve():
    rng = np.random.default_rng(1)
    Phi, y = rng.standard_normal((6, 6)), rng.standard_normal((6, 2))
    K = Phi @ Phi.T
    path = distill(K, y, 0.1)
    for t, (ridge, c) in enumerate(zip(path.ridges, path.multipliers, strict=True)):
        assert ridge == pytest.approx(6 * c, rel=1e-15)
        expected = K @ np.linalg.solve(K + ridge * np.eye(6), path.targets[t])
        np.testing.assert_allclose(path.targets[t + 1], expected, atol=1e-12)


# Random problems.


def random_problem(rng, i):
    n = int(rng.integers(1, 51))
    d = 10 ** rng.uniform(-6, 6, n) if i % 3 else 10 ** rng.uniform(-1, 1, n)
    if i % 5 == 0:
        d[:] = d[0]
    zeros = int(rng.integers(0, n)) if i % 4 == 0 else 0
    spectrum = spectrum_of(rng, d)
    spectrum.eigenvalues[n - zeros :] = 0.0
    z = rng.standard_normal(n) * 10 ** rng.uniform(-3, 3)
    z[n - zeros :] *= 0.1
    z[0] = np.linalg.norm(z)  # so that a good part can be fitted
    y = spectrum.eigenvectors @ z
    low = 1e-8 + 1.01 * (z[n - zeros :] ** 2).sum() / (z**2).sum()
    share = 10 ** rng.uniform(math.log10(low), math.log10(0.99))
    return spectrum, y, share * mean_square(y)


def violations(path):
    """Names of the bounds that a path violates; rounding of 1e-9 is allowed."""
    c, r, d = path.multipliers, path.relative_norms, path.spectrum.eigenvalues
    before, after, regular = r[:-1], r[1:], path.spectrum.rank == len(d)
    loose = 1e-9 + 1e-13 / (before - 1)
    scaled = path.ridges * (before - 1)
    residuals = np.diff(path.targets, axis=0)
    checks = {
        "not finite": np.isfinite(path.filters).all() and np.isfinite(path.targets).all(),
        "constraint": np.abs((residuals**2).mean(1) / path.tolerance - 1).max() < 1e-10,
        "multiplier above": (scaled <= d[0] * (1 + loose)).all(),
        "multiplier below": not regular or (scaled >= d[-1] * (1 - loose)).all(),
        "multipliers grow": (np.diff(c) > -1e-9 * c[1:]).all(),
        "filters": ((path.filters >= 0) & (path.filters <= 1)).all(),
        "norm falls by at most 1": (after >= before - 1 - 1e-9 * before).all(),
        "norm falls enough": (after**2 <= (before**2 - 1) * (1 + 1e-9) + 1e-9).all(),
        "function norm falls": (np.diff(path.function_norms) <= 0).all(),
    }
    if regular:
        bound = constrained.norm_lower_bound(d, r[0], path.rounds)
        checks["norm falls by 1/kappa"] = (after <= before - d[-1] / d[0] + 1e-9 * before).all()
        checks["norm bound of the paper"] = (r >= bound - 1e-9 * r[0]).all()
        checks["bound without kappa wins"] = (
            (bound <= r[0] - np.arange(len(r)) + 1e-9 * r[0]) | (bound < 0)
        ).all()
    if path.collapsed:
        count = constrained.guaranteed_rounds(path.spectrum, path.targets[0], path.tolerance)
        checks["number of rounds"] = count.paper <= count.lower <= path.rounds <= count.upper
        checks["collapse"] = r[-1] <= 1 + 1e-9
    checks["no early collapse"] = (before > 1).all()
    return [name for name, holds in checks.items() if not holds]


def test_ten_thousand_random_paths():
    rng = np.random.default_rng(2020)
    rounds = collapsed = singular = 0
    for i in range(10_000):
        path = distill(*random_problem(rng, i), max_rounds=8)
        assert path.rounds >= 1
        assert violations(path) == [], f"problem {i}"
        rounds += path.rounds
        collapsed += path.collapsed
        singular += path.spectrum.rank < len(path.spectrum.eigenvalues)
    assert rounds > 40_000
    assert collapsed > 3_000
    assert singular > 1_000


@pytest.mark.parametrize("excess", [1e-4, 1e-8, 1e-12])
def test_just_before_collapse_no_digit_is_lost(excess):
    # r = 1 + excess: to first order the multiplier is (sum d z^2 / ||z||^2) / n / (r - 1).
    d, z = np.array([3.0, 1.0, 0.2]), np.array([1.0, -2.0, 0.5])
    path = distill(np.diag(d), z, mean_square(z) / (1 + excess) ** 2)
    leading = (d * z**2).sum() / (z @ z) / 3
    assert path.rounds == 1
    assert path.multipliers[0] * excess == pytest.approx(leading, rel=10 * excess + 1e-3)


def test_one_direction_is_known_exactly():
    # One eigenvalue: r falls by exactly 1 a round and c_t = (d/n)/(r_t - 1).
    path = distill([[4.0]], [5.5], tolerance=1.0)
    np.testing.assert_allclose(path.relative_norms, 5.5 - np.arange(6), rtol=1e-12)
    np.testing.assert_allclose(path.multipliers, 4 / (4.5 - np.arange(5)), rtol=1e-9)


def test_scales_of_kernel_and_targets():
    rng = np.random.default_rng(3)
    spectrum, y = spectrum_of(rng, 10 ** rng.uniform(-2, 2, 9)), rng.standard_normal(9)
    plain = distill(spectrum, y, 0.03)
    scaled = distill(gram(spectrum) * 7, y * 10, 3.0)
    np.testing.assert_allclose(scaled.multipliers, 7 * plain.multipliers, rtol=1e-8)
    np.testing.assert_allclose(scaled.targets, 10 * plain.targets, atol=1e-8)


def test_outputs_share_one_multiplier():
    rng = np.random.default_rng(4)
    spectrum, Y = spectrum_of(rng, 10 ** rng.uniform(-2, 2, 9)), rng.standard_normal((9, 3))
    path = distill(spectrum, Y, 0.2)
    assert path.targets.shape == (path.rounds + 1, 9, 3)
    residuals = np.diff(path.targets, axis=0)
    np.testing.assert_allclose((residuals**2).sum((1, 2)) / 9, 0.2, rtol=1e-10)
    # The same path as that of one output with the coefficients' norms as coefficients.
    z = np.linalg.norm(spectrum.expand(Y), axis=1)
    np.testing.assert_allclose(
        path.multipliers, distill(np.diag(spectrum.eigenvalues), z, 0.2).multipliers, rtol=1e-9
    )
    single = distill(spectrum, Y[:, :1], 0.02)
    np.testing.assert_allclose(single.targets[..., 0], distill(spectrum, Y[:, 0], 0.02).targets)


# Zero eigenvalues, infeasible tolerances, collapse.


def test_zero_eigenvalues_are_paid_in_round_zero_only():
    d, z = np.array([2.0, 1.0, 0.0]), np.array([3.0, 1.0, 0.5])
    path = distill(np.diag(d), z, 0.2)
    lam = path.ridges
    assert ((lam[0] / (lam[0] + d)) ** 2 * z**2).sum() == pytest.approx(3 * 0.2, rel=1e-12)
    second = path.targets[1]
    assert second[2] == 0
    assert ((lam[1] / (lam[1] + d[:2])) ** 2 * second[:2] ** 2).sum() == pytest.approx(0.6)
    assert (path.filters[:, 2] == 0).all()
    assert np.isfinite(path.function_norms).all()


def test_infeasible_tolerance_is_refused_with_the_bound():
    x, y, *_ = datasets.sinusoid()
    K = kernels.SplineGreen()(x)
    smallest = constrained.smallest_tolerance(K, y)
    assert smallest == pytest.approx((y[0] ** 2 + y[-1] ** 2) / 11, rel=1e-12)
    assert round(smallest, 5) == 0.04186
    for function in (distill, constrained.guaranteed_rounds, constrained.multiplier_bounds):
        with pytest.raises(ValueError, match=r"tolerance must be > 0\.0418611.*2 zero eigenval"):
            function(K, y, 0.0418)
    assert distill(K, y, smallest * (1 + 1e-9), max_rounds=1).multipliers[0] < 1e-8


def test_a_kernel_of_low_rank_from_features():
    rng = np.random.default_rng(5)
    Phi, y = rng.standard_normal((8, 3)), rng.standard_normal(8)
    spectrum = Spectrum.from_features(Phi)
    unreachable = y - Phi @ np.linalg.lstsq(Phi, y, rcond=None)[0]
    smallest = constrained.smallest_tolerance(spectrum, y)
    assert smallest == pytest.approx(mean_square(unreachable), rel=1e-10)
    tolerance = smallest + 0.1 * mean_square(y - unreachable)
    thin, full = distill(spectrum, y, tolerance), distill(Phi @ Phi.T, y, tolerance)
    np.testing.assert_allclose(thin.multipliers, full.multipliers, rtol=1e-8)
    np.testing.assert_allclose(thin.targets, full.targets, atol=1e-10)
    assert thin.filters.shape == (thin.rounds, 3)


def test_a_zero_kernel_fits_nothing():
    with pytest.raises(ValueError, match="3 zero eigenvalues"):
        distill(np.zeros((3, 3)), [1.0, 1.0, 1.0], 0.9)
    assert distill(np.zeros((3, 3)), [1.0, 1.0, 1.0], 1.0).collapsed


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_collapse_before_the_first_round(shape):
    y = np.ones(shape)
    path = distill(np.eye(3), y, mean_square(y))  # equality: the zero function just fits
    assert path.collapsed
    assert path.rounds == 0
    assert path.multipliers.shape == (0,)
    assert path.filters.shape == (0, 3)
    assert path.targets.shape == (1, *shape)
    assert path.function_norms.shape == (0,)
    assert path.predict(np.ones((5, 3))).shape == (0, 5, *shape[1:])
    np.testing.assert_array_equal(path.relative_norms, [1.0])


def test_zero_targets_collapse():
    assert distill(np.eye(2), [0.0, 0.0], 1e-6).collapsed


def test_max_rounds_stops_and_says_what_comes_next():
    K, y = np.diag([2.0, 1.0]), [3.0, 1.0]
    paths = [distill(K, y, 0.5, max_rounds=t) for t in (1, 2, 3, 9)]
    assert [p.rounds for p in paths] == [1, 2, 3, 3]
    assert [p.collapsed for p in paths] == [False, False, True, True]


def test_paths_without_end_in_sight_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"at least 1\.41e\+06 rounds .* max_rounds"):
        distill(np.eye(2), [1.0, 1.0], 5e-13)
    assert distill(np.eye(2), [1.0, 1.0], 5e-13, max_rounds=3).rounds == 3
    monkeypatch.setattr(constrained, "_LONGEST_PATH", 4)
    slow = np.array([3.0, 3.0, 3.0])  # r0 = 3.35, but 7 rounds
    K = np.diag([1e6, 1.0, 1e-6])
    assert distill(K, slow, 0.8, max_rounds=20).rounds > 4
    with pytest.raises(ValueError, match="at least 4 rounds"):
        distill(K, slow, 0.8)


# New points.


def test_predictions_at_new_points():
    x, y, grid, _ = datasets.sinusoid(12, seed=0)
    kernel = kernels.as_kernel("rbf", gamma=20.0)
    K, K_new = kernel(x[:, None]), kernel(grid[:, None], x[:, None])
    path = distill(K, np.stack([y, y**2], 1), 0.1)
    got = path.predict(K_new)
    assert got.shape == (path.rounds, len(grid), 2)
    for t, ridge in enumerate(path.ridges):
        expected = K_new @ np.linalg.solve(K + ridge * np.eye(12), path.targets[t])
        np.testing.assert_allclose(got[t], expected, atol=1e-9)
    np.testing.assert_allclose(path.predict(K), path.targets[1:], atol=1e-9)


def test_predictions_of_a_singular_kernel():
    x, y, grid, _ = datasets.sinusoid()
    kernel = kernels.SplineGreen()
    path = distill(kernel(x), y, 0.045)
    K, K_new = kernel(x), kernel(grid, x)
    for t, ridge in enumerate(path.ridges):
        expected = K_new @ np.linalg.solve(K + ridge * np.eye(11), path.targets[t])
        np.testing.assert_allclose(path.predict(K_new)[t], expected, atol=1e-9)
    a = [
        np.linalg.solve(K + lam * np.eye(11), path.targets[t]) for t, lam in enumerate(path.ridges)
    ]
    np.testing.assert_allclose(path.function_norms, [math.sqrt(v @ K @ v) for v in a], rtol=1e-9)


def test_the_published_example():
    x, y, grid, truth = datasets.sinusoid()
    kernel = kernels.SplineGreen()
    path = distill(kernel(x), y, 0.045)
    assert path.rounds == 4
    assert path.collapsed
    np.testing.assert_allclose(
        path.multipliers, [2.705e-6, 8.763e-5, 2.738e-4, 7.900e-4], rtol=2e-4
    )
    np.testing.assert_allclose(
        path.norms**2 / 11, [0.5735, 0.5079, 0.3216, 0.1415, 0.0312], atol=5e-5
    )
    errors = ((path.predict(kernel(grid, x)) - truth) ** 2).mean(1)
    np.testing.assert_allclose(errors, [0.1535, 0.0686, 0.1209, 0.3059], atol=5e-5)
    assert round(path.relative_norms[0], 3) == 3.570
    assert constrained.guaranteed_rounds(kernel(x), y, 0.045) == (0, 3, 12)


# Bounds.


def test_bounds_on_the_multiplier():
    rng = np.random.default_rng(6)
    spectrum, y = spectrum_of(rng, np.array([4.0, 2.0, 0.5])), rng.standard_normal(3)
    tolerance = mean_square(y) / 9  # r = 3
    low, high = constrained.multiplier_bounds(spectrum, y, tolerance)
    assert (low, high) == pytest.approx((0.5 / 3 / 2, 4 / 3 / 2), rel=1e-12)
    assert low < distill(spectrum, y, tolerance).multipliers[0] < high
    singular = Spectrum(np.array([4.0, 2.0, 0.0]), np.eye(3))
    assert constrained.multiplier_bounds(singular, [3.0, 1.0, 0.1], 0.5)[0] == 0


def test_relative_norm():
    assert constrained.relative_norm([3.0, 4.0], 0.5) == pytest.approx(5)
    assert constrained.relative_norm([[3.0, 4.0]], 1.0) == pytest.approx(5)


def test_guaranteed_rounds():
    # r0 = 4 and kappa = 1: r falls by exactly one a round. Rounding must not make it four.
    y = 4 * np.ones(7) / math.sqrt(7) * math.sqrt(7 * 0.3)
    assert distill(np.eye(7), y, 0.3).rounds == 3
    assert constrained.guaranteed_rounds(np.eye(7), y, 0.3) == (3, 3, 3)
    # kappa = 2, r0 = 5.5: ceil(4.5 / 2), ceil(4.5), and the smaller of 5.5^2 and 2 * 4.5 + 1.
    assert constrained.guaranteed_rounds(np.diag([2.0, 1.0]), [5.5, 0.0], 0.5) == (3, 5, 9)
    assert constrained.guaranteed_rounds(np.diag([1e9, 1.0]), [5.5, 0.0], 0.5) == (1, 5, 30)


def test_norm_lower_bound_is_its_recursion():
    for kappa, r0 in ((1.0, 4.0), (2.5, 8.0), (1e6, 30.0), (1 + 1e-9, 3.0)):
        A = 1 - kappa * (kappa - 1) / (r0 - 1 + kappa) ** 2
        C = r0**2 * kappa / (r0 - 1 + kappa) ** 2
        expected = [r0]
        for _ in range(6):
            expected.append(A * expected[-1] - C)
        got = constrained.norm_lower_bound([kappa, 1.0], r0, 6)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(constrained.norm_lower_bound([2.0], 4.5, 3), [4.5, 3.5, 2.5, 1.5])


def test_ratio_bounds_hold_on_a_path_and_keep_their_digits():
    rng = np.random.default_rng(7)
    d = np.sort(10 ** rng.uniform(-1, 1, 5))[::-1]
    y = rng.standard_normal(5)
    path = distill(np.diag(d), y, 1e-4 * mean_square(y))
    r = path.relative_norms
    for t in (1, 5, path.rounds):
        ratio = path.filters[t - 1][:, None] / path.filters[t - 1]
        larger = d[:, None] > d
        assert (ratio >= constrained.sparsity_ratio_bound(d, r[0], t) * (1 - 1e-12))[larger].all()
        assert (ratio >= constrained.no_cap_bound(d, r[0], r[t]) * (1 - 1e-12))[larger].all()
    # (1 + (p_j - p_k) / (r0 - 1 + p_k))^t tends to exp(p_j - p_k) for t = r0.
    huge = constrained.sparsity_ratio_bound(d, 1e12, 10**12)
    p = d.min() / d
    np.testing.assert_allclose(huge, np.exp(p - p[:, None]), rtol=1e-11)


# The numbers that the book quotes: d = (1, 1.5, 2), z = (1, -2, 1.5).

D, Z = np.array([2.0, 1.5, 1.0]), np.array([1.5, -2.0, 1.0])
TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8)


@pytest.fixture(scope="module")
def paths():
    # A tolerance of the example is eps itself; the spectrum is that of K / n in the paper, so n d.
    return [distill(np.diag(3 * D), Z, tolerance) for tolerance in TOLERANCES]


def index(path, fits):
    return float(constrained.sparsity_index(path.filters[fits - 1], D))


def test_index_at_the_horizon_of_the_paper(paths):
    kappa = 2
    got = [index(p, math.floor((p.relative_norms[0] - 1) / kappa)) for p in paths]
    assert np.round(got, 4).tolist() == [1.1569, 1.1874, 1.1903, 1.1909]
    bounds = [constrained.near_interpolation_bound(D, p.relative_norms[0])[0] for p in paths]
    assert (np.diff(bounds) > 0).all()
    limit = constrained.near_interpolation_limit(D)
    assert limit[0] == pytest.approx(math.exp(1 / 2 * (1 / 1.5 - 1 / 2)), rel=1e-14)
    assert limit[1] == pytest.approx(math.exp(1 / 1.5 - 1 / 2), rel=1e-14)
    assert round(limit[0], 4) == 1.0869
    assert bounds[-1] == pytest.approx(limit[0], rel=1e-4)
    far = constrained.near_interpolation_bound(D, 1e13)
    np.testing.assert_allclose(far, limit, rtol=1e-12)


def test_repeated_fits_have_no_cap(paths):
    assert [p.rounds for p in paths] == [15, 158, 1585, 15853]
    horizon = [index(p, math.floor(p.relative_norms[0] - 1)) for p in paths]
    assert np.round(horizon, 3).tolist() == [1.708, 2.686, 3.067, 3.123]
    last = [index(p, p.rounds) for p in paths]
    assert np.round(last, 2).tolist() == [2.01, 4.35, 9.53, 17.57]
    guaranteed = [
        np.diag(constrained.no_cap_bound(D, p.relative_norms[0], 1.0), 1).min() for p in paths
    ]
    assert np.round(guaranteed, 2).tolist() == [1.42, 2.07, 3.03, 4.45]


def test_one_fit_is_capped(paths):
    tolerances = np.array([0.01, 0.1, 0.5, 0.9, 0.999, 0.999999]) * mean_square(Z)
    single = [index(distill(np.diag(3 * D), Z, e, max_rounds=1), 1) for e in tolerances]
    assert (np.diff(single) > 0).all()
    assert single[-1] < 4 / 3
    assert single[-1] == pytest.approx(4 / 3, rel=1e-5)


def test_the_index_bounds_hold_where_they_are_claimed(paths):
    for path in paths:
        r0 = path.relative_norms[0]
        paper, longer = constrained.near_interpolation_bound(D, r0)
        assert index(path, math.ceil((r0 - 1) / 2)) >= paper
        assert index(path, math.ceil(r0 - 1)) >= longer


def test_the_bound_can_fail_one_fit_earlier():
    d, z = np.array([1.5, 1.0]), np.array([1.0, 1.0])
    tolerance = mean_square(z) / (1 + 1.9 * 1.5) ** 2  # the paper's horizon is 1.9 fits
    path = distill(np.diag(d), z, tolerance, max_rounds=2)
    bound = constrained.near_interpolation_bound(d, path.relative_norms[0])[0]
    S = constrained.sparsity_index(path.filters, d)
    assert np.round([S[0], bound], 4).tolist() == [1.1092, 1.1878]
    assert S[1] > bound


def test_sparsity_index_of_a_grid_and_of_ties():
    b = np.array([[[0.8, 0.4, 0.1], [0.9, 0.6, 0.5]]])
    np.testing.assert_allclose(constrained.sparsity_index(b, D), [[2.0, 1.2]])
    assert constrained.sparsity_index([0.5, 0.5], [1.0, 1.0]) == 1


# The equivalent kernel.


def test_equivalent_eigenvalues_give_the_filter():
    d = np.array([1e6, 3.0, 1e-6, 0.0])
    path = distill(np.diag(d), [1.0, 2.0, 3.0, 0.1], 0.05, max_rounds=6)
    lam = path.ridges
    for t in range(path.rounds):
        dagger = constrained.equivalent_eigenvalues(d, lam[: t + 1])
        np.testing.assert_allclose(dagger / (dagger + lam[0]), path.filters[t], rtol=1e-9, atol=0)
        assert dagger[-1] == 0
    np.testing.assert_allclose(constrained.equivalent_eigenvalues(d, lam[:1]), d, rtol=1e-12)
    traces = [constrained.equivalent_eigenvalues(d, lam[: t + 1]).sum() for t in range(6)]
    assert (np.diff(traces) < 0).all()
    norms = (np.array([1.0, 4.0, 9.0]) * path.filters[-1, :3] ** 2 / d[:3]).sum()
    assert path.function_norms[-1] ** 2 == pytest.approx(norms, rel=1e-12)


@pytest.mark.parametrize("interior", [True, False])
def test_equivalent_kernel_is_one_fit(interior):
    x, y, grid, _ = datasets.sinusoid()
    x = np.arange(1, 12) / 12 if interior else x
    kernel = kernels.SplineGreen()
    path = distill(kernel(x), y, 0.045)
    for t in range(path.rounds):
        dagger = constrained.EquivalentKernel(kernel, x, path.ridges[: t + 1])
        K = dagger(x)
        np.testing.assert_allclose(K, K.T, atol=1e-15)
        dual = np.linalg.solve(K + path.ridges[0] * np.eye(11), y)
        got = dagger(grid, x) @ dual
        np.testing.assert_allclose(got, path.predict(kernel(grid, x))[t], atol=1e-9)
        everywhere = dagger(grid)
        assert np.linalg.eigvalsh(everywhere).min() > -1e-12 * np.trace(everywhere)


def test_equivalent_kernel_of_one_round_is_the_kernel():
    x, _, grid, _ = datasets.sinusoid()
    kernel = kernels.SplineGreen()
    dagger = constrained.EquivalentKernel(kernel, x, [0.3])
    np.testing.assert_allclose(dagger(grid), kernel(grid), atol=1e-14)


def test_equivalent_kernel_takes_names():
    X = np.random.default_rng(8).standard_normal((5, 2))
    dagger = constrained.EquivalentKernel("rbf", X, [0.1, 0.3])
    spectrum = Spectrum.from_gram(kernels.as_kernel("rbf")(X))
    expected = constrained.equivalent_eigenvalues(spectrum.eigenvalues, [0.1, 0.3])
    np.testing.assert_allclose(np.linalg.eigvalsh(dagger(X))[::-1], expected, atol=1e-12)


# The generalisation bound.


def test_rademacher_bound_by_hand():
    options = {"lipschitz": 2.0, "loss_range": 3.0, "confidence": 0.9}
    got = constrained.rademacher_bound(0.1, 5.0, 4.0, 100, **options)  # j = 3, beta = 10
    capacity = 2 * 2 * 10 * 2 / 100
    deviation = 9 * math.sqrt((math.log(20) + math.log(4 * 5)) / 200)
    assert got == pytest.approx(0.1 + capacity + deviation, rel=1e-12)
    inside = constrained.rademacher_bound(0.1, 0.2, 4.0, 100, **options)  # j = 0, beta = unit
    expected = 0.1 + 2 * 2 * 1 * 2 / 100 + 9 * math.sqrt((math.log(20) + math.log(2)) / 200)
    assert inside == pytest.approx(expected, rel=1e-12)
    smaller = constrained.rademacher_bound(0.1, 0.2, 4.0, 100, **options, unit=0.5)
    assert smaller == pytest.approx(expected - 2 * 2 * 0.5 * 2 / 100, rel=1e-9)


def test_rademacher_bound_of_a_path():
    x, y, *_ = datasets.sinusoid()
    K = kernels.SplineGreen()(x)
    path = distill(K, y, 0.045)
    options = {"lipschitz": 1.0, "loss_range": 1.0, "confidence": 0.95, "unit": 1e-3}
    terms = constrained.rademacher_bound(0.0, path.function_norms, np.trace(K), 11, **options)
    assert terms.shape == (4,)
    assert (np.diff(terms) < 0).all()  # capacity shrinks from round to round


# Refusals.

EYE = np.eye(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distill(EYE, [1.0, 1.0], 0.0), "tolerance must be > 0"),
        (lambda: distill(EYE, [1.0, 1.0], -1.0), "tolerance must be > 0"),
        (lambda: distill(EYE, [1.0, 1.0], np.nan), "tolerance contains nan"),
        (lambda: distill(EYE, [1.0, 1.0], [0.1, 0.2]), "tolerance must be one number"),
        (lambda: distill(EYE, [1.0, 1.0, 1.0], 0.1), "y has 3 rows"),
        (lambda: distill(EYE, [1.0, np.inf], 0.1), "y contains inf"),
        (lambda: distill(EYE, np.ones((2, 1, 1)), 0.1), "y must be 1-dimensional"),
        (lambda: distill(np.ones((2, 3)), [1.0, 1.0], 0.1), "K must be square"),
        (lambda: distill([[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0], 0.1), "K must be positive semi"),
        (lambda: distill([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0], 0.1), "K must be symmetric"),
        (lambda: distill(EYE, [1.0, 1.0], 0.1, max_rounds=0), "max_rounds must be >= 1"),
        (lambda: distill(EYE, [1.0, 1.0], 0.1).predict(np.ones((4, 3))), "one column a training"),
        (lambda: distill(EYE, [1.0, 1.0], 9.0).predict(np.ones((4, 3))), "one column a training"),
        (lambda: constrained.relative_norm([1.0], 0.0), "tolerance must be > 0"),
        (lambda: constrained.smallest_tolerance(EYE, [1.0]), "y has 1 rows"),
        (lambda: constrained.multiplier_bounds(EYE, [1.0, 1.0], 1.0), "the fit collapses"),
        (lambda: constrained.guaranteed_rounds(EYE, [1.0, 1.0], 2.0), "the fit collapses"),
        (lambda: constrained.norm_lower_bound([1.0, 0.0], 2.0, 3), "d must be > 0"),
        (lambda: constrained.norm_lower_bound([1.0], 1.0, 3), "r0 must be > 1"),
        (lambda: constrained.norm_lower_bound([1.0], 2.0, -1), "rounds must be >= 0"),
        (lambda: constrained.sparsity_ratio_bound([1.0, 0.0], 2.0, 1), "d must be > 0"),
        (lambda: constrained.sparsity_ratio_bound([1.0], 0.5, 1), "r0 must be > 1"),
        (lambda: constrained.sparsity_ratio_bound([1.0], 2.0, 0), "rounds must be >= 1"),
        (lambda: constrained.no_cap_bound([1.0], 2.0, 3.0), "r_t must be <= r0"),
        (lambda: constrained.no_cap_bound([1.0], 2.0, -1.0), "r_t must be >= 0"),
        (lambda: constrained.sparsity_index([0.5, 0.0], [2.0, 1.0]), "b must be > 0"),
        (lambda: constrained.sparsity_index([0.5, 0.4], [1.0, 2.0]), "descending"),
        (lambda: constrained.sparsity_index([0.5], [1.0]), "at least two"),
        (lambda: constrained.sparsity_index([0.5, 0.4, 0.3], [2.0, 1.0]), "b must have shape"),
        (lambda: constrained.near_interpolation_bound([1.0, 2.0], 2.0), "descending"),
        (lambda: constrained.near_interpolation_limit([2.0, 0.0]), "d must be > 0"),
        (lambda: constrained.equivalent_eigenvalues([-1.0], [1.0]), "d must be >= 0"),
        (lambda: constrained.equivalent_eigenvalues([1.0], [0.0]), "ridges must be > 0"),
        (lambda: constrained.EquivalentKernel("rbf", np.ones((2, 2, 2)), [1.0]), "X must be"),
        (
            lambda: constrained.EquivalentKernel("rbf", np.ones((2, 2)), [-1.0]),
            "ridges must be > 0",
        ),
        (lambda: bound(empirical=-1.0), "empirical must be >= 0"),
        (lambda: bound(norm=-1.0), "norm must be >= 0"),
        (lambda: bound(trace=-1.0), "trace must be >= 0"),
        (lambda: bound(n=0), "n must be >= 1"),
        (lambda: bound(lipschitz=0.0), "lipschitz must be > 0"),
        (lambda: bound(loss_range=0.0), "loss_range must be > 0"),
        (lambda: bound(unit=0.0), "unit must be > 0"),
        (lambda: bound(confidence=1.0), "confidence must lie strictly between"),
        (lambda: bound(confidence=0.0), "confidence must lie strictly between"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def bound(**changed):
    usual = {"empirical": 0.1, "norm": 1.0, "trace": 1.0, "n": 10, "lipschitz": 1.0}
    usual |= {"loss_range": 1.0, "confidence": 0.9} | changed
    return constrained.rademacher_bound(**usual)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="max_rounds must be a whole number"):
        distill(EYE, [1.0, 1.0], 0.1, max_rounds=2.0)
    with pytest.raises(TypeError, match="y must be an array of real numbers"):
        distill(EYE, "ab", 0.1)


def test_docstrings_run():
    assert doctest.testmod(constrained, extraglobs={"np": np}).failed == 0
