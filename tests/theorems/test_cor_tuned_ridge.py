"""At a ridge where the risk is stationary, one refit with that ridge raises the risk."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import risk
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    d: np.ndarray
    teacher: float  # risk of the teacher
    student: float  # risk of the student
    best: float  # the tuned ridge, in units of the largest eigenvalue
    xi: float  # 1 - alpha, the weight on the teacher
    a: np.ndarray  # filter of the teacher
    power: np.ndarray  # theta^2 + sigma^2


def dense_risk(M, truth, sigma):
    return ((M @ truth - truth) ** 2).sum() + sigma**2 * (M**2).sum()


def draw(rng, i, *, detune=1.0, student=1.0, pure=False):
    n = 1 if i % 5 == 4 else int(rng.integers(2, 12))
    d = refits.eigenvalues(rng, i, n)
    sigma = 10.0 ** rng.uniform(-1, 1)
    theta = sigma * np.sqrt(d / d.max()) ** rng.uniform(0, 3) * 3 * rng.standard_normal(n)
    best = risk.tuned_refits(d, theta, sigma).lam
    xi = 1.0 if pure else float(rng.choice([-1, 1]) * rng.uniform(0.1, 3))
    Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    K = (Q * d) @ Q.T
    S, again = (np.linalg.solve(K + f * best * np.eye(n), K) for f in (detune, detune * student))
    mixed = again @ ((1 - xi) * np.eye(n) + xi * S)
    return Instance(
        d=d,
        teacher=dense_risk(S, Q @ theta, sigma),
        student=dense_risk(mixed, Q @ theta, sigma),
        best=best / d.max(),
        xi=xi,
        a=d / (d + detune * best),
        power=theta**2 + sigma**2,
    )


def check(x, *, sign=1, exponent=2, slope=lambda a: a * (1 - a)):
    if not 1e-6 < x.best < 1e6:
        return None  # hardly any shrinkage, or nothing but noise: no turning point in reach
    V = (slope(x.a) ** 2 * x.power).sum()
    return both(
        less(0.0, sign * (x.student / x.teacher - 1), scale=1.0),
        equal(x.student, x.teacher + x.xi**exponent * V, tol=1e-6, scale=x.teacher),
    )


RESULT = Result(
    label="cor-tuned-ridge",
    assumptions=(
        "the model of the risk formula: fixed inputs, uncorrelated noise of variance sigma^2 > 0",
        "R'(lam) = 0 for the ridge of teacher and student, and R(lam) > 0",
        "any weight 1 - alpha != 0 on the teacher",
        "K not 0",
    ),
    draw=draw,
    statement=check,
    instances=400,
    mutants={
        "the student is better": Mutant(lambda x: check(x, sign=-1)),
        "xi in place of xi^2": Mutant(lambda x: check(x, exponent=1)),
        "a (1 - a) in place of its square": Mutant(
            lambda x: check(x, slope=lambda a: np.sqrt(a * (1 - a)))
        ),
        "a ridge three times too small": Mutant(
            draw=lambda r, i: draw(r, i, detune=1 / 3, pure=True)
        ),
        "a ridge three times too large": Mutant(draw=lambda r, i: draw(r, i, detune=3.0)),
        "a student with a smaller ridge": Mutant(
            draw=lambda r, i: draw(r, i, detune=1.0, student=0.3, pure=True)
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
