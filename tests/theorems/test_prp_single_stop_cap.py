"""Each stop, and each fit, adds one cap to the ratio of two filter values.

Statement: let d_k > d_j > 0 and q = d_k/d_j. The ratio of the filter values of a flow stopped at t
lies strictly between 1 and q for every t > 0, falls with t, and tends to q for t -> 0 and to 1 for
t -> infinity. The ratio after m stopped flows, each on the values of the one before, is the product
of m such ratios: larger with every generation, below q^m, and above q^(m/2) if all times are at
most (sqrt(q) - 1)/d_k. The ratio after tau fits with one ridge is r^tau with
r = (1 + lam/d_j)/(1 + lam/d_k), 1 < r < q: below q^tau, and in the end above any number.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters, flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray  # d_k, d_j
    times: np.ndarray  # rising
    lam: float
    stopped: list  # log ratio after each of `times`, 120 digits
    extremes: list  # after a very short and a very long time
    chain: list  # after 1, 2, 3 stopped flows, with `times`
    early: list  # the same with times within (sqrt(q) - 1)/d_k
    refitted: list  # after 1, 2, ... fits, until the cap is passed

    @property
    def cap(self):
        return mp.log(mp.mpf(self.d[0]) / mp.mpf(self.d[1]))


def eigenvalues(rng, i):
    low = 10.0 ** rng.uniform(-6, 6)
    ratio = [10.0 ** rng.uniform(0, 2), 10.0 ** rng.uniform(2, 12), 1 + 10.0 ** rng.uniform(-6, -1)]
    return np.array([low * ratio[i % 3], low])


def draw(rng, i, *, largest=lambda q: np.sqrt(q) - 1):
    d = eigenvalues(rng, i)
    model = stopped_flows.Model(rng, d)
    # What the slower direction lacks must be above 1e-120.
    times = np.sort(10.0 ** rng.uniform(-3, 2, 3)) / (d[1] if i % 2 else d[0])
    early = largest(d[0] / d[1]) / d[0] * (1 - 1e-9) * 10.0 ** rng.uniform(-2, 0, 3)
    early[0] = early.max()

    def log_ratio(values):
        b = model.measured(values)
        return mp.log(b[0]) - mp.log(b[1])

    def chain(stops):
        values = model.labels
        for time in stops:
            values = stopped_flows.flow(model.K, values, time)
            yield log_ratio(values)

    lam = d[0] * 10.0 ** rng.uniform(-0.5, 1)
    refitted, values = [], model.labels
    while not refitted or refitted[-1] <= np.log(d[0] / d[1]):
        values = refits.fit(model.K, lam, values)
        refitted.append(log_ratio(values))
    stopped = [next(chain([t])) for t in times]
    extremes = [next(chain([t])) for t in (1e-9 / d[0], 200 / d[1])]
    chains = (list(chain(stops)) for stops in (times, early))
    return Instance(d, times, lam, stopped, extremes, *chains, refitted)


def stopped(x, *, sign=1):
    """Of a flow: between 0 and log q, and falling in t; relative to the largest."""
    shares = stopped_flows.floats(v / x.cap for v in x.stopped)
    left = stopped_flows.floats(1 - v / x.cap for v in x.stopped)
    falls = stopped_flows.floats((a - b) / x.cap for a, b in pairwise(x.stopped))
    return both(
        less(0.0, shares, scale=1.0), less(0.0, left, scale=1.0), less(0.0, sign * falls, scale=1.0)
    )


def limits(x, *, order=1):
    """No smaller cap will do, and no larger lower bound than 1; mutant: ends exchanged."""
    first, last = x.extremes[::order]
    return both(
        less(float(1 - first / x.cap), 1e-6, scale=1.0), less(float(last / x.cap), 1e-6, scale=1.0)
    )


def generations(x, *, caps=1, early_caps=0.5):
    """Of m = 1, 2, 3 stops: the product, above that of m - 1, below q^m; early: above q^(m/2)."""
    parts, total = [], mp.mpf(0)
    for m, (after, one, early) in enumerate(zip(x.chain, x.stopped, x.early, strict=True), 1):
        if m > 1:
            parts.append(less(0.0, float(after / total - 1), scale=1.0))
        total += one
        parts.append(equal(float(after / total), 1.0, tol=1e-14))
        parts.append(less(0.0, float(1 - after / (m**caps * x.cap)), scale=1.0))
        parts.append(less(0.0, float(1 - early / (m**caps * x.cap)), scale=1.0))
        parts.append(less(0.0, float(early / (early_caps * m * x.cap) - 1), scale=1.0))
    return both(*parts)


def repeated(x, *, lam=1.0, order=1, caps=None):
    """Of repeated fits: r^tau, r < q, past the cap in the end; mutant: below q^caps."""
    d_k, d_j = (mp.mpf(float(v)) for v in x.d[::order])
    log_r = mp.log((1 + lam * x.lam / d_j) / (1 + lam * x.lam / d_k))
    fits = range(1, len(x.refitted) + 1)
    ratios = stopped_flows.floats(
        v / (tau * log_r) for v, tau in zip(x.refitted, fits, strict=True)
    )
    below = [1 - v / ((caps or tau) * x.cap) for v, tau in zip(x.refitted, fits, strict=True)]
    return both(
        equal(ratios, np.ones(len(ratios)), tol=1e-14),
        less(0.0, float(x.refitted[0] / x.cap), scale=1.0),
        less(0.0, stopped_flows.floats(below), scale=1.0),
        less(0.0, float(x.refitted[-1] / x.cap - 1), scale=1.0),
    )


def library(x):
    flows = filters.gradient_flow(x.d, x.times[:, None])
    chain = flow.generations(x.d, x.times)
    fits = filters.distilled(x.d, x.lam, len(x.refitted))
    got = [*(-np.diff(np.log(np.vstack([flows, chain, fits])), axis=1)[:, 0])]
    wanted = stopped_flows.floats([*x.stopped, *x.chain, x.refitted[-1]])
    return equal(got, wanted, tol=1e-10, scale=1.0)


def statement(x):
    return both(stopped(x), limits(x), generations(x), repeated(x), library(x))


RESULT = Result(
    label="prp-single-stop-cap",
    assumptions=(
        "d_k > d_j > 0",
        "flow of ||f(X) - y||^2 / 2 from f = 0, times > 0",
        "repeated fits: the same ridge every time",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the ratio of one flow rises with t": Mutant(lambda x: stopped(x, sign=-1)),
        "the ratio tends to 1 for t -> 0": Mutant(lambda x: limits(x, order=-1)),
        "a chain of stops stays below q": Mutant(lambda x: generations(x, caps=0)),
        "early chains pass q^m": Mutant(lambda x: generations(x, early_caps=1.0)),
        "repeated fits stay below q": Mutant(lambda x: repeated(x, caps=1)),
        "r with lam/n": Mutant(lambda x: repeated(x, lam=0.5)),
        "r with the indices exchanged": Mutant(lambda x: repeated(x, order=-1)),
        "early means (q - 1)/d_k": Mutant(
            generations, draw=lambda r, i: draw(r, i, largest=lambda q: q - 1)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
