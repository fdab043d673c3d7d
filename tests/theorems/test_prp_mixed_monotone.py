"""The mixed filter falls with the rounds, to a positive limit, and is monotone in alpha, d, lam."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters
from tests.theorems import mixed_chains as mixed
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, less

mp = mixed.mp

ROUNDS = 3


class Instance(NamedTuple):
    d: np.ndarray
    lam: float
    alpha: float
    values: np.ndarray  # (ROUNDS, n): measured filters, 250 digits
    limit: np.ndarray  # (n,): filter of the ridge fit with lam / alpha; 0 for alpha = 0
    more_labels: np.ndarray | None  # (ROUNDS, n): with a larger alpha; None if alpha = 1
    larger_d: np.ndarray
    larger_lam: np.ndarray


def larger(rng, value):
    """Draw something larger: by a hair, or by a lot."""
    return value * (1 + 10.0 ** rng.uniform(-9, 1))


def draw(rng, i, *, varying=False, above=0.0):
    """Weights are the same in all rounds, unless `varying`, and at most 1, unless `above` > 0."""
    d = refits.eigenvalues(rng, i)
    lam, Q = refits.ridge_near(rng, d), mixed.mirror(rng, len(d))
    alpha = mixed.weight(rng, i) + above
    more = alpha + (1 - alpha) * rng.uniform(0.001, 1)

    def table(d, lam, alpha):
        return mixed.filters(Q, d, lam, np.full(ROUNDS, alpha))

    changing = rng.uniform(0, 1, ROUNDS)
    values = mixed.filters(Q, d, lam, changing) if varying else table(d, lam, alpha)
    return Instance(
        d,
        lam,
        alpha,
        values,
        mixed.filters(Q, d, lam / mp.mpf(alpha), [0])[0] if alpha else values[0] * 0,
        table(d, lam, more) if alpha < 1 else None,
        table(larger(rng, d), lam, alpha),
        table(d, larger(rng, lam), alpha),
    )


def claims(x, *, strict_at_zero=False, always=False, first_too=False, round_sign=1, end=None):
    seen = (x.d > 0) | strict_at_zero
    limit = x.limit if end is None else end(x)

    def strictly(smaller, larger):
        return less(0.0, np.where(seen, mixed.sign(larger, smaller), 1.0), scale=1.0)

    shrink = x.values[0] * (1 - mp.mpf(x.alpha))  # < 1, so the path converges to the limit
    parts = [
        mixed.same(x.values[1:] - limit, (x.values[:-1] - limit) * shrink, scale=1),
        strictly(x.values, x.larger_d),
        strictly(x.larger_lam, x.values),
        strictly(limit * 0, limit) if x.alpha > 0 else mixed.same(limit, limit * 0, scale=1),
    ]
    if x.alpha < 1 or always:
        parts.append(strictly(x.values[1:] * round_sign, x.values[:-1] * round_sign))
        parts.append(strictly(limit, x.values[-1]))
    else:  # the labels alone: every fit is the first
        parts.append(mixed.same(x.values, x.values[:1] + x.values * 0))
    if x.more_labels is not None:  # in the first round no weight has any effect
        later = slice(0 if first_too else 1, None)
        parts.append(strictly(x.values[later], x.more_labels[later]))
    return both(*parts)


def statement(x):
    tau = np.arange(1, ROUNDS + 1)[:, None]
    return both(claims(x), mixed.close(filters.distilled(x.d, x.lam, tau, x.alpha), x.values))


RESULT = Result(
    label="prp-mixed-monotone",
    assumptions=(
        "lam > 0",
        "alpha in [0, 1], the same in every round",
        "d > 0 for what is strict; alpha < 1 for the fall with the rounds",
        "tau >= 2 for the strict rise with alpha",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "rises with the rounds": Mutant(lambda x: claims(x, round_sign=-1)),
        "falls with alpha = 1 too": Mutant(lambda x: claims(x, always=True)),
        "strict where d = 0": Mutant(lambda x: claims(x, strict_at_zero=True)),
        "rises with alpha in round 1 too": Mutant(lambda x: claims(x, first_too=True)),
        "limit with lam alpha in place of lam / alpha": Mutant(
            lambda x: claims(x, end=lambda x: mixed.exact(x.d / (x.d + x.lam * (x.alpha or 1))))
        ),
        "another weight in every round": Mutant(draw=lambda rng, i: draw(rng, i, varying=True)),
        "alpha above 1": Mutant(
            lambda x: claims(x, always=True), draw=lambda rng, i: draw(rng, i, above=1.5)
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
