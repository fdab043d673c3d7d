"""The empirical Rademacher complexity of a ball, over all sign vectors."""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    problem: problems.Problem
    beta: float
    others: np.ndarray  # weights of other functions of the ball


@functools.cache
def all_signs(n):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def draw(rng, i):
    problem = problems.draw(rng, i)
    beta = float(10 ** rng.uniform(-2, 2))
    others = rng.standard_normal((20, problem.V.shape[0]))
    others *= beta * rng.random((20, 1)) / np.linalg.norm(others, axis=1, keepdims=True)
    return Instance(problem, beta, others)


def best(x):
    """For each sign vector the correlation of the best function of the ball, and of others."""
    features = x.problem.features
    signs = all_signs(len(features))
    directions = signs @ features  # the sum of sigma_i phi(x_i)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    w = x.beta * directions / np.where(lengths > 0, lengths, 1)
    attained = (signs * (w @ features.T)).mean(axis=1)
    others = (signs @ features @ x.others.T).max(axis=1) / len(features)
    return attained, others


def claims(x, *, root=0.5, size=None, power=1):
    n, K = len(x.problem.y), x.problem.K
    signs = all_signs(n)
    attained, others = best(x)
    quadratic = x.beta / n * np.sqrt(np.maximum(((signs @ K) * signs).sum(axis=1), 0))
    size = np.trace(K) if size is None else size(x)
    scale = x.beta * np.sqrt(np.trace(K)) / n
    return both(
        equal(attained, quadratic, tol=1e-7, scale=scale),
        at_most(others, attained, tol=1e-7, scale=scale),
        at_most(attained.mean(), x.beta * size**root / n**power, tol=1e-10, scale=scale),
    )


RESULT = Result(
    label="prp-rademacher-ball",
    assumptions=("k positive semidefinite", "beta > 0", "the kernel is fixed before the signs"),
    draw=draw,
    statement=claims,
    mutants={
        "root forgotten": Mutant(lambda x: claims(x, root=1)),
        "divided by n once more": Mutant(lambda x: claims(x, power=2)),
        "largest eigenvalue instead of the trace": Mutant(
            lambda x: claims(x, size=lambda x: x.problem.d.max())
        ),
        "mean of the diagonal instead of the trace": Mutant(
            lambda x: claims(x, size=lambda x: x.problem.d.mean())
        ),
        "half": Mutant(lambda x: claims(x, size=lambda x: x.problem.d.sum() / 4)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
