"""Refits on a mix of labels and the fit before: recursion, closed form, limit: chapter 2."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, both, equal


class Case(NamedTuple):
    problem: problems.Problem
    alpha: float
    weights: np.ndarray  # one weight a round; its first entry is never used
    rounds: int


def draw(rng, i):
    alpha = [0.0, 1.0, 1e-9, *rng.uniform(size=5)][i % 8]
    rounds = int(rng.integers(1, 9)) if i % 10 else 40
    return Case(problems.draw(rng, i), float(alpha), rng.uniform(size=rounds), rounds)


def refit(p, weights):
    """Brute force: minimise alpha/2 |f-y|^2 + (1-alpha)/2 |f-previous|^2 + ridge over weights.

    The two squares are stacked as one least-squares problem; no mixed target is formed.
    """
    Phi, previous = p.features, p.y
    for weight in weights:
        stacked = np.vstack([np.sqrt(weight) * Phi, np.sqrt(1 - weight) * Phi])
        targets = np.concatenate([np.sqrt(weight) * p.y, np.sqrt(1 - weight) * previous])
        previous = Phi @ problems.primal_weights(stacked, targets, p.lam)
    return previous


def filtered(p, b):
    """Fitted values with the filter b(a, d)."""
    s = Spectrum.from_gram(p.K)
    return s.apply(b(s.eigenvalues / (s.eigenvalues + p.lam), s.eigenvalues), p.y)


def recursion(case, order=1):
    def b(a, d):
        current = np.ones_like(a)
        for weight in case.weights[::order]:
            current = a * (weight + (1 - weight) * current)
        return current

    p, first = case.problem, case.weights.copy()
    first[0] = 0.5 * first[0] + 0.25  # the weight of the first round is irrelevant
    library = filtered(p, lambda a, d: filters.distilled(d, p.lam, case.rounds, case.weights))
    brute = refit(p, first)
    scale = np.abs(p.y).max()
    return both(
        equal(filtered(p, b), brute, tol=1e-8, scale=scale),
        equal(library, brute, tol=1e-8, scale=scale),
    )


def end_point(d, lam, alpha):
    return alpha * d / (alpha * d + lam)


def closed_form(case, *, shift=0, swap=False, limit=end_point):
    p, alpha = case.problem, 1 - case.alpha if swap else case.alpha

    def b(a, d):
        end = limit(d, p.lam, alpha)
        return end + ((1 - alpha) * a) ** (case.rounds + shift) * (1 - end)

    brute = refit(p, np.full(case.rounds, case.alpha))
    return equal(filtered(p, b), brute, tol=1e-8, scale=np.abs(p.y).max())


def limit_is_ridge(case, factor=lambda alpha: 1 / alpha):
    """After very many refits: one ridge fit with lam / alpha; nothing at all for alpha = 0."""
    p, alpha = case.problem, case.alpha
    S = p.K @ np.linalg.inv(p.K + p.lam * np.eye(len(p.y)))
    step, offset = (1 - alpha) * S, alpha * S @ p.y
    for _ in range(60):  # each pass doubles the number of refits: y -> step y + offset, squared
        step, offset = step @ step, offset + step @ offset
    far = step @ p.y + offset
    if alpha == 0:
        expected = np.zeros_like(far)
    else:
        w = problems.primal_weights(p.features, p.y, factor(alpha) * p.lam)
        expected = p.features @ w
    return equal(far, expected, tol=1e-7, scale=np.abs(p.y).max())


def statement(case):
    return both(recursion(case), closed_form(case), limit_is_ridge(case))


RESULT = Result(
    label="prp-distilled-filter",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "0 <= alpha <= 1; for closed form and limit the same in every fit",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "weights in reverse order": Mutant(statement=lambda case: recursion(case, order=-1)),
        "one round too few": Mutant(statement=lambda case: closed_form(case, shift=-1)),
        "one round too many": Mutant(statement=lambda case: closed_form(case, shift=1)),
        "alpha and 1 - alpha swapped": Mutant(statement=lambda case: closed_form(case, swap=True)),
        "limit without alpha in the denominator": Mutant(
            statement=lambda case: closed_form(case, limit=lambda d, lam, a: a * d / (d + lam))
        ),
        "limit is ridge with alpha lam": Mutant(
            statement=lambda case: limit_is_ridge(case, lambda alpha: alpha)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
