"""At equal training error a stopped flow keeps more of the strong directions, less of the weak.

Statement: let a flow stopped at t, 0 < t < infinity, and one ridge fit with lam > 0 have the same
training error on the same labels, and let the labels have a part along some eigenvector with a
positive eigenvalue. Then there is exactly one d_0 > 0 at which both filters agree: the flow's is
larger for d > d_0 and smaller for 0 < d < d_0. Moreover t < 1/lam, and d_0 lies between the
smallest and the largest positive eigenvalue along which the labels have a part; strictly between,
if these two differ.

The ridge is found by root search on dense solves. Two more eigenvectors are probes: the labels have
no part along them, so they are on either side of d_0 or far from all others.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray  # the last two are probes
    z: np.ndarray
    time: float
    lam: object  # 120 digits
    error: float  # training error times n
    missing: list  # of flow and of ridge, along each eigenvector, 120 digits


def length2(values):
    return sum(v**2 for v in values)


def zero(f, low, high):
    """Zero of `f` in the bracket, to the last digits that `f` has."""
    tiny = (high - low) * mp.mpf(10) ** -110
    return mp.findroot(f, (low, high), solver="anderson", tol=tiny, maxsteps=500, verify=False)


def same_error(K, y, wanted, near):
    """Return the ridge whose residual on `y` has the squared length `wanted`."""
    total = length2(y)

    def excess(u):
        error = length2(y - refits.fit(K, mp.exp(u), y))
        return mp.log(error / wanted) - mp.log((total - error) / (total - wanted))

    low, high = mp.log(near) - 1, mp.log(near) + 1
    while excess(low) > 0:
        low -= 4
    while excess(high) < 0:
        high += 4
    return mp.exp(zero(excess, low, high))


def draw(rng, i, *, ridge=None, factor=1):
    d = refits.eigenvalues(rng, i)
    time = stopped_flows.time_near(rng, d)
    z = rng.choice([-1.0, 1.0], len(d)) * 10.0 ** rng.uniform(-2, 2, len(d))
    if i % 3 == 0 and np.count_nonzero(d) > 1:
        z[0] = 0.0  # nothing along the strongest
    d = np.append(d, rng.choice(d[d > 0], 2) * 10.0 ** rng.uniform(-3, 3, 2))
    z = np.append(z, [0.0, 0.0])
    model = stopped_flows.Model(rng, d)
    y = model.Q * mp.matrix([mp.mpf(float(v)) for v in z])
    error = length2(y - stopped_flows.flow(model.K, y, time))
    unseen = length2(mp.mpf(float(v)) for v in z[d == 0])
    wanted = unseen + factor * (error - unseen)
    lam = ridge(time) if ridge else same_error(model.K, y, wanted, 1 / time)
    fitted = stopped_flows.flow(model.K, model.labels, time), refits.fit(model.K, lam, model.labels)
    missing = [model.measured(model.labels - values) for values in fitted]
    return Instance(d, z, time, lam, float(error), missing)


def crossing(x):
    """The positive zero of log(1 + d/lam) - t d, or None."""
    t, lam = mp.mpf(x.time), mp.mpf(x.lam)
    if t * lam >= 1:
        return None
    low = (1 / (t * lam) - 1) * lam  # the maximum; the zero is above
    high = 2 * low + lam
    while mp.log(1 + high / lam) > t * high:
        high *= 2
    return zero(lambda v: mp.log(1 + v / lam) - t * v, low, high)


def sides(x, *, sign=1):
    """Who is ahead on which side of the one crossing, relative to what the ridge misses."""
    place, parts = crossing(x), [equal(0.0, 0.0)]
    if place is None:
        return less(0.0, -1.0)
    for d, by_flow, by_ridge in zip(x.d, *x.missing, strict=True):
        ahead = 1 - by_flow / by_ridge
        if d == 0 or abs(d / place - 1) < 1e-30:
            parts.append(equal(float(ahead), 0.0, tol=1e-25, scale=1.0))
        else:
            above = 1 if d > place else -1
            parts.append(less(0.0, float(sign * above * ahead), scale=1.0))
    return both(*parts)


def earlier(x, *, sign=1):
    return less(0.0, float(sign * (1 - mp.mpf(x.time) * x.lam)), scale=1.0)


def within(x):
    """d_0 lies between the smallest and the largest eigenvalue that the labels see."""
    place, seen = crossing(x), x.d[(x.d > 0) & (x.z != 0)]
    if place is None:
        return less(0.0, -1.0)
    if seen.min() == seen.max():
        return equal(float(place / seen[0]), 1.0, tol=1e-25)
    return less(0.0, [float(place / seen.min() - 1), float(1 - place / seen.max())], scale=1.0)


def library(x):
    """Ridge and time from the error alone, where a float of it tells them."""
    td, ridge = x.time * x.d, float(x.lam) / (x.d + float(x.lam))
    slopes = [(v * x.z**2).sum() for v in (td * np.exp(-2 * td), (1 - ridge) * ridge**2)]
    if min(slopes) < 1e-4 * (x.z**2).sum():
        return equal(0.0, 0.0)
    order = np.argsort(-x.d, kind="stable")
    found = flow.matched_strengths(x.d[order], x.z[order], x.error / len(x.d), rounds=1)
    return both(
        equal(found.time / x.time, 1.0, tol=1e-9), equal(found.lam / float(x.lam), 1.0, tol=1e-9)
    )


def statement(x):
    return both(sides(x), earlier(x), within(x), library(x))


RESULT = Result(
    label="prp-stop-against-ridge",
    assumptions=(
        "K symmetric positive semidefinite",
        "flow of ||f(X) - y||^2 / 2 from f = 0, 0 < t < infinity, and lam > 0",
        "equal training errors on the same labels",
        "z_j != 0 for some d_j > 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the ridge keeps more of the strong directions": Mutant(lambda x: sides(x, sign=-1)),
        "t > 1/lam": Mutant(lambda x: earlier(x, sign=-1)),
        "t = 1/lam": Mutant(lambda x: equal(x.time * float(x.lam), 1.0, tol=1e-3)),
        "the ridge 1/t, whatever its error": Mutant(
            sides, draw=lambda r, i: draw(r, i, ridge=lambda t: 1 / mp.mpf(t))
        ),
        "the ridge has 1 % less training error": Mutant(
            within, draw=lambda r, i: draw(r, i, factor=mp.mpf("0.99"))
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
