"""The bound on the sparsity index at the guaranteed rounds: it grows as the tolerance falls."""

import itertools
import math

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less
from tests.theorems.refits import mp
from tests.theorems.test_thm_sparsification import draw

ROUNDING = 1e-12


def log_bound(d, r0, exponent):
    """Logarithm of min_k ((x + p_k+1) / (x + p_k))^exponent with x = r0 - 1, 120 digits."""
    x = mp.mpf(r0) - 1
    p = [mp.mpf(float(d[-1])) / mp.mpf(float(v)) for v in d]
    return exponent(x) * min(mp.log((x + s) / (x + q)) for q, s in itertools.pairwise(p))


def log_index(x, t):
    """Logarithm of the smallest ratio of neighbours after t fits."""
    return (x.log_b[t - 1, :-1] - x.log_b[t - 1, 1:]).min()


def ceiling(value):
    return max(math.ceil(value * (1 - ROUNDING)), 1)


def limit_exponent(d):
    """The smallest difference p_k+1 - p_k, 120 digits."""
    p = [mp.mpf(float(d[-1])) / mp.mpf(float(v)) for v in d]
    return min(s - q for q, s in itertools.pairwise(p))


def by_library(d, r0, bounds, gap, kappa):
    """The four numbers of the library against ours, as logarithms."""
    found = [*constrained.near_interpolation_bound(d, r0), *constrained.near_interpolation_limit(d)]
    return equal(np.log(found), [float(v) for v in (*bounds, gap / kappa, gap)], tol=1e-9, scale=1)


def claims(x, *, whole=ceiling, short=None, limit=None):
    if log_index(x, 1) <= 0:  # a repeated eigenvalue: the index is 1 and so is the bound
        return None
    d, r0, kappa = x.d, x.r[0], mp.mpf(float(x.d[0])) / mp.mpf(float(x.d[-1]))
    at = (whole((r0 - 1) / x.kappa), whole(r0 - 1))
    if min(at) < 1:
        return None
    exponent = short or (lambda v: v / kappa)
    bounds = [log_bound(d, r0, exponent), log_bound(d, r0, lambda v: v)]
    shares = [float(b / mp.mpf(log_index(x, t))) for b, t in zip(bounds, at, strict=True)]
    growing = [log_bound(d, 1 + (r0 - 1) * s, exponent) for s in (1, 2, 10, 1000)]
    gap, far = limit_exponent(d), log_bound(d, 1e30, exponent)
    parts = [
        at_most(shares, 1, tol=1e-8, scale=1),
        less(0, [float(mp.sign(b - a)) for a, b in itertools.pairwise(growing)], scale=1),
        equal(float(far / (gap * (limit or 1 / kappa))), 1.0, tol=1e-12),
    ]
    if not short:
        parts.append(by_library(d, r0, bounds, gap, kappa))
    return both(*parts)


def index_tends_to_the_limit(x):
    """The statement of a limit instead of a lower bound: within a tenth at the shorter horizon."""
    far = math.log(constrained.near_interpolation_limit(x.d)[0])
    found = log_index(x, ceiling((x.r[0] - 1) / x.kappa))
    return at_most(found, 1.1 * far, scale=1) if x.r[0] > 20 else None


RESULT = Result(
    label="prp-near-interpolation",
    assumptions=(
        "K symmetric positive definite, eigenvalues distinct",
        "the same tolerance in every round",
        "round 0 does not collapse: r_0 > 1",
        "a whole number of fits: the guarantee rounded up",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "floor for the ceiling": Mutant(lambda x: claims(x, whole=math.floor)),
        "kappa dropped from the exponent": Mutant(
            lambda x: claims(x, short=lambda v: v, limit=mp.mpf(1))
        ),
        "limit without kappa": Mutant(lambda x: claims(x, limit=mp.mpf(1))),
        "r0 in the exponent": Mutant(lambda x: claims(x, short=lambda v: v + 1)),
        "the bound's limit is the index's": Mutant(index_tends_to_the_limit),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
