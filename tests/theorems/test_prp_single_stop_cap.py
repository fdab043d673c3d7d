"""One stop has a cap; a second stop, and repeated fits, go beyond it.

Statement: let d_k > d_j > 0 and q = d_k/d_j. The ratio of the filter values of a flow stopped at t
lies strictly between 1 and q for every t > 0 and falls with t. The ratio of a student flow on a
stopped teacher is the product of two such ratios: larger than its teacher's, below q^2, and above q
if both times are at most (sqrt(q) - 1)/d_k. The ratio after repeated fits with a fixed ridge grows
geometrically, without bound.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters, flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray  # d_k, d_j
    times: np.ndarray  # rising
    early: tuple  # two times within (sqrt(q) - 1)/d_k
    lam: float
    stopped: list  # log ratio after each of `times`, 120 digits
    student: object  # log ratio of the student with (times[0], times[1])
    early_student: object
    refitted: np.ndarray  # log ratio after 1, 2, ... fits, until the cap is passed

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

    def log_ratio(values):
        b = model.measured(values)
        return mp.log(b[0]) - mp.log(b[1])

    def run(*stops):
        values = model.labels
        for time in stops:
            values = stopped_flows.flow(model.K, values, time)
        return log_ratio(values)

    early = largest(d[0] / d[1]) / d[0] * (1 - 1e-9) * np.array([1.0, 10.0 ** rng.uniform(-2, 0)])
    lam = d[0] * 10.0 ** rng.uniform(-0.5, 1)
    refitted, values = [], model.labels
    while not refitted or refitted[-1] <= np.log(d[0] / d[1]):
        values = refits.fit(model.K, lam, values)
        refitted.append(float(log_ratio(values)))
    return Instance(
        d,
        times,
        early,
        lam,
        [run(t) for t in times],
        run(*times[:2]),
        run(*early),
        np.array(refitted),
    )


def stopped(x, *, sign=1):
    """Of a flow: between 0 and log q, and falling in t; relative to the largest."""
    shares = stopped_flows.floats(v / x.cap for v in x.stopped)
    left = stopped_flows.floats(1 - v / x.cap for v in x.stopped)
    falls = stopped_flows.floats((a - b) / x.cap for a, b in pairwise(x.stopped))
    return both(
        less(0.0, shares, scale=1.0), less(0.0, left, scale=1.0), less(0.0, sign * falls, scale=1.0)
    )


def student(x, *, power=2, passes=1):
    """Of a student: above its teacher, below q^2; above q if both stops are early."""
    teacher = x.stopped[0]
    product = equal(float(x.student / (teacher + x.stopped[1])), 1.0, tol=1e-14)
    return both(
        product,
        less(0.0, float(x.student / teacher - 1), scale=1.0),
        less(0.0, float(1 - x.student / (power * x.cap)), scale=1.0),
        less(0.0, float(1 - x.early_student / (power * x.cap)), scale=1.0),
        less(0.0, float(x.early_student / (passes * x.cap) - 1), scale=1.0),
    )


def repeated(x, *, capped=False):
    """Of repeated fits: one factor more with every fit, and past the cap in the end."""
    cap = float(x.cap)
    if capped:
        return at_most(x.refitted, cap)
    steps = np.diff(x.refitted, prepend=0.0)
    return both(
        equal(steps / steps[0], np.ones(len(steps)), tol=1e-8),
        less(0.0, x.refitted[0], scale=1.0),
        less(cap, x.refitted[-1]),
    )


def library(x):
    flows = filters.gradient_flow(x.d, x.times[:, None])
    pair = flow.generations(x.d, x.times[:2])[-1]
    fits = filters.distilled(x.d, x.lam, len(x.refitted))
    got = [
        *(-np.diff(np.log(flows), axis=1)[:, 0]),
        *(-np.diff(np.log(b))[0] for b in (pair, fits)),
    ]
    wanted = [*stopped_flows.floats(x.stopped), float(x.student), x.refitted[-1]]
    return equal(got, wanted, tol=1e-10, scale=1.0)


def statement(x):
    return both(stopped(x), student(x), repeated(x), library(x))


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
        "a student stays below q": Mutant(lambda x: student(x, power=1)),
        "an early student passes q^2": Mutant(lambda x: student(x, passes=2)),
        "repeated fits stay below q": Mutant(lambda x: repeated(x, capped=True)),
        "early means (q - 1)/d_k": Mutant(
            student, draw=lambda r, i: draw(r, i, largest=lambda q: q - 1)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
