"""At equal progress along the stronger direction, a student has made less along the weaker one.

Statement: let d_1 > d_2 > 0, A_k(t) = 1 - exp(-t d_k), and let a teacher stop at a finite T > 0. If
at finite times t, s > 0 a student has come as far along direction 1 as the labels' own flow,
A_1(s) A_1(T) = A_1(t), then A_2(s) A_2(T) < A_2(t). Equivalently, psi(p) = 1 - (1 - p)^(d_2/d_1)
satisfies psi(p p') > psi(p) psi(p') for 0 < p, p' < 1.

Saturated instances are skipped: those in which teacher or student run so long that less than 1e-100
of the way along direction 1 is left.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp
SATURATED = 100 * np.log(10)  # d_1 times a time after which less than 1e-100 is left


class Instance(NamedTuple):
    d: np.ndarray  # d_1, d_2
    T: float
    student_time: float
    teacher: list  # progress at T, 120 digits
    student: list  # progress of the student
    time: object  # 120 digits: when the labels' own flow has the student's progress along 1
    matched: list  # its progress there


def eigenvalues(rng, i):
    low = 10.0 ** rng.uniform(-6, 6)
    ratio = [10.0 ** rng.uniform(0, 2), 10.0 ** rng.uniform(2, 12), 1 + 10.0 ** rng.uniform(-6, -1)]
    return np.array([low * ratio[i % 3], low])


def draw(rng, i, *, d=eigenvalues, endless=None):
    d = d(rng, i)
    model = stopped_flows.Model(rng, d)
    T, s = 10.0 ** rng.uniform(-3, 2.4, 2) / stopped_flows.scale(d, i)
    if endless == "teacher":
        T = 300 / d[-1]
    if endless == "student":
        s = 300 / d[-1]

    def run(targets, time):
        values = stopped_flows.flow(model.K, targets, time)
        return values, model.measured(values)

    fitted, teacher = run(model.labels, T)
    _, student = run(fitted, s)
    ends = [time for name, time in (("teacher", T), ("student", s)) if name != endless]
    if d[0] * max(ends) > SATURATED:
        return Instance(d, T, s, teacher, student, None, None)
    time = -mp.log(1 - student[0]) / mp.mpf(float(d[0]))
    return Instance(d, T, s, teacher, student, time, run(model.labels, time)[1])


def bends(x, *, sign=1):
    if x.time is None:
        return None
    matched = equal(float(x.student[0] / x.matched[0]), 1.0, tol=1e-15)
    lag = sign * stopped_flows.lag(x.student[1], x.matched[1])
    return both(matched, less(stopped_flows.ROUNDING, lag, scale=1.0))


def inequality(x, *, q=None):
    """Of psi, at the two progresses along direction 1."""
    if x.time is None:
        return None
    a = mp.mpf(x.T) * mp.mpf(float(x.d[0]))
    b = mp.mpf(x.student_time) * mp.mpf(float(x.d[0]))
    p, p2 = -mp.expm1(-a), -mp.expm1(-b)
    exponent = mp.mpf(float(x.d[1])) / mp.mpf(float(x.d[0])) if q is None else q

    def psi(p):
        return 1 - (1 - p) ** exponent

    lag = stopped_flows.lag(psi(p) * psi(p2), psi(p * p2))
    return less(stopped_flows.ROUNDING, lag, scale=1.0)


def at_equal_time(x):
    """The mutant that compares at the student's own time: there the first direction is behind."""
    own = -mp.expm1(-mp.mpf(x.student_time) * mp.mpf(float(x.d[0])))
    return equal(float(x.student[0] / own), 1.0, tol=1e-6)


def library(x):
    """The matched pair of times, where rounding the progress does not move them much."""
    if x.teacher[0] - x.student[0] < 1e-3 * x.teacher[0] or x.teacher[0] > 1 - 1e-6:
        return equal(0.0, 0.0)
    found = flow.student_time_matching(x.d[0], x.T, float(x.time))
    curve = flow.second_progress(float(x.matched[0]), x.d[0] / x.d[1])
    return both(
        equal(found / x.student_time, 1.0, tol=1e-11),
        equal(curve / float(x.matched[1]), 1.0, tol=1e-8),
    )


def statement(x):
    if x.time is None:
        return None
    return both(bends(x), inequality(x), library(x))


def equal_eigenvalues(rng, i):
    return np.repeat(10.0 ** rng.uniform(-6, 6), 2)


def empty_direction(rng, i):
    return np.array([10.0 ** rng.uniform(-6, 6), 0.0])


RESULT = Result(
    label="thm-student-bends",
    assumptions=(
        "d_1 > d_2 > 0",
        "flow of ||f(X) - y||^2 / 2 from f = 0, without oscillation",
        "teacher and student stop at finite times > 0",
        "equal progress along direction 1",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the student has made more": Mutant(lambda x: bends(x, sign=-1)),
        "the stronger direction bends": Mutant(
            bends, draw=lambda r, i: draw(r, i, d=lambda r, i: eigenvalues(r, i)[::-1])
        ),
        "equal eigenvalues": Mutant(bends, draw=lambda r, i: draw(r, i, d=equal_eigenvalues)),
        "d_2 = 0": Mutant(bends, draw=lambda r, i: draw(r, i, d=empty_direction)),
        "a teacher that never stops": Mutant(
            bends, draw=lambda r, i: draw(r, i, endless="teacher")
        ),
        "a student that never stops": Mutant(
            bends, draw=lambda r, i: draw(r, i, endless="student")
        ),
        "at equal time the first directions agree": Mutant(at_equal_time),
        "psi with the exponent 1": Mutant(lambda x: inequality(x, q=mp.mpf(1))),
        "psi with the exponent 1.5": Mutant(lambda x: inequality(x, q=mp.mpf("1.5"))),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
