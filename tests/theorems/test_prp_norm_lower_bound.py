"""The paper's lower bound on the norm of the targets, by one affine recursion."""

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import collapsing_paths as paths
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

draw = paths.draw


def one_step(r, kappa):
    return r * (r - 1) / (r - 1 + kappa)


def recursion(r0, kappa, rounds, *, less=1.0, curve=True, late=0):
    """Iterate r -> a r - b, one step at a time: the tangent of `one_step` at r0."""
    q = r0 - 1 + kappa
    a = ((r0 - 1) ** 2 + kappa * (2 * r0 - less)) / q**2
    b = r0**2 * (kappa if curve else 1.0) / q**2
    bounds = [r0]
    for _ in range(rounds):
        bounds.append(a * bounds[-1] - b)
    return np.array([r0] * late + bounds)[: rounds + 1]


def claims(x, *, step=one_step, **wrong):
    bound = recursion(x.r[0], x.kappa, x.rounds, **wrong)
    parts = [
        at_most(step(x.r[:-1], x.kappa), x.r[1:], tol=1e-9, scale=x.r[0]),
        at_most(bound, x.r, tol=1e-9, scale=x.r[0]),
    ]
    if not wrong and x.kappa < 1e6:  # further out, a hand-made recursion has lost its digits
        closed = constrained.norm_lower_bound(x.positive, x.r[0], x.rounds)
        parts.append(equal(closed, bound, tol=1e-8, scale=x.r[0] + np.abs(bound).max()))
    return both(*parts)


RESULT = Result(
    label="prp-norm-lower-bound",
    assumptions=(
        "K symmetric positive definite",
        "the same tolerance in every round",
        "the rounds before round t do not collapse",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "exponent t - 1": Mutant(lambda x: claims(x, late=1)),
        "kappa dropped from the subtracted term": Mutant(lambda x: claims(x, curve=False)),
        "2 r0 for 2 r0 - 1": Mutant(lambda x: claims(x, less=0.0)),
        "r for r - 1 in one step": Mutant(
            lambda x: claims(x, step=lambda r, kappa: r**2 / (r - 1 + kappa))
        ),
    },
    instances=250,
)
test_holds, test_mutants_fail = RESULT.tests()
