"""Several outputs within one tolerance share one multiplier."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems import exact_fits as exact
from tests.theorems.ledger import Mutant, Result, both, equal


class Instance(NamedTuple):
    problem: exact.Problem
    path: constrained.ConstrainedPath


def draw(rng, i):
    share = rng.uniform(1.001, 3) if i % 8 == 0 else 10 ** rng.uniform(-3, -0.4)
    problem = exact.problem(rng, i, outputs=2 + i % 3, share=share)
    path = constrained.distill(problem.spectrum, problem.y, problem.tolerance, max_rounds=4)
    return Instance(problem, path)


def stacked(x, tolerance):
    """The same as one problem of n q points with one output: the kernel matrix is K x I_q."""
    d, U = x.problem.spectrum.eigenvalues, x.problem.spectrum.eigenvectors
    q = x.problem.y.shape[1]
    spectrum = Spectrum(np.repeat(d, q), np.kron(U, np.eye(q)))
    return constrained.distill(spectrum, x.problem.y.ravel(), tolerance, max_rounds=4)


def apart(x):
    """Each output distilled alone, with its share of the tolerance."""
    n, q = x.problem.y.shape
    alone = [
        constrained.distill(x.problem.spectrum, y, x.problem.tolerance / q, max_rounds=4)
        for y in x.problem.y.T
        if (y**2).sum() > x.problem.tolerance * n / q
    ]
    return max((path.multipliers[0] for path in alone), default=0.0)


def claims(x, *, tolerance_factor=None):
    q = x.problem.y.shape[1]
    factor = 1 / q if tolerance_factor is None else tolerance_factor
    one = stacked(x, factor * x.problem.tolerance)
    if len(one.ridges) != len(x.path.ridges):
        return equal(len(one.ridges), len(x.path.ridges))
    parts = [equal(one.targets.ravel(), x.path.targets.ravel(), tol=1e-9)]
    if one.rounds:
        lam = float(x.path.ridges[0])
        p = x.problem
        norm, bound = exact.norm_and_lower_bound(p, lam, p.tolerance)
        error = exact.mean_square_error(p.K, lam, p.Y)
        parts += [
            equal(np.log(one.ridges), np.log(x.path.ridges), tol=1e-9, scale=1.0),
            equal(float(error), p.tolerance, tol=1e-9),  # the Frobenius norm is at the tolerance
            equal(float(norm), float(bound), tol=1e-6),  # and nothing simpler is within it
        ]
    return both(*parts)


def singular(x):
    """Smaller tolerances are then infeasible, which is another matter."""
    return x.problem.spectrum.rank < x.problem.n


def own_multipliers(x):
    if not x.path.rounds or singular(x):
        return None
    return equal(apart(x), x.path.multipliers[0], tol=1e-6)


def signed_rows(x):
    """The root for the sums of the coefficients over the outputs, not for their norms."""
    if not x.path.rounds:
        return None
    z = x.problem.spectrum.expand(x.problem.y).sum(axis=1)
    d, lam = x.problem.spectrum.eigenvalues, x.path.ridges[0]
    return equal(((lam / (lam + d)) ** 2 * z**2).mean(), x.problem.tolerance, tol=1e-6)


RESULT = Result(
    label="prp-shared-multiplier",
    assumptions=(
        "K symmetric positive semidefinite",
        "one tolerance for the mean over the points of the squared distance in R^q",
        "strictly feasible",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "mean over the outputs too": Mutant(lambda x: claims(x, tolerance_factor=1.0)),
        "1/n dropped": Mutant(
            lambda x: None if singular(x) else claims(x, tolerance_factor=1 / x.problem.y.size)
        ),
        "a multiplier for each output": Mutant(own_multipliers),
        "coefficients added instead of squared": Mutant(signed_rows),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
