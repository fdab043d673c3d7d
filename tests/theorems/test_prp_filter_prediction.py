"""What a filter on the training points says about every other point: chapter 2."""

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, both, equal

PROCEDURES = ("ridge", "refit", "descent")


def by_weights(p, procedure):
    """Run the procedure in the weights of the features; return the predictions at new points."""
    if procedure == "descent":
        w, step = np.zeros(p.new.shape[1]), 0.5 / max(p.d.max(), 1e-300)
        for _ in range(6):
            w = w - step * p.features.T @ (p.features @ w - p.y)
        return p.new @ w
    w = problems.primal_weights(p.features, p.y, p.lam)
    for _ in range(3 if procedure == "refit" else 0):
        w = problems.primal_weights(p.features, p.features @ w, p.lam)
    return p.new @ w


def filter_of(p, d, procedure):
    if procedure == "descent":
        return filters.gradient_descent(d, 0.5 / max(p.d.max(), 1e-300), 6)
    return filters.distilled(d, p.lam, 4 if procedure == "refit" else 1)


def by_filter(p, procedure, ratio):
    s = Spectrum.from_gram(p.K)
    d = s.eigenvalues
    b = filter_of(p, d, procedure)
    return p.K_new @ s.eigenvectors @ (ratio(d, b) * s.expand(p.y))


def over_d(d, b):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(d > 0, b / d, 0.0)


def any_weight_at_zero(d, b):
    """Directions with d = 0 drop out, so a number put there changes nothing."""
    return np.where(d > 0, over_d(d, b), 1.0)


def agrees(p, ratio):
    parts = []
    for procedure in PROCEDURES:
        direct = by_weights(p, procedure)
        scale = np.abs(direct).max() + 1.0
        parts.append(equal(by_filter(p, procedure, ratio), direct, tol=1e-6, scale=scale))
    return both(*parts)


def statement(p):
    return both(agrees(p, over_d), agrees(p, any_weight_at_zero))


def foreign_rows(rng, i):
    """Rows that do not come from the same kernel: they may point along d = 0."""
    p = problems.draw(rng, i)
    return p, rng.standard_normal(p.K_new.shape)


def with_foreign_rows(case):
    p, rows = case
    s = Spectrum.from_gram(p.K)
    b = filters.ridge(s.eigenvalues, p.lam)
    z = s.expand(p.y)
    one = rows @ s.eigenvectors @ (over_d(s.eigenvalues, b) * z)
    other = rows @ s.eigenvectors @ (any_weight_at_zero(s.eigenvalues, b) * z)
    return equal(one, other, tol=1e-6)


RESULT = Result(
    label="prp-filter-prediction",
    assumptions=(
        "k positive semidefinite; k_x and K from the same kernel",
        "the fitted function lies in the span of the k(., x_i)",
        "b(0) = 0",
    ),
    draw=problems.draw,
    statement=statement,
    mutants={
        "b instead of b / d": Mutant(statement=lambda p: agrees(p, lambda d, b: b)),
        "b / d^2": Mutant(statement=lambda p: agrees(p, lambda d, b: over_d(d, over_d(d, b)))),
        "b times d": Mutant(statement=lambda p: agrees(p, lambda d, b: b * d)),
        "k_x from another kernel": Mutant(statement=with_foreign_rows, draw=foreign_rows),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
