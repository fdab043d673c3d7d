"""Repeated fits with a fixed ridge are powers of the filter."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    d: np.ndarray
    lam: float
    measured: np.ndarray  # logarithm of the filter after each refit, positive eigenvalues only
    nothing: float  # largest filter value where the eigenvalue is 0


def draw(rng, i, *, growth=1.0):
    d = refits.eigenvalues(rng, i)
    lam = refits.ridge_near(rng, d)
    values = refits.filter_values(rng, d, lam * growth ** np.arange(4))
    rank = np.count_nonzero(d)
    logs = np.array([refits.logs(row[:rank]) for row in values])
    nothing = max((abs(float(v)) for row in values for v in row[rank:]), default=0.0)
    return Instance(d, lam, logs, nothing)


def check(instance, *, shift=0, lam_factor=1.0, faster=1.0):
    d = instance.d[instance.d > 0]
    tau = np.arange(1, 5)[:, None]
    a = filters.ridge(d, lam_factor * instance.lam)
    bound = -tau * instance.lam / (d + instance.lam)
    return both(
        equal((tau + shift) * np.log(a), instance.measured, scale=np.abs(instance.measured).max()),
        equal(instance.nothing, 0.0, tol=1e-40, scale=1.0),
        less(instance.measured[1:], instance.measured[:-1], scale=1.0),  # strictly decreasing
        less(instance.measured, faster * bound, scale=1.0),  # limit 0, with a rate
    )


RESULT = Result(
    label="prp-filter-powers",
    assumptions=("K symmetric positive semidefinite", "lam > 0", "the same lam in every fit"),
    draw=draw,
    statement=check,
    mutants={
        "exponent tau + 1": Mutant(lambda x: check(x, shift=1)),
        "exponent tau - 1": Mutant(lambda x: check(x, shift=-1)),
        "lam divided by n": Mutant(lambda x: check(x, lam_factor=1 / len(x.d))),
        "rate without the d in d + lam": Mutant(
            lambda x: check(x, faster=(x.d.max() + x.lam) / x.lam)
        ),
        "a ridge that grows from fit to fit": Mutant(draw=lambda r, i: draw(r, i, growth=1.1)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
