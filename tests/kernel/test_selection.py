"""Exact leave-one-out of a chain: against chains that are run anew without each point."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from distill_lib import datasets
from distill_lib.kernel import (
    SelfDistilledKernelRidge,
    Spectrum,
    filters,
    kernels,
    mixing,
    selection,
)

LAMS = np.array([1e-6, 0.1, 10.0])


def problem(rng, n=9, q=None, rank=None):
    A = rng.standard_normal((n, rank or n))
    return A @ A.T, rng.standard_normal(n if q is None else (n, q))


def brute_force(K, y, lam, alpha, rounds):
    """Run the chain without point i, for every i, by dense solves."""
    n, alpha = len(K), np.broadcast_to(alpha, (rounds,))
    out = np.empty((rounds, *y.shape))
    for i in range(n):
        rest = np.arange(n) != i
        system = K[np.ix_(rest, rest)] + lam * np.eye(n - 1)
        fitted = y[rest]  # so that the first fit is the ordinary one, whatever its weight
        for tau in range(rounds):
            targets = alpha[tau] * y[rest] + (1 - alpha[tau]) * fitted
            dual = np.linalg.solve(system, targets)
            fitted = K[np.ix_(rest, rest)] @ dual
            out[tau, i] = K[i, rest] @ dual
    return out


# ------------------------------------------------------------------- leave-one-out


@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("rank", [None, 4])
@pytest.mark.parametrize("lam", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0, [1.0, 0.2, -0.7, 2.0, 0.5]])
def test_equal_to_brute_force(q, rank, lam, alpha):
    K, y = problem(np.random.default_rng(1), q=q, rank=rank)
    got = selection.loo_predictions(K, y, lam, alpha, 5, unrestricted=True)
    assert_allclose(got, brute_force(K, y, lam, alpha, 5), atol=1e-12 * np.abs(y).max())


@pytest.mark.parametrize("n", [2, 3, 40])
def test_few_and_more_points(n):
    K, y = problem(np.random.default_rng(n), n=n)
    got = selection.loo_predictions(K, y, 0.5, 0.3, 3)
    assert_allclose(got, brute_force(K, y, 0.5, 0.3, 3), atol=1e-12 * np.abs(y).max())


def test_published_points_by_scikit_learn():
    sample = datasets.sinusoid()
    K = kernels.as_kernel("rbf", gamma=80)(sample.x[:, None])
    for alpha, rounds in ((0.0, 1), (0.0, 5), (0.35, 4)):
        model = SelfDistilledKernelRidge("precomputed", lam=0.2, alpha=alpha, rounds=rounds)
        slow = cross_val_predict(model, K, sample.y, cv=LeaveOneOut())
        got = selection.loo_predictions(K, sample.y, 0.2, alpha, rounds)[-1]
        assert_allclose(got, slow, atol=1e-12)


@pytest.mark.parametrize("lam", [1e-12, 1e-9, 1e-5])
def test_near_interpolation(lam):
    """1 - H_ii is tiny there; it is added up from positive terms and not subtracted."""
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    d = np.array([5.0, 4, 3, 2, 1, 0.5])
    K, y = (Q * d) @ Q.T, rng.standard_normal(6)
    got = selection.loo_predictions(Spectrum(d, Q), y, lam, 0.3, 4)
    limit = brute_force(K, y, lam, 0.3, 4)  # well conditioned: it is the interpolant of the others
    assert_allclose(got, limit, rtol=1e-10)


def test_features_and_kernel_matrix_agree():
    rng = np.random.default_rng(3)
    Phi, y = rng.standard_normal((12, 5)), rng.standard_normal((12, 2))
    by_features = selection.loo_refits(Spectrum.from_features(Phi), y, [0.1, 2.0], 4)
    assert_allclose(by_features, selection.loo_refits(Phi @ Phi.T, y, [0.1, 2.0], 4), atol=1e-12)


def test_first_round_is_the_short_cut_and_later_ones_are_not():
    K, y = problem(np.random.default_rng(4))
    S = np.linalg.solve(K + np.eye(9), K)
    out = selection.loo_refits(K, y, [1.0], 3)[0]
    for tau, exact in ((1, True), (2, False), (3, False)):
        B = np.linalg.matrix_power(S, tau)
        short_cut = y - (y - B @ y) / (1 - np.diag(B))
        assert np.allclose(short_cut, out[tau - 1], atol=1e-10) == exact


def test_weights_mix_the_plain_chains():
    K, y = problem(np.random.default_rng(5))
    alpha = [1, 0.3, 0.6]
    plain = selection.loo_refits(K, y, [0.7], 3)[0]
    mixed = selection.loo_predictions(K, y, 0.7, alpha, 3)
    assert_allclose(mixed, mixing.power_weights(alpha, 3) @ plain, atol=1e-14)


def test_the_reciprocal_series_never_amplifies():
    """s is a moment sequence: 1/s has no positive coefficient after the first (Kaluza)."""
    K, _ = problem(np.random.default_rng(6))
    spectrum = Spectrum.from_gram(K)
    powers = selection._powers(spectrum.eigenvalues, np.array([0.5]), 30)
    s = powers @ (spectrum.eigenvectors**2).T
    ones = np.zeros((1, 30, 9, 1))
    ones[:, 0] = 1
    steps = np.diff(selection._partial_sums(ones, s)[0, ..., 0], axis=0)
    assert (steps <= 1e-15).all()
    assert (steps.sum(0) >= -1 / s[0, 0]).all()


# --------------------------------------------------------------------- error grids


def test_error_grid():
    K, y = problem(np.random.default_rng(7), q=2)
    alphas = [0.0, 0.5, 1.0]
    errors = selection.loo_errors(K, y, LAMS, alphas, 4)
    assert errors.shape == (3, 3, 4)
    for i, lam in enumerate(LAMS[1:], start=1):
        for j, alpha in enumerate(alphas):
            out = brute_force(K, y, lam, alpha, 4)
            assert_allclose(errors[i, j], ((out - y) ** 2).mean((1, 2)), rtol=1e-9)


def test_one_fit_is_scikit_learns_ridge_cv():
    rng = np.random.default_rng(8)
    Phi, y = rng.standard_normal((20, 6)), rng.standard_normal(20)
    theirs = RidgeCV(LAMS, fit_intercept=False, store_cv_results=True).fit(Phi, y)
    ours = selection.loo_errors(Phi @ Phi.T, y, LAMS, [0.0], 1)[:, 0, 0]
    assert_allclose(ours, theirs.cv_results_.mean(0), rtol=1e-8)


def dft_problem(rng, n):
    """Eigenvalues in pairs on the real Fourier basis: every power has a constant diagonal."""
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(1, (n - 1) // 2 + 1)) / n
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(n, -1) * np.sqrt(2 / n)
    U = np.hstack([np.full((n, 1), n**-0.5), basis])
    d = np.r_[3.0, np.repeat(np.sort(rng.uniform(0.1, 2, (n - 1) // 2))[::-1], 2)]
    return (U * d) @ U.T


def test_gcv_is_leave_one_out_when_all_points_are_alike():
    rng = np.random.default_rng(9)
    circulant = dft_problem(rng, 9)
    y = rng.standard_normal(9)
    loo = selection.loo_errors(circulant, y, [0.3], [0.0, 0.4], 5)
    assert_allclose(selection.gcv_errors(circulant, y, [0.3], [0.0, 0.4], 5), loo, rtol=1e-10)
    # ... and it is the same number in every rotated basis, where leave-one-out is another.
    Q = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    turned = Q @ circulant @ Q.T
    gcv = selection.gcv_errors(turned, Q @ y, [0.3], [0.0, 0.4], 5)
    assert_allclose(gcv, loo, rtol=1e-9)
    assert not np.allclose(
        selection.loo_errors(turned, Q @ y, [0.3], [0.0, 0.4], 5), loo, rtol=1e-3
    )


@pytest.mark.parametrize("q", [None, 2])
def test_gcv_of_one_fit_is_the_usual_formula(q):
    rng = np.random.default_rng(10)
    Phi = rng.standard_normal((15, 4))
    y = rng.standard_normal(15 if q is None else (15, q))
    H = Phi @ np.linalg.solve(Phi.T @ Phi + 0.5 * np.eye(4), Phi.T)
    usual = ((y - H @ y) ** 2).mean() / (1 - np.trace(H) / 15) ** 2
    for K in (Phi @ Phi.T, Spectrum.from_features(Phi)):
        assert selection.gcv_errors(K, y, [0.5], [0.0], 1)[0, 0, 0] == pytest.approx(usual)
    misses, same = (
        selection.gcv_refits(K, y, [0.5], 3) for K in (Phi @ Phi.T, Spectrum.from_features(Phi))
    )
    assert misses.shape == (1, 3, *y.shape)
    assert_allclose((misses**2).sum(), (same**2).sum(), rtol=1e-12)


# ------------------------------------------------------------------ what is chosen


def test_optimal_weights_minimize_the_leave_one_out_error():
    rng = np.random.default_rng(11)
    K, y = problem(rng, n=15)
    path = selection.loo_optimal_path(K, y, 0.4, 3)
    for alphas, loss in zip(path.joint_alphas, path.joint_losses, strict=True):
        out = brute_force(K, y, 0.4, alphas, len(alphas))[-1]
        assert ((out - y) ** 2).mean() == pytest.approx(loss, rel=1e-7)
    for step in (-0.01, 0.01):
        moved = brute_force(K, y, 0.4, path.joint_alphas[1] + step, 2)[-1]
        assert ((moved - y) ** 2).mean() > path.joint_losses[1]
    assert_allclose(path.greedy_losses[:2], path.joint_losses[:2], rtol=1e-10)


@pytest.mark.parametrize("criterion", ["loo", "gcv"])
def test_select_takes_the_least_error(criterion):
    K, y = problem(np.random.default_rng(12), n=15)
    measure = {"loo": selection.loo_errors, "gcv": selection.gcv_errors}[criterion]
    alphas = [0.0, 0.3, 0.9]
    errors = measure(K, y, LAMS, alphas, 5)
    chosen = selection.select(K, y, LAMS, alphas, 5, criterion=criterion)
    assert chosen.error == errors.min()
    i, j = list(LAMS).index(chosen.lam), alphas.index(chosen.alpha)
    assert errors[i, j, chosen.rounds - 1] == pytest.approx(errors.min(), rel=1e-11)


@pytest.mark.parametrize("unrestricted", [False, True])
def test_select_with_optimal_weights(unrestricted):
    K, y = problem(np.random.default_rng(13), n=15)
    chosen = selection.select(K, y, LAMS, "optimal", 3, unrestricted=unrestricted)
    out = brute_force(K, y, chosen.lam, chosen.alpha, chosen.rounds)[-1]
    assert ((out - y) ** 2).mean() == pytest.approx(chosen.error, rel=1e-6)
    grid = selection.loo_errors(K, y, LAMS, np.linspace(0, 1, 11), 3)
    assert chosen.error <= grid.min() * (1 + 1e-9)
    if not unrestricted:
        assert ((chosen.alpha >= 0) & (chosen.alpha <= 1)).all()


def test_ties_go_to_the_simplest():
    scores = np.array([[[1.0, 2.0, 2.0], [0.0, 2.0, 2.0]], [[1.0, 2.0, 0.0], [0.0, 0.0, 2.0]]])
    assert selection.simplest(scores, np.array([0.1, 1.0]), np.array([1, 2, 3])) == (1, 0, 1)
    assert selection.simplest(scores, np.array([1.0, 0.1]), np.array([3, 2, 1])) == (0, 0, 2)


def test_one_decomposition_for_a_whole_grid(monkeypatch):
    K, y = problem(np.random.default_rng(14))
    calls = []
    decompose = linalg.eigh
    monkeypatch.setattr(linalg, "eigh", lambda *a, **k: calls.append(1) or decompose(*a, **k))
    selection.select(K, y, LAMS, [0.0, 0.5], 5)
    selection.select(K, y, LAMS, "optimal", 3)
    assert len(calls) == 2
    spectrum = Spectrum.from_gram(K)
    selection.select(spectrum, y, LAMS, [0.0, 0.5], 5)
    assert len(calls) == 3


def test_plain_rounds_beat_one_fit_where_the_ridge_is_far_too_small():
    sample = datasets.sinusoid(60, seed=3)
    K = kernels.as_kernel("rbf", gamma=30)(sample.x[:, None])
    errors = selection.loo_errors(K, sample.y, [1e-3], [0.0, 1.0], 30)[0]
    assert errors[0].min() < 0.93 * errors[1, 0]
    assert (np.diff(errors[0]) < 0).all()
    assert_array_equal(errors[1], errors[1, 0])  # alpha = 1 never changes the fit
    assert filters.ridge(1.0, 1e-3) > 0.99


# ------------------------------------------------------------------------ refusals

EYE = np.eye(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: selection.loo_refits([[1.0]], [1.0], [1.0], 2), ValueError, "at least 2 points"),
        (lambda: selection.loo_refits(EYE, [1, 2], [1.0], 2), ValueError, "y has 2 rows"),
        (lambda: selection.loo_refits(EYE, [1, 2, np.nan], [1.0], 2), ValueError, "y contains nan"),
        (lambda: selection.loo_refits(EYE, [1, 2, 3], [0.0], 2), ValueError, "lams must be > 0"),
        (lambda: selection.loo_refits(EYE, [1, 2, 3], [[1.0]], 2), ValueError, "lams must be 1-d"),
        (lambda: selection.loo_refits(EYE, [1, 2, 3], [], 2), ValueError, "lams is empty"),
        (lambda: selection.loo_refits(EYE, [1, 2, 3], [1.0], 0), ValueError, "rounds must be >= 1"),
        (lambda: selection.loo_refits(EYE, [1, 2, 3], [1.0], 2.0), TypeError, "whole number"),
        (
            lambda: selection.loo_refits([[1, 2], [0, 1]], [1, 2], [1.0], 2),
            ValueError,
            "K must be symmetric",
        ),
        (
            lambda: selection.loo_predictions(EYE, [1, 2, 3], [1.0], 0.0, 2),
            ValueError,
            "lam must be one number",
        ),
        (
            lambda: selection.loo_predictions(EYE, [1, 2, 3], 1.0, 1.5, 2),
            ValueError,
            r"alpha must lie in \[0, 1\], got 1.5; pass unrestricted=True",
        ),
        (
            lambda: selection.loo_predictions(EYE, [1, 2, 3], 1.0, [0.5], 2),
            ValueError,
            "one weight a round",
        ),
        (
            lambda: selection.loo_errors(EYE, [1, 2, 3], [1.0], [[0.5]], 2),
            ValueError,
            "alphas must be 1-dimensional",
        ),
        (
            lambda: selection.gcv_errors(EYE, [1, 2, 3], [1.0], [2.0], 2),
            ValueError,
            r"alphas must lie in \[0, 1\], got 2.0",
        ),
        (
            lambda: selection.select(EYE, [1, 2, 3], [1.0], [0.5], 2, criterion="aic"),
            ValueError,
            "criterion must be 'loo' or 'gcv', got 'aic'",
        ),
        (
            lambda: selection.select(EYE, [1, 2, 3], [1.0], "best", 2),
            ValueError,
            "alphas must be numbers, or 'optimal'",
        ),
        (
            lambda: selection.select(EYE, [1, 2, 3], [1.0], "optimal", 2, criterion="gcv"),
            ValueError,
            "'optimal' with criterion='loo', got 'optimal' with criterion='gcv'",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
