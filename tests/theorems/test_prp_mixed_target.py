"""A round with labels in the mix is one ridge fit, to the mixed target."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters, mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, both, equal

mp = mixed.mp


class Instance(NamedTuple):
    problem: mixed.Problem
    teacher: np.ndarray  # (n, q)
    alpha: float
    fitted: np.ndarray  # (n, q): values of the minimizer at the training points
    predicted: np.ndarray  # (m, q): and at the new ones
    least: object  # the objective there
    other: np.ndarray  # (n, q): values of another function at the training points


def draw(rng, i, *, total=1):
    """Every fourth weight on the labels is outside [0, 1]; every sixth problem has two outputs."""
    x = mixed.problem(rng, i, outputs=1 + (i % 6 == 5))
    alpha = mixed.weight(rng, i) if i % 4 else float(rng.choice([-1, 1]) * rng.uniform(1, 4))
    teacher, other = mixed.exact(rng.standard_normal((2, *x.Y.shape)))

    def objective(w):
        f, weight = x.features @ w, mp.mpf(alpha)
        misses = weight * mixed.square(f - x.Y) + (total - weight) * mixed.square(f - teacher)
        return (misses + mp.mpf(x.lam) * mixed.square(w)) / 2

    w = mixed.minimize(objective, x.Y.shape)
    return Instance(x, teacher, alpha, x.features @ w, x.new @ w, objective(w), other)


def square_completed(x, f, *, power=1, sign=1):
    """Both sides of the identity: alpha |f - y|^2 + (1 - alpha) |f - p|^2 and what it becomes."""
    Y, P, alpha = x.problem.Y, x.teacher, mp.mpf(x.alpha)
    left = alpha * mixed.square(f - Y) + (1 - alpha) * mixed.square(f - P)
    rest = alpha**power * (1 - alpha) * mixed.square(Y - P)
    return left, mixed.square(f - Y * alpha - P * (1 - alpha)) + sign * rest


def library(x):
    """Verdicts on the fitted values of the library, and on its objective where it is allowed."""
    p, Y, P = x.problem, mixed.floats(x.problem.Y), mixed.floats(x.teacher)
    m = mixing.mixed_target(Y, P, x.alpha, unrestricted=True)
    b = filters.ridge(p.d, p.lam)
    size = (1 + abs(x.alpha)) * max(np.abs(Y).max(), np.abs(P).max())
    yield equal(p.spectrum.apply(b, m), mixed.floats(x.fitted), tol=1e-14, scale=size)
    if 0 <= x.alpha <= 1 and p.spread < 1e4:
        value = mixing.objective(mixed.floats(p.K), p.spectrum.dual(b, m), Y, P, p.lam, x.alpha)
        yield equal(value, float(x.least))


def claims(x, *, alpha=None, factor=1.0, **wrong):
    p, true = x.problem, alpha is None and factor == 1 and not wrong
    alpha = mp.mpf(x.alpha if alpha is None else alpha)
    dual = mixed.dual(p.K, factor * p.lam, p.Y * alpha + x.teacher * (1 - alpha))
    left, right = square_completed(x, x.other, **wrong)
    return both(
        mixed.same(left, right, scale=mixed.square(x.other) + 1),
        mixed.same(p.K @ dual, x.fitted),
        mixed.same(p.K_new @ dual, x.predicted),
        *(library(x) if true else ()),
    )


RESULT = Result(
    label="prp-mixed-target",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0",
        "the two weights, alpha and 1 - alpha, add up to 1; alpha is any real number",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, alpha=1 - x.alpha)),
        "the teacher alone": Mutant(lambda x: claims(x, alpha=0.0)),
        "the distance of labels and teacher subtracted": Mutant(lambda x: claims(x, sign=-1)),
        "alpha^2 in place of alpha in the constant": Mutant(lambda x: claims(x, power=2)),
        "one half lost: twice the ridge": Mutant(lambda x: claims(x, factor=2.0)),
        "lam divided by n": Mutant(lambda x: claims(x, factor=1 / x.problem.n)),
        "weights that add up to 3/2": Mutant(draw=lambda rng, i: draw(rng, i, total=1.5)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
