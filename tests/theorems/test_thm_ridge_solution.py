"""The ridge fit is the unique minimiser; by how much others are worse: chapter 2."""

from typing import NamedTuple

import numpy as np

from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less


class Case(NamedTuple):
    problem: problems.Problem
    competitor: np.ndarray  # weights of any other function
    coefficients: np.ndarray  # (n,)


def draw(rng, i):
    problem = problems.draw(rng, i)
    size = 10 ** rng.uniform(-2, 1)
    w = problems.primal_weights(problem.features, problem.y, problem.lam)
    competitor = w + size * rng.standard_normal(len(w))
    return Case(problem, competitor, rng.standard_normal(len(problem.y)))


def dual(p, lam):
    return np.linalg.solve(p.K + lam * np.eye(len(p.y)), p.y)


def objective(p, w):
    return ((p.features @ w - p.y) ** 2).sum() / 2 + p.lam / 2 * w @ w


def solves(case, ridge=lambda p: p.lam):
    """Predictions from kernels alone equal those of least squares in the weights."""
    p = case.problem
    w = problems.primal_weights(p.features, p.y, p.lam)
    both_sets, kernels = np.vstack([p.features, p.new]), np.vstack([p.K, p.K_new])
    return equal(kernels @ dual(p, ridge(p)), both_sets @ w, tol=1e-9, scale=1 + np.abs(w).max())


def excess(case, fit=1.0, norm=1.0):
    """J(f) - J(f_hat) = ||f(X) - f_hat(X)||^2 / 2 + lam/2 ||f - f_hat||^2 for every f."""
    p, w = case.problem, case.competitor
    best = p.features.T @ dual(p, p.lam)
    gap = w - best
    form = fit * ((p.features @ gap) ** 2).sum() / 2 + norm * p.lam / 2 * gap @ gap
    return equal(objective(p, w) - objective(p, best), form, tol=1e-9, scale=1 + objective(p, w))


def same_function(case):
    """Coefficients that differ by a null vector of K give the same function, everywhere."""
    p = case.problem
    null = p.U[:, p.d == 0]
    other = dual(p, p.lam) + null @ (null.T @ case.coefficients)
    kernels = np.vstack([p.K, p.K_new])
    return equal(kernels @ other, kernels @ dual(p, p.lam), tol=1e-8, scale=1 + np.abs(other).max())


def only_those(case):
    """The squared norm of a change v of the coefficients is v^T K v, positive unless K v = 0."""
    p, v = case.problem, case.coefficients
    norm = ((p.features.T @ v) ** 2).sum()
    positive = less(0.0, norm) if np.abs(p.K @ v).max() > 1e-8 else at_most(norm, 1e-7)
    return both(equal(norm, v @ p.K @ v, scale=1 + norm), positive)


def any_coefficients(case):
    """Wrong: whatever the change of the coefficients, the function stays."""
    p, v = case.problem, case.coefficients
    return equal(p.features.T @ v, np.zeros(p.features.shape[1]), scale=1.0)


def unique_coefficients(case):
    p = case.problem
    null = p.U[:, p.d == 0]
    return equal(null.T @ case.coefficients, np.zeros(null.shape[1])) if null.size else None


def statement(case):
    return both(solves(case), excess(case), same_function(case), only_those(case))


RESULT = Result(
    label="thm-ridge-solution",
    assumptions=("k positive semidefinite, K may be singular", "lam > 0"),
    draw=draw,
    statement=statement,
    mutants={
        "lam doubled (no 1/2 in the penalty)": Mutant(
            statement=lambda case: solves(case, lambda p: 2 * p.lam)
        ),
        "K divided by n": Mutant(statement=lambda case: solves(case, lambda p: p.lam * len(p.y))),
        "sign of lam flipped": Mutant(statement=lambda case: solves(case, lambda p: -p.lam)),
        "excess without the norm": Mutant(statement=lambda case: excess(case, norm=0.0)),
        "excess without the fit": Mutant(statement=lambda case: excess(case, fit=0.0)),
        "coefficients unique for singular K": Mutant(statement=unique_coefficients),
        "any other coefficients give the same function": Mutant(statement=any_coefficients),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
