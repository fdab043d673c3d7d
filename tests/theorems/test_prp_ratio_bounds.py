"""With labels in the mix the ratio of two filter values stays between rho_1 and rho_1^tau."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, less

mp = mixed.mp

ROUNDS = 5


class Instance(NamedTuple):
    pair: mixed.Pair
    alpha: float
    ratios: np.ndarray  # (ROUNDS,), rho_1, rho_2, ..., measured, 250 digits
    limit: object  # of the ridge fit with lam / alpha; None for alpha = 0


def draw(rng, i, *, below=0.0):
    pair, alpha = mixed.pair(rng, i), mixed.weight(rng, i) - below
    limit = pair.ratios([0], lam=pair.lam / mp.mpf(alpha))[0] if alpha else None
    return Instance(pair, alpha, pair.ratios(np.full(ROUNDS, alpha)), limit)


def library(x):
    """Verdicts on the ratios of the library."""
    p = x.pair
    tau = np.arange(1, ROUNDS + 1)
    yield mixed.close(mixing.filter_ratio(*p.d, p.lam, x.alpha, tau), x.ratios)
    end = mixing.limit_ratio(*p.d, p.lam, x.alpha)
    if x.alpha > 0:
        yield mixed.close(end, x.limit)
    else:
        yield less(np.isfinite(end), 1 if p.distinct else 2, scale=1.0)


def claims(x, *, power=0, least=1, every_round=False, cap=1, limit=None, true=False):
    first, tau = x.ratios[0], np.arange(1, ROUNDS + 1)
    lower = first**least
    upper = np.array([first ** (int(t) + power) for t in tau])
    weak = 1 if x.pair.distinct else 0  # 1: strict, where something can be strict
    strict = np.where((tau >= 2) & (0 < x.alpha < 1), weak, 0)
    above, under = mixed.sign(x.ratios, lower), mixed.sign(upper, x.ratios)
    parts = [at_most(strict, above, scale=1.0), at_most(strict, under, scale=1.0)]
    if x.alpha == 0 and not power:
        parts.append(mixed.same(x.ratios, upper))
    if x.alpha == 1:
        parts.append(mixed.same(x.ratios, lower + x.ratios * 0))
    end = x.limit if limit is None else limit(x)
    if end is not None:
        bound = (mp.mpf(x.pair.d[0]) / mp.mpf(x.pair.d[1])) ** cap
        parts.append(at_most(weak, mixed.sign(bound, end), scale=1.0))
        if every_round:
            parts.append(at_most(0.0, mixed.sign(bound, x.ratios), scale=1.0))
    return both(*parts, *(library(x) if true else ()))


RESULT = Result(
    label="prp-ratio-bounds",
    assumptions=(
        "d_k >= d_j > 0",
        "lam > 0, the same in every fit",
        "alpha in [0, 1], the same in every round; for the limit alpha > 0",
        "strict only for 0 < alpha < 1, tau >= 2 and d_k > d_j",
    ),
    draw=draw,
    statement=lambda x: claims(x, true=True),
    mutants={
        "exponent tau - 1": Mutant(lambda x: claims(x, power=-1)),
        "rho_1^2 from below": Mutant(lambda x: claims(x, least=2)),
        "d_k / d_j bounds every round": Mutant(lambda x: claims(x, every_round=True)),
        "the limit below the root of d_k / d_j": Mutant(lambda x: claims(x, cap=0.5)),
        "the limit above d_k / d_j": Mutant(
            lambda x: claims(x, limit=lambda x: x.limit and 1 / x.limit, cap=-1)
        ),
        "alpha below 0": Mutant(claims, draw=lambda rng, i: draw(rng, i, below=0.9)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
