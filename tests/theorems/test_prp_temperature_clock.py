"""Temperature sets the clock of a student that has one logit a point.

Statement: let s(u) = 1/(1 + exp(-u)), T > 0, M > 0, and let the logit m follow
dm/dt = T (s(M/T) - s(m/T)) from m = 0, for two classes the gradient flow of T^2 times the
cross-entropy at temperature T. Then (1) m at temperature T is T times the solution for the teacher
M/T at temperature 1; (2) it reaches a level 0 <= m < M at the time
(1 + 1/E) (v + (1 + E) log((E - 1)/(E - exp(v)))) with E = exp(M/T), v = m/T; (3) for two teachers
M < M' trained for one finite time t > 0 the students differ, m < m', but by less: m' - m < M' - M.

The equation is compared with the derivative of the loss by a complex step. The times of (2) come
from quadrature of dt = dm / (dm/dt); (1) and (3) from a general solver for differential equations,
at temperature T. Part (3) is left out of instances in which the students have arrived.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.special import expit

from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    M: np.ndarray  # two teachers, the smaller first
    T: float
    time: float
    share: float  # of M[0]: the level of part 2
    start: float  # 0; elsewhere in a mutant


def draw(rng, i, *, start=0.0):
    T = float(10 ** rng.uniform(-0.5, 1.5))
    first = float(T * 10 ** rng.uniform(-2, 1))  # M/T from 0.01 to 10
    gap = float(first * 10 ** rng.uniform(-2, 1)) if i % 4 else 0.01 * first
    time = float(10 ** rng.uniform(-1, 2 if i % 3 else 3))
    share = 0.0 if i % 20 == 7 else float(rng.uniform(0.05, 0.99))
    return Instance(np.array([first, first + gap]), T, time, share, start)


def slope(m, M, T):
    """dm/dt, without cancellation near the teacher: s(a) - s(b) = s(a) s(-b) (1 - exp(b - a))."""
    return T * expit(M / T) * expit(-m / T) * -np.expm1((m - M) / T)


def loss(m, M, T, *, power=2):
    """T^2 times the cross-entropy at temperature T, also for complex m."""
    p = expit(M / T)
    return T**power * (p * np.log1p(np.exp(-m / T)) + (1 - p) * np.log1p(np.exp(m / T)))


def downhill(x, *, power=2):
    """The equation is the gradient flow of the loss."""
    M, m = x.M, np.array([x.share, x.share / 2]) * x.M
    h = 1e-30
    gradient = loss(m + 1j * h, M, x.T, power=power).imag / h
    return equal(slope(m, M, x.T), -gradient, tol=1e-12, scale=x.T)


def run(x, M, T):
    """The students of the teachers M at temperature T, after x.time."""
    found = solve_ivp(
        lambda _, m: slope(m, M, T), (0, x.time), np.full(len(M), x.start), method="LSODA",
        rtol=1e-11, atol=1e-12 * T,
    )  # fmt: skip
    return found.y[:, -1]


def scaling(x, *, factor=None):
    factor = x.T if factor is None else factor
    return equal(run(x, x.M, x.T), factor * run(x, x.M / x.T, 1.0), tol=1e-7)


def formula(V, v, *, first=None):
    E = np.exp(V)
    first = 1 + 1 / E if first is None else first
    return first * (v + (1 + E) * np.log(np.expm1(V) / (E * -np.expm1(v - V))))


def times(x, *, predicted=formula, T=None):
    M, level = float(x.M[0]), float(x.share * x.M[0])
    measured = quad(lambda m: 1 / slope(m, M, x.T), 0, level, epsabs=0, epsrel=1e-11, limit=200)[0]
    T = x.T if T is None else T
    return equal(predicted(M / T, level / T), measured, tol=1e-8, scale=measured or 1.0)


def spread(x, *, sign=1):
    apart, M = np.ptp(run(x, x.M, x.T)), np.ptp(x.M)
    if x.start == 0 and (M - apart < 1e-7 * M or apart < 1e-7 * M):
        return None
    return both(less(0.0, apart, scale=M), less(sign * apart, sign * M, scale=M))


def statement(x):
    parts = downhill(x), scaling(x), times(x), spread(x)
    return both(*(part for part in parts if part is not None))


def behind(rng, i):
    """Start far on the wrong side."""
    x = draw(rng, i)
    return x._replace(start=-8 * x.T, time=10.0, M=x.T * np.array([1.0, 1.1]))


RESULT = Result(
    label="prp-temperature-clock",
    assumptions=(
        "one logit m for this point, not shared with others",
        "two classes, not clipped; loss T^2 times the cross-entropy at temperature T",
        "gradient flow from m = 0",
        "T > 0 and M > 0 finite",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "loss T times the cross-entropy": Mutant(lambda x: downhill(x, power=1)),
        "loss without a factor": Mutant(lambda x: downhill(x, power=0)),
        "logits not multiplied by T": Mutant(lambda x: scaling(x, factor=1.0)),
        "logits multiplied by T^2": Mutant(lambda x: scaling(x, factor=x.T**2)),
        "time of temperature 1": Mutant(lambda x: times(x, T=1.0)),
        "time multiplied by T": Mutant(
            lambda x: times(x, predicted=lambda V, v: x.T * formula(V, v))
        ),
        "factor 1 + 1/E lost": Mutant(
            lambda x: times(x, predicted=lambda V, v: formula(V, v, first=1.0))
        ),
        "saturated clock only": Mutant(
            lambda x: times(x, predicted=lambda V, v: np.exp(V) * -np.log(-np.expm1(v - V)))
        ),
        "students further apart than teachers": Mutant(lambda x: spread(x, sign=-1)),
        "start on the wrong side": Mutant(spread, draw=behind),
    },
    instances=260,
)
test_holds, test_mutants_fail = RESULT.tests()
