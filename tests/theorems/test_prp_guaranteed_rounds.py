"""The paper's number of rounds without collapse, (r_0 - 1) / kappa."""

import math

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems import collapsing_paths as paths
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

ROUNDING = 1e-12


def draw(rng, i):
    """Every fourth time r_0 is whole: then one round more or less is decided by an equality."""
    return paths.draw(rng, i, whole=i % 4 == 0, multiple=i % 4 == 1)


def least(r0, kappa, strict):
    """Rounds without collapse: up to (r_0 - 1) / kappa, or beyond it if `strict`."""
    bound = (r0 - 1) / kappa
    if strict:
        return math.floor(bound * (1 + ROUNDING)) + 1
    return math.ceil(bound * (1 - ROUNDING))


def claims(x, *, r0=None, kappa=None, strict=None, step=None):
    r0, kappa = r0 or x.r[0], kappa or x.kappa
    strict = kappa > 1 if strict is None else strict
    t = np.arange(x.rounds + 1)
    line = r0 - (step or kappa) * t
    parts = [
        at_most(least(r0, kappa, strict), x.rounds, scale=1),
        at_most(line, x.r, tol=1e-9, scale=x.r[0]),
    ]
    if (r0, kappa) == (x.r[0], x.kappa):
        y = x.r[0] * np.eye(len(x.d))[0]
        count = constrained.guaranteed_rounds(Spectrum(x.d, np.eye(len(x.d))), y, 1 / len(x.d))
        parts.append(equal(count.paper, max(least(r0, kappa, False), 1)))
    return both(*parts)


RESULT = Result(
    label="prp-guaranteed-rounds",
    assumptions=(
        "K symmetric positive definite",
        "the same tolerance in every round",
        "round 0 does not collapse: r_0 > 1",
        "strict for kappa > 1",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "r0 instead of r0 - 1": Mutant(lambda x: claims(x, r0=x.r[0] + 1)),
        "squared norms": Mutant(lambda x: claims(x, r0=x.r[0] ** 2)),
        "kappa inverted": Mutant(lambda x: claims(x, kappa=1 / x.kappa)),
        "strict for kappa = 1 too": Mutant(lambda x: claims(x, strict=True)),
        "a round costs less than one": Mutant(lambda x: claims(x, step=0.9)),
    },
    instances=250,
)
test_holds, test_mutants_fail = RESULT.tests()
