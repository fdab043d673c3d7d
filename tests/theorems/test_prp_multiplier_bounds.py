"""The ridge of each round lies between d_min / (r - 1) and d_max / (r - 1)."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    d: np.ndarray  # eigenvalues of K, zeros included
    lams: np.ndarray  # the ridge of each round, from the constraint
    r: np.ndarray  # relative norm of the targets of each round
    regular: bool
    squares: np.ndarray  # mean squared residual of each round over the tolerance, from the ridges
    direction: float | None  # the eigenvalue, if the targets lie along one eigenvector


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
    direction = None
    if i % 4 == 3:  # targets along one eigenvector; its eigenvalue is positive
        j = int(rng.integers(np.count_nonzero(d)))
        z[np.arange(n) != j] = 0.0
        direction = float(d[j])
    lost, total = (z[d == 0] ** 2).sum(), (z**2).sum()
    # Close to the smallest feasible tolerance now and then: there the ridge is nearly zero.
    share = 10 ** (rng.uniform(-6, -4) if i % 3 == 0 else rng.uniform(-3, -0.1))
    tolerance = (lost + share * (total - lost)) / n
    path = constrained.distill(Spectrum(d, U), U @ z, tolerance, max_rounds=5)
    squares, left = [], z
    for lam in path.ridges:
        squares.append(((lam / (lam + d)[:, None] * left) ** 2).sum() / (n * tolerance))
        left = d[:, None] / (d + lam)[:, None] * left
    return Instance(
        d,
        path.ridges,
        path.relative_norms[: path.rounds],
        bool((d > 0).all()),
        np.array(squares),
        direction,
    )


def claims(x, *, shift=1.0, factor=1.0, low=None, high=None, direction=None):
    keep = x.r - 1 > 1e-5  # nearer to collapse the norms have too few digits left for r - 1
    if not keep.any():
        return None
    scaled = (factor * x.lams * (x.r - shift))[keep]
    low = x.d.min() if low is None else low
    high = x.d.max() if high is None else high
    # The library looks for the root inside this bracket: first, that it is the root.
    parts = [equal(x.squares, np.ones_like(x.squares), tol=1e-7)]
    # Relative: the bounds may be twelve decades apart.
    parts.append(at_most(scaled / high, 1, tol=1e-9, scale=1))
    if low > 0:
        parts.append(at_most(low / scaled, 1, tol=1e-9, scale=1))
    if x.direction is not None:
        aim = x.direction if direction is None else direction
        parts.append(equal(scaled / aim, np.ones_like(scaled), tol=1e-7, scale=1))
    return both(*parts)


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
        "one eigenvector: the largest eigenvalue": Mutant(
            lambda x: claims(x, direction=x.d.max()) if x.direction else None
        ),
    },
    instances=250,
)
test_holds, test_mutants_fail = RESULT.tests()
