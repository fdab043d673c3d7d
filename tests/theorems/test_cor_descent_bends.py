"""The same for gradient descent whose steps do not oscillate.

Statement: let d_1 > d_2 > 0 and step * d_1 < 1. If a student after m >= 1 steps, on a teacher
stopped after M >= 1 steps, has come as far along direction 1 as the labels' own descent after s
steps (a real number, on the interpolation 1 - (1 - step d)^s), then it has made strictly less along
direction 2. For 1 < step * d_1 < 2 this fails: step * d = (1.5, 1.2), M = 1, m = 2, s = 3. It fails
at step * d_1 = 1 as well, where nothing oscillates.

Saturated instances are skipped: those in which teacher or student run so long that less than 1e-100
of the way along direction 1 is left.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less
from tests.theorems.test_thm_student_bends import eigenvalues, empty_direction, equal_eigenvalues

mp = stopped_flows.mp
SATURATED = mp.mpf(10) ** -100


class Instance(NamedTuple):
    x: np.ndarray  # step * d_1, step * d_2
    step: float
    M: int
    m: int
    teacher: list  # progress along 1 and 2 after explicit steps, 120 digits
    student: list
    s: object  # 120 digits: steps of the labels' own descent with the student's progress along 1
    own: list  # progress of the labels' own descent there
    neighbours: list  # explicit progress along 2 after floor(s) and floor(s) + 1 steps


def draw(rng, i, *, d=eigenvalues):
    d = d(rng, i)
    share = [rng.uniform(0.01, 0.99), 10.0 ** rng.uniform(-4, -1), 0.999][i % 3 - (i % 7 == 0)]
    step = float(share / d[0])
    few = min(1 + 60 / share, 1e5)
    M, m = (int(v) for v in np.exp(rng.uniform(0, np.log(few), 2)))
    return run(rng, d, step, M, m)


def run(rng, d, step, M, m, s=None):
    """Measure teacher and student by explicit steps; `s` is given where no logarithm exists."""
    model = stopped_flows.Model(rng, d)
    fitted = stopped_flows.descent(model.K, model.labels, step, M)
    student = model.measured(stopped_flows.descent(model.K, fitted, step, m))
    teacher = model.measured(fitted)
    q = [1 - mp.mpf(step) * mp.mpf(float(v)) for v in d]
    x = step * d
    if s is None:
        if q[0] ** max(M, m) < SATURATED:
            return Instance(x, step, M, m, teacher, student, None, None, None)
        s = mp.log(1 - student[0]) / mp.log(q[0])
    whole = int(mp.floor(s))
    explicit = [
        model.measured(stopped_flows.descent(model.K, model.labels, step, k))
        for k in (whole, whole + 1)
    ]
    own = explicit[0] if s == whole else [1 - v**s for v in q]
    return Instance(x, step, M, m, teacher, student, s, own, [b[1] for b in explicit])


def bends(x, *, sign=1):
    if x.s is None:
        return None
    lag = sign * stopped_flows.lag(x.student[1], x.own[1])
    return both(
        equal(float(x.student[0] / x.own[0]), 1.0, tol=1e-14),
        less(stopped_flows.ROUNDING, lag, scale=1.0),
    )


def interpolates(x):
    """The progress after s steps lies between that after the whole steps around it."""
    low, high = x.neighbours
    return both(
        less(0.0, float(high / x.own[1] - 1), scale=1.0),
        less(-1e-100, float(1 - low / x.own[1]), scale=1.0),
    )


def library(x):
    d, step = x.x / x.step, x.step
    run = flow.descent_generations(d, step, [x.M, x.m])
    exact = np.array([stopped_flows.floats(b) for b in (x.teacher, x.student)])
    parts = [equal(run.filters / exact, np.ones((2, 2)), tol=1e-10)]
    parts.append(equal(run.oscillating, [False, False]))
    share = float(x.student[0] / x.teacher[0])
    if share < 1 - 1e-3 and x.teacher[0] < 1 - 1e-6:  # rounding s does not move the student much
        found = flow.student_steps_matching(d[0], step, x.M, float(x.s))
        parts.append(equal(found / x.m, 1.0, tol=1e-9))
    return both(*parts)


def statement(x):
    if x.s is None:
        return None
    return both(bends(x), interpolates(x), library(x))


def oscillating(rng, i):
    """Every second direction with 1 < step * d_2 < 1.5 is ahead; the book's example comes first."""
    d = np.array([1.5, 1.2 if i == 0 else rng.uniform(1.05, 1.45)])
    return run(rng, d, 1.0, 1, 2, s=3)


def finished_at_once(rng, i):
    """step * d_1 = 1: one step of the labels' own run, and of everybody, finishes direction 1."""
    d = np.array([1.0, rng.uniform(0.05, 0.95)])
    return run(rng, d, 1.0, *(int(v) for v in rng.integers(1, 20, 2)), s=1)


def swapped(rng, i):
    x = draw(rng, i)
    return run(rng, x.x[::-1] / x.step, x.step, x.M, x.m)


def equal_steps(x):
    """The mutant that compares after the student's own number of steps."""
    own = [1 - (1 - mp.mpf(float(v))) ** x.m for v in x.x]
    return equal(float(x.student[0] / own[0]), 1.0, tol=1e-6)


def few(**changes):
    """Draw 90 instances for a mutant; the others count as saturated."""
    skipped = Instance(np.ones(2), 1.0, 1, 1, None, None, None, None, None)
    return lambda rng, i: draw(rng, i, **changes) if i < 90 else skipped


RESULT = Result(
    label="cor-descent-bends",
    assumptions=(
        "d_1 > d_2 > 0 and step * d_1 < 1",
        "descent on ||f(X) - y||^2 / 2 from f = 0, whole numbers of steps >= 1",
        "equal progress along direction 1, on the interpolation of the labels' own descent",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the student has made more": Mutant(lambda x: bends(x, sign=-1)),
        "oscillating steps, step * d = (1.5, 1.2) and others": Mutant(bends, draw=oscillating),
        "step * d_1 = 1": Mutant(bends, draw=finished_at_once),
        "the stronger direction bends": Mutant(bends, draw=swapped),
        "equal eigenvalues": Mutant(bends, draw=few(d=equal_eigenvalues)),
        "d_2 = 0": Mutant(bends, draw=few(d=empty_direction)),
        "after equal numbers of steps the first directions agree": Mutant(equal_steps),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
