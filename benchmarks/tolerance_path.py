"""A whole path in the tolerance form against solving each round on its own.

One decomposition serves every ridge of every round. The first rival is a general optimiser for
constrained problems; the second halves the bracket of the ridge and factorises at each trial.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky
from scipy.optimize import minimize
from sklearn.metrics.pairwise import laplacian_kernel

from benchmarks.measure import Result, assert_same, seconds
from distill_lib.kernel import constrained

TARGET = 50


class Problem(NamedTuple):
    """Kernel matrix, noisy targets, tolerance."""

    K: np.ndarray
    y: np.ndarray
    tolerance: float


def problem(n, share):
    """Draw a problem whose tolerance is `share` of the mean square of its targets.

    The kernel is not smooth, so that its matrix can be factorised with a small ridge too.
    """
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * rng.standard_normal(n)
    return Problem(laplacian_kernel(X, gamma=0.5), y, float(share * (y**2).mean()))


def by_decomposition(p):
    """Fitted values of all rounds: what is measured."""
    return constrained.distill(p.K, p.y, p.tolerance).targets[1:]


def by_optimiser(p):
    """Solve every round by sequential quadratic programming over feature weights."""
    Phi, targets, fits = cholesky(p.K, lower=True), p.y, []
    weights = np.linalg.solve(Phi, targets)  # each round starts where its targets are met
    while (targets**2).mean() > p.tolerance:

        def room(w, t=targets):
            return p.tolerance - ((Phi @ w - t) ** 2).mean()

        def slope(w, t=targets):
            return -2 / len(t) * Phi.T @ (Phi @ w - t)

        found = minimize(
            lambda w: w @ w,
            weights,
            jac=lambda w: 2 * w,
            method="SLSQP",
            constraints={"type": "ineq", "fun": room, "jac": slope},
            options={"ftol": 1e-12, "maxiter": 2000},
        )
        weights = found.x
        targets = Phi @ weights
        fits.append(targets)
    return np.array(fits)


def by_factorisations(p):
    """Halve the bracket of each round's ridge, with a Cholesky factorisation at each trial."""
    n, targets, fits = len(p.y), p.y, []
    largest = p.K.sum(axis=0).max()  # at least the largest eigenvalue
    while (targets**2).mean() > p.tolerance:
        r = math.sqrt((targets**2).mean() / p.tolerance)
        high = math.log(largest / (r - 1))
        low = high - math.log(1e12)
        while high - low > 1e-10:
            middle = (low + high) / 2
            lam = math.exp(middle)
            factor = cho_factor(p.K + lam * np.eye(n), overwrite_a=True, check_finite=False)
            missed = lam * cho_solve(factor, targets, check_finite=False)
            low, high = (low, middle) if (missed**2).mean() > p.tolerance else (middle, high)
        targets = targets - missed
        fits.append(targets)
    return np.array(fits)


def compare(p, rival, name, *, repeats, rival_repeats, allowed, target):
    """Time both routes and check that they find the same path."""
    ours = [seconds(lambda: by_decomposition(p)) for _ in range(repeats)]
    theirs = [seconds(lambda: rival(p)) for _ in range(rival_repeats)]
    assert_same(ours[0][1], theirs[0][1], allowed)
    mine, other = np.array([s for s, _ in ours]), np.array([s for s, _ in theirs])
    value = float(np.median(other) / np.median(mine))
    return Result(
        task="a path within a tolerance",
        size=f"n = {len(p.y):,}, {len(ours[0][1])} rounds",
        seconds=float(np.median(mine)),
        baseline=name,
        baseline_seconds=float(np.median(other)),
        value=value,
        spread=(float(other.min() / mine.max()), float(other.max() / mine.min())),
        unit="x faster",
        target=f">= {target} x" if target else None,
        met=value >= target if target else None,
        note=f"{repeats} and {rival_repeats} runs; paths agree to {allowed:.0e}",
    )


def run(small=50, large=1000, repeats=5):
    """Yield the two comparisons; the target is for the larger problem."""
    yield compare(
        problem(small, 0.02),
        by_optimiser,
        "SLSQP in every round",
        repeats=repeats,
        rival_repeats=repeats,
        allowed=1e-3,
        target=None,
    )
    yield compare(
        problem(large, 0.005),
        by_factorisations,
        "halving, a Cholesky a trial",
        repeats=repeats,
        rival_repeats=2,
        allowed=1e-6,
        target=TARGET if large >= 1000 else None,
    )
