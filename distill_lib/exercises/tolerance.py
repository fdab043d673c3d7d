"""Self-checks of chapter 4."""

from __future__ import annotations

import math

import numpy as np

from distill_lib import datasets
from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import Spectrum, constrained, kernels


def _training_error(d, z, lam):
    """Mean squared training error of one ridge fit."""
    return float(((lam / (lam + d)) ** 2 * z**2).mean())


@exercise("ex-tolerance-ridge")
def ridge_from_tolerance(answer):
    """Try the ridge that a tolerance sets, from eigenvalues and coefficients."""
    rng = np.random.default_rng(4)
    for n, width, share in ((4, 0, 0.3), (9, 2, 0.1), (12, 6, 0.01), (7, 3, 0.9)):
        d = np.sort(10 ** rng.uniform(-width, width, n))[::-1]
        z = rng.standard_normal(n)
        tolerance = share * float((z**2).mean())
        _judge_ridge(float(answer(d.copy(), z.copy(), tolerance)), d, z, tolerance)


def _judge_ridge(got, d, z, tolerance):
    """Name what is wrong with a ridge."""
    n = len(d)
    require(np.isfinite(got) and got > 0, f"A ridge is a positive number, not {got}.")
    error = _training_error(d, z, got)
    require(
        not math.isclose(_training_error(d, z, n * got), tolerance, rel_tol=1e-4),
        "That is the multiplier c of the paper. The ridge is n times as large.",
    )
    require(
        not math.isclose(error * n, tolerance, rel_tol=1e-4),
        "The sum of the squared residuals meets the tolerance, but it bounds their mean.",
    )
    require(
        not math.isclose(float(((d / (got + d)) ** 2 * z**2).mean()), tolerance, rel_tol=1e-4),
        "The fitted values meet the tolerance. It is the residual that has to: lam / (lam + d).",
    )
    require(
        not math.isclose(float((got / (got + d) * z**2).mean()), tolerance, rel_tol=1e-4),
        "The residual along an eigenvector is to be squared, its factor lam / (lam + d) too.",
    )
    require(
        math.isclose(error, tolerance, rel_tol=1e-6),
        f"With your ridge the mean squared training error is {error:.6g}; the tolerance is "
        f"{tolerance:.6g}.",
    )


@exercise("ex-tolerance-one-direction")
def rounds_of_one_direction(answer):
    """Try the number of fits before the collapse, for targets along one eigenvector."""
    for r0 in (1.2, 2.5, 3.999, 4.0, 7.3, 2.0, 1.0, 0.4):
        got = answer(r0)
        want = max(math.ceil(r0 - 1), 0)
        if got == want:
            continue
        require(r0 > 1, f"With r0 = {r0} the targets are within the tolerance: no fit at all.")
        require(
            got != math.floor(r0) or want == math.floor(r0),
            f"At r0 = {r0} you count the round that collapses: r = 1 is within the tolerance.",
        )
        require(
            got != want + 1,
            f"For r0 = {r0} that is one too many: a round whose targets have r <= 1 is no fit.",
        )
        require(
            got != want - 1,
            f"For r0 = {r0} that is one too few: round t exists as long as r_t = r0 - t > 1.",
        )
        require(False, f"For r0 = {r0} the number of fits is not {got}; r falls by one a round.")


def _best_tolerance(fit):
    """Tolerance at which round `fit` of the published example is closest to the truth."""
    x, y, grid, truth = datasets.sinusoid()
    kernel = kernels.SplineGreen()
    spectrum, K_new = Spectrum.from_gram(kernel(x)), kernel(grid, x)
    tolerances = np.geomspace(0.0419, 0.3, 400)
    errors = []
    for tolerance in tolerances:
        path = constrained.distill(spectrum, y, tolerance, max_rounds=fit + 1)
        if path.rounds == fit + 1:
            errors.append(((path.predict(K_new)[fit] - truth) ** 2).mean())
    return float(tolerances[int(np.argmin(errors))])


@exercise("ex-tolerance-two-minima")
def two_minima(answer):
    """Try the best tolerance of one fit, and that of one fit and its copy."""
    require(
        np.shape(answer) == (2,),
        "The answer is a pair: the best tolerance for round 0, then the best for round 1.",
    )
    got = np.array(answer, dtype=float)
    want = np.array([_best_tolerance(0), _best_tolerance(1)])
    require(
        not np.allclose(got, want[::-1], rtol=0.04),
        "The two numbers are exchanged. A copy smooths once more, so it wants less each time.",
    )
    require(
        not np.isclose(got, 0.0419, rtol=0.003).all(),
        "The smallest feasible tolerance fits the given labels best. Compare with the truth.",
    )
    require(
        np.isclose(got[0], want[0], rtol=0.04),
        "The first number is off. Compute the error of round 0 against the true curve on a grid "
        "of tolerances, and take the tolerance of the smallest.",
    )
    require(
        np.isclose(got[1], want[1], rtol=0.04),
        "The second number is off. It belongs to row 1 of path.predict, with the same tolerance "
        "in both rounds.",
    )
