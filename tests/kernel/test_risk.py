"""Risk of a filter: against exact matrix formulas, brute-force expectations and known cases."""

import itertools

import numpy as np
import pytest

from distill_lib.kernel import Spectrum, filters, risk


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    A = rng.standard_normal((6, 6))
    K = A @ A.T
    return K, Spectrum.from_gram(K), rng.standard_normal(6)


def _smoother(K, lam, rounds):
    return np.linalg.matrix_power(np.linalg.solve(K + lam * np.eye(len(K)), K), rounds)


def test_bias_variance_is_the_trace_formula(problem):
    K, spectrum, truth = problem
    S = _smoother(K, 0.7, 3)
    b = filters.distilled(spectrum.eigenvalues, 0.7, 3)
    parts = risk.bias_variance(spectrum.expand(truth), 0.4, b)
    assert parts.bias == pytest.approx(((truth - S @ truth) ** 2).sum(), rel=1e-10)
    assert parts.variance == pytest.approx(0.16 * np.trace(S @ S.T), rel=1e-10)
    assert parts.risk == parts.bias + parts.variance


def test_risk_is_the_mean_over_all_sign_patterns(problem):
    K, spectrum, truth = problem
    S = _smoother(K, 0.7, 2)
    signs = np.array(list(itertools.product([-1, 1], repeat=6)))
    fits = (truth + 0.4 * signs) @ S.T
    expected = ((fits - truth) ** 2).sum(1).mean()
    got = risk.refit_risk(spectrum.eigenvalues, spectrum.expand(truth), 0.4, 0.7, 2)
    assert got == pytest.approx(expected, rel=1e-10)


def test_correlated_noise_enters_by_its_variance_along_each_direction(problem):
    K, spectrum, truth = problem
    C = 0.3 * 0.8 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    U = spectrum.eigenvectors
    sigma = np.sqrt(np.einsum("ij,ik,kj->j", U, C, U))
    S = _smoother(K, 0.7, 1)
    b = filters.ridge(spectrum.eigenvalues, 0.7)
    got = risk.bias_variance(spectrum.expand(truth), sigma, b).variance
    assert got == pytest.approx(np.trace(S @ C @ S.T), rel=1e-10)


def test_grid_shapes():
    d, theta = np.array([2.0, 1.0, 0.0]), np.array([1.0, 0.5, 0.2])
    assert risk.bias_variance(theta, 0.1, np.zeros((4, 5, 3))).risk.shape == (4, 5)
    assert risk.refit_risk(d, theta, 0.1, np.ones((4, 1)), np.arange(1, 6)).shape == (4, 5)
    assert risk.refit_risk(d, theta, 0.1, 1.0, 2).shape == ()


def test_oracle_is_below_random_filters_and_reached_by_its_own():
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(5)
    best = risk.bias_variance(theta, 0.5, risk.oracle_filter(theta, 0.5)).risk
    assert best == pytest.approx(risk.oracle_risk(theta, 0.5), rel=1e-12)
    assert (risk.bias_variance(theta, 0.5, rng.standard_normal((1000, 5))).risk > best).all()


def test_oracle_without_truth_and_noise():
    np.testing.assert_array_equal(risk.oracle_filter([0.0, 1.0], 0.0), [0.0, 1.0])
    assert risk.oracle_risk([0.0, 1.0], 0.0) == 0


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_tuned_refits_beats_a_dense_grid(rounds):
    d, theta = 1.0 / np.arange(1, 31) ** 2, np.exp(-np.arange(30) / 3)
    best = risk.tuned_refits(d, theta, 0.1, rounds)
    grid = risk.refit_risk(d, theta, 0.1, np.logspace(-8, 4, 20_001), rounds)
    assert best.risk <= grid.min()
    assert best.risk == pytest.approx(grid.min(), rel=1e-5)
    assert best.risk == pytest.approx(float(risk.refit_risk(d, theta, 0.1, best.lam, rounds)))


