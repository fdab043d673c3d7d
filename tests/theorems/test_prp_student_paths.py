"""Closed forms of teacher and student in the weights of a linear model.

Statement: let X (n, p) have an invertible X X^T and A(t) = I - exp(-t X X^T). The flow
b' = -X^T (X b - t) from b = 0 on the labels y has at time T the weights
X^T (X X^T)^-1 A(T) y; on the fitted values of that teacher it has at time t the weights
X^T (X X^T)^-1 A(t) A(T) y.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray
    X: object  # mp.matrix (n, p)
    y: object  # mp.matrix (n, 1)
    times: tuple
    spectrum: Spectrum
    teacher: object  # weights, from the differential equation in R^p
    student: object
    progress: tuple  # I - exp(-time X X^T), 120 digits, for both times


def progress(K, time):
    """I - exp(-time K)."""
    return mp.eye(K.rows) - stopped_flows.exponential(-K * mp.mpf(time))


def weights(X, targets, time, start=None):
    """Run b' = -X^T (X b - targets) by one exponential in the space of the weights."""
    p = X.cols
    generator = mp.zeros(p + 1)
    generator[:p, :p], generator[:p, p] = -X.T * X, X.T * targets
    end = stopped_flows.exponential(generator * mp.mpf(time))
    begin = mp.zeros(p, 1) if start is None else start
    return end[:p, :p] * begin + end[:p, p]


def eigenvalues(rng, i):
    d = refits.eigenvalues(rng, i)
    return d[d > 0]  # X X^T is invertible


def draw(rng, i, *, start=False):
    d = eigenvalues(rng, i)
    n, p = len(d), len(d) + i % 3
    U, V = refits.mirror(rng, n), refits.mirror(rng, p)[:, :n]
    X = U * mp.diag([mp.sqrt(mp.mpf(float(v))) for v in d]) * V.T
    y = mp.matrix([mp.mpf(float(v)) for v in rng.standard_normal(n)])
    T, t = (stopped_flows.time_near(rng, d) for _ in range(2))
    begin = mp.matrix([mp.mpf(float(v)) for v in rng.standard_normal(p)]) if start else None
    teacher = weights(X, y, T, begin)
    student = weights(X, X * teacher, t, begin)
    spectrum = Spectrum(d, matrix(U), matrix(V))
    reached = tuple(progress(X * X.T, time) for time in (T, t))
    return Instance(d, X, y, (T, t), spectrum, teacher, student, reached)


def matrix(M):
    return np.array([[float(M[a, b]) for b in range(M.cols)] for a in range(M.rows)])


def check(x, *, factor=1, inverse=True, exchanged=False, together=False):
    """Compare the closed forms, in 120 digits, with the two runs."""
    K = x.X * x.X.T
    if factor == 1:
        teacher, student = x.progress[::-1] if exchanged else x.progress
    else:
        teacher, student = (progress(K, factor * mp.mpf(time)) for time in x.times)

    def closed(values):
        return x.X.T * (mp.lu_solve(K, values) if inverse else values)

    values = progress(K, mp.fsum(x.times)) * x.y if together else student * teacher * x.y
    parts = []
    for got, wanted in ((closed(teacher * x.y), x.teacher), (closed(values), x.student)):
        scale = mp.norm(wanted) or mp.mpf(1)
        parts.append(equal(float(mp.norm(got - wanted) / scale), 0.0, tol=1e-30, scale=1.0))
    return both(*parts)


def library(x):
    b = flow.generations(x.d, x.times)
    got = x.spectrum.weights(b, stopped_flows.floats(x.y))
    wanted = np.array([stopped_flows.floats(v) for v in (x.teacher, x.student)])
    sizes = np.linalg.norm(wanted, axis=1, keepdims=True)
    return equal(got / sizes, wanted / sizes, tol=1e-12)


def statement(x):
    return both(check(x), library(x))


RESULT = Result(
    label="prp-student-paths",
    assumptions=(
        "X X^T invertible",
        "flow of ||X b - t||^2 / 2, without 1/n, from b = 0",
        "the student is given the fitted values of the teacher",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "times doubled (no 1/2 in the loss)": Mutant(lambda x: check(x, factor=2)),
        "loss divided by n": Mutant(lambda x: check(x, factor=1 / mp.mpf(x.X.rows))),
        "no inverse of X X^T": Mutant(lambda x: check(x, inverse=False)),
        "student: times add up": Mutant(lambda x: check(x, together=True)),
        "teacher and student times exchanged": Mutant(lambda x: check(x, exchanged=True)),
        "start not at zero": Mutant(check, draw=lambda r, i: draw(r, i, start=True)),
    },
    instances=200,
)
test_holds, test_mutants_fail = RESULT.tests()
