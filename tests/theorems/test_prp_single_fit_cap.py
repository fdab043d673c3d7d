"""One fit, however large its tolerance, and one stopped flow: the ratio of filters is capped."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained, filters
from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    d: np.ndarray  # descending, different, positive
    z: np.ndarray
    tolerances: np.ndarray  # rising, below collapse

    @property
    def log_gaps(self):
        return np.diff(-np.log(self.d))


def draw(rng, i):
    n = int(rng.integers(2, 9))
    d = [
        np.sort(rng.uniform(0.1, 3, n))[::-1],
        np.geomspace(1e6, 1e-6, n),
        np.sort(10 ** rng.uniform(-6, 6, n))[::-1],
        1 + np.linspace(0.3, 0, n),
    ][i % 4]
    z = rng.standard_normal(n) + np.sign(rng.standard_normal(n))
    shares = np.sort(10 ** rng.uniform(-3, -0.05, 3))
    return Instance(d, z, shares * (z**2).mean())


def ridges(x):
    spectrum = Spectrum(x.d, np.eye(len(x.d)))
    paths = [constrained.distill(spectrum, x.z, e, max_rounds=1) for e in x.tolerances]
    return np.array([p.ridges[0] for p in paths])


def ridge_ratios(x, power=1):
    """Logarithms of b_k / b_(k+1) for each tolerance, without cancellation."""
    over = np.log1p(ridges(x)[:, None] / x.d)
    return power * np.diff(over, axis=1)


def flow_ratios(x, power=1):
    """The same for gradient flow, stopped earlier and earlier."""
    times = np.array([2.0, 0.5, 0.1])[:, None] / x.d.mean()
    return -power * np.diff(np.log(filters.gradient_flow(x.d, times)), axis=1)


def descent_ratios(x):
    b = np.array([filters.gradient_descent(x.d, 0.9 / x.d[0], m) for m in (64, 8, 2)])
    return -np.diff(np.log(b), axis=1)


def limits(x, ends=(0.0, 1.0)):
    """Shares of the cap for a ridge that tends to zero and to infinity, and for one step."""
    lam = np.array([1e-9 * x.d[-1], 1e9 * x.d[0]])
    b = np.vstack([filters.ridge(x.d, v) for v in lam] + [x.d * 0.9 / x.d[0]])
    b[2] = filters.gradient_descent(x.d, 0.9 / x.d[0], 1)
    shares = -np.diff(np.log(b), axis=1) / x.log_gaps
    wanted = np.array([*ends, 1.0])[:, None] * np.ones(len(x.d) - 1)
    return equal(shares, wanted, tol=1e-6)


def capped(ratios, x, cap=None):
    """Every ratio lies below that of the eigenvalues; differences near rounding are no case."""
    room = (x.log_gaps if cap is None else cap) - ratios
    room = room[np.abs(room) > 1e-9 * np.abs(ratios)]
    return less(0, room, scale=1) if room.size else None


def rising(ratios):
    """From one row to the next every ratio rises, and so does their minimum, the index."""
    steps = np.diff(np.column_stack([ratios, ratios.min(axis=1)]), axis=0)
    steps = steps[np.abs(steps) > 1e-9 * np.abs(ratios).max()]
    return less(0, steps, scale=1) if steps.size else None


def claims(x, *, power=1, order=slice(None), cap=None):
    parts = [
        capped(ridge_ratios(x, power), x, cap),
        rising(ridge_ratios(x, power)[order]),
        capped(flow_ratios(x), x, cap),
        rising(flow_ratios(x)),
        capped(descent_ratios(x), x, cap),
        less(0, np.diff(ridges(x))),
        limits(x),
    ]
    parts = [part for part in parts if part is not None]
    return both(*parts) if len(parts) > 3 else None


def two_flows(x):
    return capped(flow_ratios(x, power=2), x)


RESULT = Result(
    label="prp-single-fit-cap",
    assumptions=(
        "K positive definite, eigenvalues different",
        "one fit: a tolerance below collapse, one time of gradient flow, or one run of descent "
        "with step * d_max <= 1",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "two rounds with the same ridge": Mutant(lambda x: claims(x, power=2)),
        "a student of a stopped teacher": Mutant(two_flows),
        "the index falls with the tolerance": Mutant(
            lambda x: claims(x, order=slice(None, None, -1))
        ),
        "cap at the square root": Mutant(lambda x: claims(x, cap=x.log_gaps / 2)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