def test_tuned_ridge_of_matched_truth_is_the_oracle():
    d = 1.0 / np.arange(1, 41) ** 1.5
    best = risk.tuned_refits(d, 0.3 * np.sqrt(d / 0.02), sigma=0.3)
    assert best.lam == pytest.approx(0.02, rel=1e-5)
    assert best.risk == pytest.approx(risk.oracle_risk(0.3 * np.sqrt(d / 0.02), 0.3), rel=1e-9)


def test_tuned_refits_finds_the_deeper_of_two_minima():
    d, theta = np.repeat([1.0, 30, 3000], [100, 3, 200]), np.repeat([0.0, 6, 0], [100, 3, 200])
    ridges = np.logspace(-3, 8, 4001)
    curve = risk.refit_risk(d, theta, 1.0, ridges, 1)
    falls = np.diff(curve) < 0
    assert (falls[1:] > falls[:-1]).any()  # it falls again: more than one valley
    assert risk.tuned_refits(d, theta, 1.0).risk <= curve.min()


def test_gain_map_agrees_with_loops():
    d, thetas = np.array([2.0, 1.0, 0.1]), np.array([[1.0, 0.1, 0.0], [1.0, 1.0, 1.0]])
    ratios = np.array([0.01, 1.0, 5.0])
    found = risk.gain_map(d, thetas, 0.3, ratios, max_rounds=20)
    for i, theta in enumerate(thetas):
        ridge = risk.tuned_refits(d, theta, 0.3)
        for k, ratio in enumerate(ratios):
            values = [
                float(risk.refit_risk(d, theta, 0.3, ratio * ridge.lam, t)) for t in range(1, 21)
            ]
            assert found.rounds[i, k] == np.argmin(values) + 1
            assert found.gain[i, k] == pytest.approx(1 - min(values) / ridge.risk, abs=1e-12)


def test_at_the_tuned_ridge_no_round_helps():
    d = 1.0 / np.arange(1, 31)
    found = risk.gain_map(d, [d**0.5, d, d**2], 0.1, [1.0])
    np.testing.assert_array_equal(found.rounds, 1)
    np.testing.assert_allclose(found.gain, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: risk.bias_variance([1.0, 2], 1.0, [0.5]), r"b must have shape \(..., 2\)"),
        (lambda: risk.bias_variance([1.0, 2], 1.0, 0.5), "b must have shape"),
        (lambda: risk.bias_variance([1.0, 2], -1.0, [0.5, 0.5]), "sigma must be >= 0, got -1"),
        (lambda: risk.bias_variance([1.0, 2], [1.0, 1, 1], [0.5, 0.5]), "sigma must be one number"),
        (lambda: risk.bias_variance([[1.0, 2]], 1.0, [0.5, 0.5]), "theta must be 1-dimensional"),
        (lambda: risk.bias_variance([1.0, np.nan], 1.0, [0.5, 0.5]), "theta contains nan"),
        (lambda: risk.refit_risk([1.0], [1.0], 1.0, 0.0, 1), "lam must be > 0"),
        (lambda: risk.refit_risk([1.0], [1.0], 1.0, 1.0, 0), "rounds must be >= 1"),
        (lambda: risk.tuned_refits([0.0], [1.0], 1.0), "d must have a positive eigenvalue"),
        (lambda: risk.gain_map([1.0], [1.0], 1.0, [1.0]), "thetas must be 2-dimensional"),
        (lambda: risk.gain_map([1.0], [[1.0]], 1.0, [0.0]), "ratios must be > 0"),
    ],
)
def test_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refuses_rounds_that_are_not_whole():
    with pytest.raises(TypeError, match="rounds must be a whole number"):
        risk.refit_risk([1.0], [1.0], 1.0, 1.0, 1.5)
    with pytest.raises(TypeError, match="max_rounds must be a whole number"):
        risk.gain_map([1.0], [[1.0]], 1.0, [1.0], max_rounds=2.0)
