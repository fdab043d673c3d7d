"""The floor of all filters; the truths at which one ridge, or tau refits, reach it."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import risk
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less


class Instance(NamedTuple):
    d: np.ndarray
    theta: np.ndarray  # matched to `rounds` fits with `lam`
    sigma: float
    lam: float
    rounds: int
    floor: float
    reached: float  # risk of the matched refits, from dense matrices
    random_theta: np.ndarray
    random_filters: np.ndarray


def draw(rng, i, *, shift=0, equal_eigenvalues=False):
    d = refits.eigenvalues(rng, i)
    if i % 5 == 1:
        d = np.sort(10.0 ** rng.uniform(-2, 2, len(d)))[::-1]  # wider, every direction saturates
    if equal_eigenvalues:
        d = np.full(3, d.max())
    positive = d[d > 0]  # a ridge among them: far below, no procedure shrinks and none differ
    lam = float(np.exp(rng.uniform(np.log(positive.min()), np.log(positive.max() * 1.01))))
    sigma = 10.0 ** rng.uniform(-1, 1)
    rounds = 1 + i % 4
    with np.errstate(divide="ignore"):
        theta = sigma / np.sqrt(np.expm1(rounds * np.log1p(lam / d)))
    reached = refits.risks(rng, d, theta, sigma, [lam] * (rounds + shift))[-1]
    other = sigma * rng.standard_normal(len(d))
    tried = rng.uniform(-0.5, 1.5, (50, len(d)))
    floor = risk.oracle_risk(theta, sigma)
    return Instance(d, theta, sigma, lam, rounds, floor, float(reached), other, tried)


def elsewhere(x, factor):
    """Excess over their floors of truths that are not matched: one coefficient moved, each way.

    The third has signal where the kernel sees nothing.
    """
    b = np.where(x.d > 0, x.theta**2 / (x.theta**2 + x.sigma**2), 0.0)
    j = int(np.argmax(b**2 * (1 - b)))  # where the move shows most
    truths = [x.theta * np.where(np.arange(len(b)) == j, f, 1.0) for f in (factor, 1 / factor)]
    if not x.d.all():
        truths.append(np.where(x.d > 0, x.theta, (factor - 1) * x.sigma))
    return [
        float(risk.refit_risk(x.d, t, x.sigma, x.lam, x.rounds)) / risk.oracle_risk(t, x.sigma) - 1
        for t in truths
    ]


def check(x, *, factor=1.1, floor=risk.oracle_risk, one_is_enough=False):
    """Every rival number of fits, each with its own best ridge, stays strictly above the floor."""
    positive = np.unique(x.d[x.d > 0])
    spread = positive[-1] / positive[0]
    if 1 < spread < 1.2:
        return None  # almost one eigenvalue: the rivals come within rounding of the floor
    rivals = [t for t in (1, 2, 3, 4) if t != x.rounds and (spread > 1 or one_is_enough)]
    gaps = [risk.tuned_refits(x.d, x.theta, x.sigma, t).risk / x.floor - 1 for t in rivals]
    values = risk.bias_variance(x.random_theta, x.sigma, x.random_filters).risk
    best = risk.oracle_filter(x.random_theta, x.sigma)
    lowest = floor(x.random_theta, x.sigma)
    return both(
        at_most(lowest, values),
        equal(lowest, risk.bias_variance(x.random_theta, x.sigma, best).risk),
        equal(x.reached, x.floor),
        less(1e-12, np.array([*gaps, *elsewhere(x, factor)]), scale=1.0),
    )


RESULT = Result(
    label="prp-oracle-floor",
    assumptions=(
        "the model of the risk formula: fixed inputs, uncorrelated noise of variance sigma^2 > 0",
        "lam > 0, the same in every fit; each rival has its own best lam",
        "for the comparison: at least two different positive eigenvalues",
    ),
    draw=draw,
    statement=check,
    instances=240,
    mutants={
        "theta in place of theta^2": Mutant(
            lambda x: check(x, floor=lambda t, s: (s**2 * abs(t) / (abs(t) + s**2)).sum())
        ),
        "the smaller of signal and noise in place of the floor": Mutant(
            lambda x: check(x, floor=lambda t, s: np.minimum(t**2, s**2).sum())
        ),
        "the matched truth stays above its floor": Mutant(lambda x: check(x, factor=1.0)),
        "one fit more than matched": Mutant(draw=lambda r, i: draw(r, i, shift=1)),
        "all eigenvalues equal": Mutant(
            lambda x: check(x, one_is_enough=True),
            draw=lambda r, i: draw(r, i, equal_eigenvalues=True),
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
