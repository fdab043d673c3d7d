"""Gradient descent: filter 1 - (1 - step d)^m, stable exactly for step d < 2: chapter 2."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, Verdict, both, equal

FAR = 400  # steps after which the error of a stable descent is well below its start
LONG = 2000  # steps after which all directions have converged if d varies by a factor of ten


class Case(NamedTuple):
    problem: problems.Problem
    step: float
    steps: int

    @property
    def speed(self):
        """Step times the largest eigenvalue; 2 is the edge of stability."""
        return self.step * self.problem.d.max()


def draw(rng, i):
    p = problems.draw(rng, i)
    speed = [0.1, 0.9, 1.0, 1.5, 1.95, 2.0, 2.1, rng.uniform(0.1, 1.9)][i % 8]
    return Case(p, speed / p.d.max(), int(rng.integers(0, 30)))


def descend(case, steps):
    """Step by step, in the weights of the features."""
    p = case.problem
    Phi, w = p.features, np.zeros(p.new.shape[1])
    for _ in range(steps):
        w = w - case.step * Phi.T @ (Phi @ w - p.y)
    return Phi @ w


def closed_form(case, b=lambda x, m: 1 - (1 - x) ** m):
    p = case.problem
    brute = descend(case, case.steps)
    values = p.U @ (b(case.step * p.d, case.steps) * (p.U.T @ p.y))
    scale = max(np.abs(p.y).max(), np.abs(brute).max())
    return equal(values, brute, tol=1e-9, scale=scale)


def library(case):
    if case.speed >= 1.99:
        return Verdict(True, np.inf, 0.0)  # the library refuses an unstable step; tested elsewhere
    p, s = case.problem, Spectrum.from_gram(case.problem.K)
    values = s.apply(filters.gradient_descent(s.eigenvalues, case.step, case.steps), p.y)
    return equal(values, descend(case, case.steps), tol=1e-9, scale=np.abs(p.y).max())


def stable_below(case, edge):
    """The error along the largest eigenvalue shrinks if and only if step d_max < edge."""
    p = case.problem
    top = p.U[:, np.argmax(p.d)]
    if abs(top @ p.y) < 1e-3:
        return None
    left = abs(top @ (descend(case, FAR) - p.y)) / abs(top @ p.y)
    return Verdict(bool((left < 0.5) == (case.speed < edge - 1e-9)), np.inf, 0.0)


def converges(case, to=1.0):
    """A stable descent fits every component with d > 0 and leaves the others at zero."""
    p = case.problem
    positive = p.d[p.d > 0]
    if case.speed >= 1.99 or positive.max() > 10 * positive.min():
        return Verdict(True, np.inf, 0.0)  # unstable, or too slow to see the end
    expected = p.U @ (np.where(p.d > 0, to, 0.0) * (p.U.T @ p.y))
    return equal(descend(case, LONG), expected, tol=1e-8, scale=np.abs(p.y).max())


def statement(case):
    stable = stable_below(case, 2.0)
    return stable and both(closed_form(case), library(case), stable, converges(case))


RESULT = Result(
    label="prp-descent-filter",
    assumptions=(
        "K symmetric positive semidefinite",
        "descent on ||f(X) - y||^2 / 2, without 1/n, from f = 0",
        "stability: y has a component along the largest eigenvalue",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "one step too many": Mutant(
            statement=lambda case: closed_form(case, lambda x, m: 1 - (1 - x) ** (m + 1))
        ),
        "(1 + step d)^m": Mutant(
            statement=lambda case: closed_form(case, lambda x, m: 1 - (1 + x) ** m)
        ),
        "steps = time (exponential)": Mutant(
            statement=lambda case: closed_form(case, lambda x, m: -np.expm1(-m * x))
        ),
        "converges to half of the labels": Mutant(statement=lambda case: converges(case, 0.5)),
        "stable only below 1": Mutant(statement=lambda case: stable_below(case, 1.0)),
        "stable up to and including 2": Mutant(statement=lambda case: stable_below(case, 2.05)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
