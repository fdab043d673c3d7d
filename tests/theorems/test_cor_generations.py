"""The bias grows with every generation.

Statement: let d_1 > d_2 > 0, psi(p) = 1 - (1 - p)^(d_2/d_1), and let m >= 2 generations of flows,
each on the fitted values of the one before, stop at finite times > 0 with the progresses p_i along
direction 1. Then prod psi(p_i) < psi(prod p_i): along direction 2 the last generation is behind the
labels' own flow at equal progress along direction 1. Replacing the last generations by one flow
with the same progress along direction 1 brings direction 2 forward, the more of them the further.

Saturated instances are skipped: those in which a generation runs so long that less than 1e-100 of
its way along direction 1 is left.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less
from tests.theorems.test_thm_student_bends import SATURATED, eigenvalues

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray
    times: np.ndarray
    generations: list  # measured progress along 1 and 2 after each generation, 120 digits
    merged: list  # the same at the end, with the last 2, ..., m generations replaced by one flow
    own: list  # progress along 1 of each generation by itself


def draw(rng, i, *, count=None, endless=False):
    d = eigenvalues(rng, i)
    model = stopped_flows.Model(rng, d)
    m = 2 + i % 4 if count is None else count
    times = 10.0 ** rng.uniform(-2, 1.5, m) / (d[0] if i % 4 else np.sqrt(d[0] * d[1]))
    if endless:
        times[1:] = 300 / d[1]
    values, kept = [model.labels], []
    for time in times:
        values.append(stopped_flows.flow(model.K, values[-1], time))
        kept.append(model.measured(values[-1]))
    before = [mp.mpf(1), *(b[0] for b in kept)]
    own = [after / then for then, after in pairwise(before)]
    if d[0] * times.max() > SATURATED and not endless:
        return Instance(d, times, kept, None, own)
    merged = []
    for start in range(m - 2, -1, -1):  # the flow that replaces generations start + 1, ..., m
        left = max(1 - mp.fprod(own[start:]), mp.eps)  # at 0 only in a mutant without end
        time = -mp.log(left) / mp.mpf(float(d[0]))
        merged.append(model.measured(stopped_flows.flow(model.K, values[start], time)))
    return Instance(d, times, kept, merged, own)


def check(x, *, sign=1):
    if x.merged is None:
        return None
    last = x.generations[-1]
    same = [float(b[0] / last[0]) for b in x.merged]
    chain = [last[1], *(b[1] for b in x.merged)]
    steps = [float(sign * (1 - a / b)) for a, b in pairwise(chain)]
    parts = [equal(same or [1.0], np.ones(max(len(same), 1)), tol=1e-15)]
    return both(*parts, less(0.0, steps or [0.0], scale=1.0))


def products(x, *, combine=mp.fprod, exponent=None):
    """Products of psi against psi of the product, from the progress along direction 1 alone."""
    if x.merged is None:
        return None
    q = mp.mpf(float(x.d[1])) / mp.mpf(float(x.d[0])) if exponent is None else exponent

    def psi(p):
        return 1 - (1 - p) ** q

    each = combine([psi(p) for p in x.own])
    return less(0.0, float(1 - each / psi(mp.fprod(x.own))), scale=1.0)


def library(x):
    got = flow.generations(x.d, x.times)
    exact = np.array([stopped_flows.floats(b) for b in x.generations])
    return equal(got / exact, np.ones(got.shape), tol=1e-12)


def statement(x):
    if x.merged is None:
        return None
    return both(check(x), products(x), library(x))


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
        "one generation": Mutant(check, draw=lambda r, i: draw(r, i, count=1)),
        "all but the first trained to convergence": Mutant(
            check, draw=lambda r, i: draw(r, i, endless=True)
        ),
        "psi of the sum for the product": Mutant(lambda x: products(x, combine=mp.fsum)),
        "exponent d_1/d_2": Mutant(
            lambda x: products(x, exponent=mp.mpf(float(x.d[0])) / mp.mpf(float(x.d[1])))
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
