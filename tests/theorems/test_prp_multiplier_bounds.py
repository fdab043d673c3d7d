"""The ridge of each round lies between d_min / (r - 1) and d_max / (r - 1)."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems.ledger import Mutant, Result, at_most, both


class Instance(NamedTuple):
    d: np.ndarray  # eigenvalues of K, zeros included
    lams: np.ndarray  # the ridge of each round, from the constraint
    r: np.ndarray  # relative norm of the targets of each round
    regular: bool


def eigenvalues(rng, i, n):
    return [
        rng.uniform(0.1, 3, n),
        np.geomspace(1e-6, 1e6, n),
        np.full(n, rng.uniform(0.1, 3)),  # one eigenvalue: both bounds are equalities
        np.where(np.arange(n) < (n + 1) // 2, rng.uniform(0.1, 3, n), 0.0),
        10 ** rng.uniform(-6, 6, n),
    ][i % 5]


def draw(rng, i):
    n = 1 if i % 7 == 0 else int(rng.integers(2, 12))
    d = np.sort(eigenvalues(rng, i, n))[::-1]
    U = np.linalg.qr(rng.standard_normal((n, n)))[0]
    z = rng.standard_normal((n, 1 + i % 2))
    lost, total = (z[d == 0] ** 2).sum(), (z**2).sum()
    # Close to the smallest feasible tolerance now and then: there the ridge is nearly zero.
    share = 10 ** (rng.uniform(-6, -4) if i % 3 == 0 else rng.uniform(-3, -0.1))
    tolerance = (lost + share * (total - lost)) / n
    path = constrained.distill(Spectrum(d, U), U @ z, tolerance, max_rounds=5)
    return Instance(d, path.ridges, path.relative_norms[: path.rounds], bool((d > 0).all()))


def claims(x, *, shift=1.0, factor=1.0, low=None, high=None):
    keep = x.r - 1 > 1e-5  # nearer to collapse the norms have too few digits left for r - 1
    if not keep.any():
        return None
    scaled = (factor * x.lams * (x.r - shift))[keep]
    low = x.d.min() if low is None else low
    high = x.d.max() if high is None else high
    # Relative: the bounds may be twelve decades apart.
    upper = at_most(scaled / high, 1, tol=1e-9, scale=1)
    if low == 0:
        return upper
    return both(upper, at_most(low / scaled, 1, tol=1e-9, scale=1))


RESULT = Result(
    label="prp-multiplier-bounds",
    assumptions=(
        "K symmetric positive semidefinite",
        "strictly feasible and not collapsed: r > 1",
        "d_min = 0 for singular K: the lower bound is then empty",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "r instead of r - 1": Mutant(lambda x: claims(x, shift=0.0)),
        "1/n dropped: bounds on lam for c": Mutant(lambda x: claims(x, factor=1 / len(x.d))),
        "d_min and d_max exchanged": Mutant(
            lambda x: claims(x, low=x.d.max(), high=x.d[x.d > 0].min())
        ),
        "smallest positive eigenvalue for singular K": Mutant(
            lambda x: claims(x, low=x.d[x.d > 0].min())
        ),
        "second eigenvalue on top": Mutant(
            lambda x: claims(x, high=x.d[min(1, len(x.d) - 1)] or 1)
        ),
    },
    instances=250,
)
test_holds, test_mutants_fail = RESULT.tests()
