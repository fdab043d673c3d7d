"""The simplest function within a tolerance is a ridge fit, or zero."""

import itertools

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import exact_fits as exact
from tests.theorems.ledger import Mutant, Result, Verdict, both, equal, less

# Everything below compares 120-digit numbers, except the ridge: a float with an error of 1e-13.
STEP = 1e-8


def draw(rng, i, **options):
    collapses = i % 6 == 0
    return exact.problem(rng, i, share=rng.uniform(1.001, 3) if collapses else None, **options)


def library(problem, factor):
    path = constrained.distill(problem.spectrum, problem.y, problem.tolerance, max_rounds=1)
    return [factor * lam for lam in path.ridges]


def has_a_root(problem):
    """Whether the tolerance lies between the errors of almost no ridge and of a huge one."""
    errors = [exact.mean_square_error(problem.K, lam, problem.Y) for lam in ("1e-60", "1e60")]
    return errors[0] < problem.tolerance < errors[1]


def error_grows(problem):
    errors = [exact.mean_square_error(problem.K, 10.0**k, problem.Y) for k in range(-9, 10, 3)]
    return less(0, [exact.sign(b - a) for a, b in itertools.pairwise(errors)], scale=1)


def claims(problem, *, factor=1.0, tolerance_factor=1.0, room=1.0):
    collapsed = exact.square(problem.Y) <= room * problem.n * problem.tolerance
    if not collapsed and not has_a_root(problem):
        return Verdict(False, -np.inf, np.inf)
    if collapsed:  # the zero function is within the tolerance, and nothing is simpler
        within = problem.n * problem.tolerance - exact.square(problem.Y)
        ridges = library(problem, factor)
        return both(equal(len(ridges), 0), less(0, exact.sign(within), scale=1))
    (lam,) = library(problem, factor)
    tolerance = tolerance_factor * problem.tolerance
    below, at, above = (
        exact.mean_square_error(problem.K, lam * (1 + step), problem.Y) for step in (-STEP, 0, STEP)
    )
    norm, bound = exact.norm_and_lower_bound(problem, lam, tolerance)
    return both(
        less(0, [exact.sign(tolerance - below), exact.sign(above - tolerance)], scale=1),
        equal(float(at), tolerance, tol=1e-9),  # active
        equal(float(norm), float(bound), tol=1e-6),  # a solution
        error_grows(problem),  # the only root
    )


RESULT = Result(
    label="thm-tolerance-solution",
    assumptions=(
        "K symmetric positive semidefinite",
        "eps > 0",
        "strictly feasible: |P y|^2 < n eps, with P the projection on the null space of K",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "1/n dropped: lam = c": Mutant(lambda x: claims(x, factor=1 / x.n)),
        "sum instead of mean in the constraint": Mutant(
            lambda x: claims(x, tolerance_factor=1 / x.n)
        ),
        "inactive constraint: twice the ridge": Mutant(lambda x: claims(x, factor=2.0)),
        "collapse up to twice the tolerance": Mutant(lambda x: claims(x, room=2.0)),
        "strict feasibility removed": Mutant(
            draw=lambda rng, i: draw(rng, i, unreachable=1.0, infeasible=True)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
