"""A grid of ridges, weights and rounds: one eigendecomposition against refitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from benchmarks.measure import Result, assert_same, seconds
from distill_lib.kernel import Spectrum, filters

LAMS = np.logspace(-3, 3, 10)
ALPHAS = np.linspace(0.0, 0.8, 5)
ROUNDS = 10
GAMMA = 5.0


class Problem(NamedTuple):
    """Training points and targets, new points, and the kernel matrices of both."""

    X: np.ndarray
    y: np.ndarray
    X_new: np.ndarray
    K: np.ndarray
    K_new: np.ndarray


def problem(n, m=200):
    """Draw points in a cube and a noisy sine of the first coordinate."""
    rng = np.random.default_rng(0)
    X, X_new = rng.uniform(size=(n, 5)), rng.uniform(size=(m, 5))
    y = np.sin(6 * X[:, 0]) + rng.standard_normal(n)
    return Problem(X, y, X_new, rbf_kernel(X, gamma=GAMMA), rbf_kernel(X_new, X, gamma=GAMMA))


def by_spectrum(p):
    """All predictions, kernel included, shape (lams, alphas, rounds, m)."""
    spectrum = Spectrum.from_gram(rbf_kernel(p.X, gamma=GAMMA))
    b = filters.distilled(
        spectrum.eigenvalues,
        lam=LAMS[:, None, None, None],
        alpha=ALPHAS[:, None, None],
        rounds=np.arange(1, ROUNDS + 1)[:, None],
    )
    return spectrum.predict(rbf_kernel(p.X_new, p.X, gamma=GAMMA), b, p.y)


def chain(fit, y):
    """Predictions of every weight and round for a function targets -> (fitted, predictions)."""
    out = []
    for alpha in ALPHAS:
        targets = y
        for _ in range(ROUNDS):
            fitted, predictions = fit(targets)
            out.append(predictions)
            targets = alpha * y + (1 - alpha) * fitted
    return np.reshape(out, (len(ALPHAS), ROUNDS, -1))


def by_kernel_ridge(p, lam):
    """scikit-learn as one writes it: fit, predict, fit again."""

    def fit(targets):
        model = KernelRidge(kernel="rbf", gamma=GAMMA, alpha=lam).fit(p.X, targets)
        return model.predict(p.X), model.predict(p.X_new)

    return chain(fit, p.y)


def by_precomputed_kernel_ridge(p, lam):
    """scikit-learn with the kernel matrices computed once."""

    def fit(targets):
        model = KernelRidge(kernel="precomputed", alpha=lam).fit(p.K, targets)
        return model.predict(p.K), model.predict(p.K_new)

    return chain(fit, p.y)


def by_cholesky(p, lam):
    """One factorisation a ridge, then two triangular solves and a product for each fit."""
    factor = linalg.cho_factor(p.K + lam * np.eye(len(p.K)), lower=True)

    def fit(targets):
        dual = linalg.cho_solve(factor, targets)
        return p.K @ dual, p.K_new @ dual

    return chain(fit, p.y)


def by_batched_cholesky(p, lam):
    """All weights at once and fitted values without K: our best without eigenvectors."""
    A = p.K.copy(order="F")
    A.flat[:: len(A) + 1] += lam
    factor = linalg.cho_factor(A, lower=True, overwrite_a=True, check_finite=False)
    y, duals = p.y[:, None], []
    targets = np.tile(y, len(ALPHAS))
    for _ in range(ROUNDS):
        duals.append(linalg.cho_solve(factor, targets, check_finite=False))
        targets = ALPHAS * y + (1 - ALPHAS) * (targets - lam * duals[-1])
    predictions = p.K_new @ np.concatenate(duals, axis=1)
    return predictions.reshape(-1, ROUNDS, len(ALPHAS)).transpose(2, 1, 0)


class Route(NamedTuple):
    """A way to fit one ridge of the grid, and what we claim against it."""

    fit: Callable
    name: str
    target: float | None = None
    given_kernel: bool = True  # then its share of one kernel evaluation is added
    part: slice = slice(None)  # which ridges it is timed on


ROUTES = (
    Route(by_kernel_ridge, "`KernelRidge` refitted each round", 90, given_kernel=False),
    Route(by_precomputed_kernel_ridge, "the same, kernel precomputed", part=slice(None, None, 3)),
    Route(by_cholesky, "one Cholesky a ridge", 2.5),
    Route(by_batched_cholesky, "one Cholesky a ridge, weights batched"),
)


def run(sizes, lams=None):
    """Time ours on the whole grid, then every route on one ridge, and so on: paired ratios."""
    for n in sizes:
        p = problem(n)
        by_spectrum(p)  # warm up
        kernel = seconds(lambda n=n: problem(n))[0] / len(LAMS)
        ours, theirs = [], {route.name: [] for route in ROUTES}
        for i in range(len(LAMS))[slice(lams)]:
            duration, predictions = seconds(lambda p=p: by_spectrum(p))
            ours.append(duration)
            for route in ROUTES:
                if i in range(len(LAMS))[route.part]:
                    took, same = seconds(lambda r=route, i=i, p=p: r.fit(p, LAMS[i]))
                    assert_same(predictions[i], same)
                    took = len(LAMS) * (took + kernel * route.given_kernel)
                    theirs[route.name].append((took, took / duration))
        for route in ROUTES:
            yield summary(n, route, np.median(ours), *np.transpose(theirs[route.name]))


def summary(n, route, ours, took, ratios):
    """Return the line of one route: mean time of the whole grid, median ratio, range."""
    value = float(np.median(ratios))
    return Result(
        task=f"grid of {len(LAMS)} ridges, {len(ALPHAS)} weights, {ROUNDS} rounds",
        size=f"n = {n:,}",
        seconds=float(ours),
        baseline=route.name,
        baseline_seconds=float(took.mean()),
        value=value,
        spread=(float(ratios.min()), float(ratios.max())),
        unit="x faster",
        target=None if route.target is None else f">= {route.target} x",
        met=None if route.target is None else value >= route.target,
        note=f"timed on {len(took)} of {len(LAMS)} ridges"
        + ("" if len(took) == len(LAMS) else ", scaled"),
    )
