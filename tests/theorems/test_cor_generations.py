"""The bias grows with every generation.

Statement: let d_1 > d_2 > 0, psi(p) = 1 - (1 - p)^(d_2/d_1), and let m >= 2 generations of flows,
each on the fitted values of the one before, stop at finite times > 0 with the progresses p_i along
direction 1. Then prod psi(p_i) < psi(prod p_i): along direction 2 the last generation is behind the
labels' own flow at equal progress along direction 1, and the ratio psi(prod p_i) / prod psi(p_i)
grows strictly with every generation. If all generations of a chain have one length, and its end a
given progress 0 < P < 1 along direction 1, then its progress along direction 2 falls strictly in m.

Saturated instances are skipped: those in which a generation runs so long that less than 1e-100 of
its way along direction 1 is left.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less
from tests.theorems.test_thm_student_bends import (
    SATURATED,
    eigenvalues,
    empty_direction,
    equal_eigenvalues,
)

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray
    times: np.ndarray
    generations: list  # measured progress along 1 and 2 after each generation, 120 digits
    matched: list  # labels' own flows with the same progress along 1
    own: list  # progress along 1 of each generation by itself
    equal_lengths: list  # ends of m - 1 and of m generations of one length, every third instance


def equal_chain(model, d, end, m):
    """Measured progress of m generations of one length with the progress `end` along 1."""
    time = -mp.log(1 - mp.mpf(end) ** (1 / mp.mpf(m))) / mp.mpf(float(d[0]))
    values, run = model.labels, stopped_flows.clock(model.K, time)
    for _ in range(m):
        values = run(values)
    return model.measured(values)


def draw(rng, i, *, d=eigenvalues, count=None, endless=False):
    d = d(rng, i)
    model = stopped_flows.Model(rng, d)
    m = 2 + i % 4 if count is None else count
    times = 10.0 ** rng.uniform(-2, 1.5, m) / stopped_flows.scale(d, i // 4)
    if endless:
        times[1:] = 300 / d[1]
    values, kept = [model.labels], []
    for time in times:
        values.append(stopped_flows.flow(model.K, values[-1], time))
        kept.append(model.measured(values[-1]))
    before = [mp.mpf(1), *(b[0] for b in kept)]
    own = [after / then for then, after in pairwise(before)]
    if d[0] * times.max() > SATURATED and not endless:
        return Instance(d, times, kept, None, own, [])
    matched = []
    for progress, _ in kept:
        left = max(1 - progress, mp.eps)  # at 0 only in a mutant without end
        time = -mp.log(left) / mp.mpf(float(d[0]))
        matched.append(model.measured(stopped_flows.flow(model.K, model.labels, time)))
    if i % 3 or endless or count == 1:
        return Instance(d, times, kept, matched, own, [])
    ends = [equal_chain(model, d, kept[-1][0], k) for k in (m - 1, m)]
    return Instance(d, times, kept, matched, own, ends)


def check(x, *, sign=1):
    """Every generation is further behind the labels' own flow with its progress along 1."""
    if x.matched is None:
        return None
    pairs = list(zip(x.generations, x.matched, strict=True))
    same = [float(b[0] / own[0]) for b, own in pairs]
    behind = [
        own[1] / b[1] if abs(b[1]) > stopped_flows.ROUNDING else mp.mpf(1) for b, own in pairs
    ]
    steps = [sign * stopped_flows.lag(a, b) for a, b in pairwise(behind)]
    return both(
        equal(same, np.ones(len(same)), tol=1e-15),
        equal(float(behind[0]), 1.0, tol=1e-15),  # the first generation is such a flow
        less(stopped_flows.ROUNDING, steps or [0.0], scale=1.0),
    )


def lengths(x, *, sign=1):
    """Of two chains of equal generations with one end along 1, the longer is behind along 2."""
    if not x.equal_lengths:
        return None
    fewer, more = x.equal_lengths
    end = x.generations[-1][0]
    return both(
        equal([float(b[0] / end) for b in (fewer, more)], [1.0, 1.0], tol=1e-15),
        less(stopped_flows.ROUNDING, sign * stopped_flows.lag(more[1], fewer[1]), scale=1.0),
    )


def products(x, *, combine=mp.fprod, exponent=None):
    """Products of psi against psi of the product, from the progress along direction 1 alone."""
    if x.matched is None:
        return None
    q = mp.mpf(float(x.d[1])) / mp.mpf(float(x.d[0])) if exponent is None else exponent

    def psi(p):
        return 1 - (1 - p) ** q

    each = combine([psi(p) for p in x.own])
    lag = stopped_flows.lag(each, psi(mp.fprod(x.own)))
    return less(stopped_flows.ROUNDING, lag, scale=1.0)


def library(x):
    got = flow.generations(x.d, x.times)
    exact = np.array([stopped_flows.floats(b) for b in x.generations])
    return equal(got / exact, np.ones(got.shape), tol=1e-12)


def statement(x):
    if x.matched is None:
        return None
    parts = [check(x), products(x), library(x), lengths(x)]
    return both(*(part for part in parts if part is not None))


def few(**changes):
    """Draw 90 instances for a mutant; the others count as saturated."""
    skipped = Instance(np.ones(2), (), [], None, [], [])
    return lambda rng, i: draw(rng, i, **changes) if i < 90 else skipped


RESULT = Result(
    label="cor-generations",
    assumptions=(
        "d_1 > d_2 > 0",
        "m >= 2 flows from f = 0, each on the fitted values of the one before",
        "finite times > 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "more in the second direction": Mutant(lambda x: check(x, sign=-1)),
        "of equal lengths more generations bend less": Mutant(lambda x: lengths(x, sign=-1)),
        "equal eigenvalues": Mutant(check, draw=few(d=equal_eigenvalues)),
        "d_2 = 0": Mutant(check, draw=few(d=empty_direction)),
        "one generation": Mutant(check, draw=few(count=1)),
        "all but the first trained to convergence": Mutant(check, draw=few(endless=True)),
        "psi of the sum for the product": Mutant(lambda x: products(x, combine=mp.fsum)),
        "exponent d_1/d_2": Mutant(
            lambda x: products(x, exponent=mp.mpf(float(x.d[0])) / mp.mpf(float(x.d[1])))
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
