"""The function of any round is one fit to the original targets, with another kernel."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    problem: problems.Problem
    ridges: np.ndarray  # of rounds 0, ..., t

    @property
    def points(self):
        """Training points, then new ones: features, and the kernel is their inner product."""
        return np.vstack([self.problem.features, self.problem.new])


def inner_product(X, Z=None):
    return X @ (X if Z is None else Z).T


def draw(rng, i):
    problem = problems.draw(rng, i)
    rounds = 1 + i % 5
    return Instance(problem, problem.lam * 10 ** rng.uniform(-1, 1, rounds))


def repeated_fits(x):
    """Fit weights again and again, each time to the values of the fit before; no kernel."""
    features, targets = x.problem.features, x.problem.y
    for lam in x.ridges:
        w = problems.primal_weights(features, targets, lam)
        targets = features @ w
    return x.points @ w


def library(x, points, ridges=None):
    ridges = x.ridges if ridges is None else ridges
    return constrained.EquivalentKernel(inner_product, x.problem.features, ridges)(points)


def from_eigenvalues(x, eigenvalues, *, residual=True):
    """The same formula with other eigenvalues, or without the residual kernel."""
    d, U = x.problem.d, x.problem.U
    inverse = np.where(d > 1e-13, 1 / np.where(d > 1e-13, d, 1), 0)
    left = x.points @ x.problem.features.T @ U
    whole = x.points @ x.points.T - (left * inverse) @ left.T if residual else 0
    return whole + (left * (inverse**2 * eigenvalues)) @ left.T


def product(x):
    with np.errstate(divide="ignore"):
        return np.prod(1 + x.ridges[:, None] / x.problem.d, axis=0)


def one_fit(x, matrix, lam):
    n = len(x.problem.y)
    return matrix[:, :n] @ np.linalg.solve(matrix[:n, :n] + lam * np.eye(n), x.problem.y)


def claims(x, matrix=None, lam=None):
    matrix = library(x, x.points) if matrix is None else matrix
    lam = x.ridges[0] if lam is None else lam
    scale = np.abs(x.points @ x.points.T).max()
    positive = x.problem.d[x.problem.d > 0]
    rounding = 1e-9 + 1e-15 * positive.max() / positive.min()  # that of K, amplified by K^+
    return both(
        equal(one_fit(x, matrix, lam), repeated_fits(x), tol=1e-8, scale=np.abs(x.problem.y).max()),
        at_most(0, np.linalg.eigvalsh(matrix).min(), tol=rounding, scale=scale),  # semidefinite
    )


def on_training_points(x):
    """K-dagger = U diag(d-dagger) U^T, with the eigenvalues from the filter of repeated fits."""
    b = 1 / product(x)
    return (x.problem.U * (x.ridges[0] * b / (1 - b))) @ x.problem.U.T


def statement(x):
    first = library(x, x.points, x.ridges[:1])
    n = len(x.problem.y)
    return both(
        claims(x),
        equal(first, x.points @ x.points.T, tol=1e-9),
        equal(library(x, x.points)[:n, :n], on_training_points(x), scale=x.problem.d.max()),
    )


def no_residual(x):
    """One round must give the kernel itself, not its projection."""
    with np.errstate(divide="ignore"):
        eigenvalues = constrained.equivalent_eigenvalues(x.problem.d, x.ridges[:1])
    return equal(from_eigenvalues(x, eigenvalues, residual=False), x.points @ x.points.T, tol=1e-9)


def negative_residual(x):
    eigenvalues = constrained.equivalent_eigenvalues(x.problem.d, x.ridges)
    inside = from_eigenvalues(x, eigenvalues, residual=False)
    return claims(x, 2 * inside - from_eigenvalues(x, eigenvalues))


RESULT = Result(
    label="thm-equivalent-kernel",
    assumptions=("k positive semidefinite; K may be singular", "every ridge > 0, otherwise any"),
    draw=draw,
    statement=statement,
    mutants={
        "residual kernel left out": Mutant(no_residual),
        "residual kernel subtracted": Mutant(negative_residual),
        "minus 1 forgotten": Mutant(
            lambda x: claims(x, from_eigenvalues(x, x.ridges[0] / product(x)))
        ),
        "ridges added instead of multiplied out": Mutant(
            lambda x: claims(x, from_eigenvalues(x, x.problem.d * x.ridges[0] / x.ridges.sum()))
        ),
        "1/n dropped: the fit with c_0": Mutant(
            lambda x: claims(x, lam=x.ridges[0] / len(x.problem.y))
        ),
        "the ridge of the last round": Mutant(lambda x: claims(x, lam=x.ridges[-1])),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
