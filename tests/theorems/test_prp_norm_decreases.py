"""The norm of the fitted function falls with every round; its norm in the new space need not."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    problem: problems.Problem
    ridges: np.ndarray

    @property
    def z(self):
        return self.problem.U.T @ self.problem.y

    @property
    def filters(self):
        """Filter of each round, shape (rounds, n)."""
        d = self.problem.d
        return np.cumprod(d / (d + self.ridges[:, None]), axis=0)


def inner_product(X, Z=None):
    return X @ (X if Z is None else Z).T


def draw(rng, i):
    problem = problems.draw(rng, i)
    return Instance(problem, problem.lam * 10 ** rng.uniform(-0.5, 0.5, 2 + i % 4))


def weights(x):
    """Weights of each round by fits in the space of the features: their length is the norm."""
    targets, kept = x.problem.y, []
    for lam in x.ridges:
        kept.append(problems.primal_weights(x.problem.features, targets, lam))
        targets = x.problem.features @ kept[-1]
    return np.array(kept)


def formula(x, power=-1):
    d = x.problem.d
    scaled = np.where(d > 0, np.where(d > 0, d, 1) ** float(power), 0)
    return (x.filters**2 * scaled * x.z**2).sum(axis=1)


def new_norm(x):
    """Squared norm of the last round in the space of its kernel, from its kernel matrix."""
    features, n = x.problem.features, len(x.problem.y)
    K = constrained.EquivalentKernel(inner_product, features, x.ridges)(features)
    a = np.linalg.solve(K + x.ridges[0] * np.eye(n), x.problem.y)
    return a @ K @ a


def new_formula(x):
    return (x.filters * (1 - x.filters) * x.z**2).sum(axis=1) / x.ridges[0]


def claims(x, *, squares=formula, falls=formula, factor=1.0):
    measured = (weights(x) ** 2).sum(axis=1)
    if measured[0] < 1e-12 * (x.problem.y**2).sum():
        return None  # targets (nearly) in the null space
    scale = (x.problem.y**2).sum() / x.ridges[0]
    return both(
        equal(factor * squares(x), measured, tol=1e-9),
        equal(new_formula(x)[-1], new_norm(x), tol=1e-9, scale=scale),
        less(np.diff(falls(x)), 0),
    )


RESULT = Result(
    label="prp-norm-decreases",
    assumptions=(
        "K positive semidefinite",
        "every ridge > 0",
        "the targets are not in the null space of K",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "the norm in the space of the new kernel falls": Mutant(
            lambda x: claims(x, falls=new_formula)
        ),
        "divided by n": Mutant(lambda x: claims(x, factor=1 / len(x.z))),
        "eigenvalue not inverted": Mutant(lambda x: claims(x, squares=lambda x: formula(x, 1))),
        "root of the eigenvalue": Mutant(lambda x: claims(x, squares=lambda x: formula(x, -0.5))),
    },
    instances=210,
)
test_holds, test_mutants_fail = RESULT.tests()
