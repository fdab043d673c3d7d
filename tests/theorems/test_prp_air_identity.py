"""What plain descent leaves of the labels, direction by direction.

Statement: let H = sum_j w_j v_j v_j^T be positive semidefinite, u_0 = 0 and
u_{t+1} = u_t - eta H (u_t - y). Then ||u_t - y||^2 = sum_j (1 - eta w_j)^(2t) (v_j . y)^2 for every
eta and t. If eta w_1 < 2, w_1 the largest, it never rises, and it falls from t to t + 1 as long as
anything of u_t - y is left along some v_j with w_j > 0.

The descent is a power of a dense affine map in 120-digit arithmetic; nothing is decomposed.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import retrieval
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp
LEAST = 1e-60  # of ||y||^2: what is smaller is not compared


class Instance(NamedTuple):
    w: np.ndarray  # eigenvalues, descending
    z: np.ndarray  # v_j . y
    step: float
    times: list  # pairs t, t + 1 follow one another
    left: list  # ||u_t - y||^2, 120 digits


def speed(rng, i):
    """Draw eta w_1: small, at most 1, exactly 1, below 2, nearly 2, above 2."""
    return [
        10.0 ** rng.uniform(-6, -1),
        rng.uniform(0.1, 1),
        1.0,
        rng.uniform(1, 2),
        2 - 10.0 ** rng.uniform(-9, -1),
        rng.uniform(2.01, 3),
    ][i % 6]


def length2(v):
    return sum(entry**2 for entry in v)


def draw(rng, i, *, speed=speed, start=None):
    w = refits.eigenvalues(rng, i)
    if i % 4 == 0:
        w = 2.0 ** np.round(np.log2(np.maximum(w, 1e-9)))  # so that 1 / w_1 is exact
    z = rng.choice([-1.0, 1.0], len(w)) * 10.0 ** rng.uniform(-2, 2, len(w))
    if i % 3 == 0 and len(w) > 1:
        z[rng.integers(len(w))] = 0.0
    step = float(speed(rng, i) / w[0])
    Q = refits.mirror(rng, len(w))
    H, y = refits.gram(Q, w), Q * mp.matrix([mp.mpf(float(v)) for v in z])
    first = [0, 1, 2, int(rng.integers(3, 40)), int(10.0 ** rng.uniform(2, 6))]
    times, left = [], []
    for t in first:
        u = stopped_flows.descent(H, y, step, t, start=None if start is None else start * y)
        later = u - mp.mpf(step) * (H * (u - y))
        times += [t, t + 1]
        left += [length2(y - u), length2(y - later)]
    return Instance(w, z, step, times, left)


def claimed(x, t, *, times=2, only=None, square=2):
    """The right-hand side, in 120 digits."""
    keep = range(len(x.w)) if only is None else np.flatnonzero(only)
    w, z = ([mp.mpf(float(v)) for v in vector] for vector in (x.w, x.z))
    return sum((1 - x.step * w[j]) ** (times * t) * abs(z[j]) ** square for j in keep)


def total(x):
    return float((x.z**2).sum())


def identity(x, *, late=0, **wrong):
    errors = []
    for t, left in zip(x.times, x.left, strict=True):
        right = claimed(x, t + late, **wrong)
        errors.append(float((left - right) / max(abs(left), abs(right), mp.mpf(LEAST * total(x)))))
    return equal(errors, np.zeros(len(errors)), tol=1e-20, scale=1.0)


def never_rises(x, *, from_start=False):
    """Falls, unless there is nothing left to fall; unstable runs are left out."""
    parts = [equal(0.0, 0.0)]
    for t, before, after in zip(x.times[::2], x.left[::2], x.left[1::2], strict=True):
        left = claimed(x, 0 if from_start else t, only=x.w > 0)
        gap = float((before - after) / total(x))
        if left == 0:
            parts.append(equal(gap, 0.0, tol=1e-100, scale=1.0))
        elif from_start or left > LEAST * total(x):
            parts.append(less(0.0 if from_start else 1e-100, gap, scale=1.0))
    return both(*parts)


def stable(x):
    return x.step * x.w[0] < 2


def library(x):
    """Twice: directions with w_j = 0 among the others, or as energy outside of the range."""
    times = [t for t in x.times if t < 50]
    right = np.array([float(left) for left in x.left[: len(times)]])
    got = retrieval.residual_path(x.w, x.z**2, step=x.step, steps=times)
    inside = retrieval.residual_path(
        x.w[x.w > 0],
        x.z[x.w > 0] ** 2,
        step=x.step,
        steps=times,
        outside=(x.z[x.w == 0] ** 2).sum(),
    )
    scale = np.maximum(right, total(x))
    return both(*[equal(g / scale, right / scale, tol=1e-12, scale=1.0) for g in (got, inside)])


def statement(x):
    parts = [never_rises(x)] if stable(x) else []
    return both(identity(x), library(x), *parts)


def fast(rng, i):
    return rng.uniform(2.01, 3)


RESULT = Result(
    label="prp-air-identity",
    assumptions=(
        "H symmetric positive semidefinite, fixed",
        "u_0 = 0; every step eta and every t",
        "for the decrease: eta w_1 < 2",
        "for the strict decrease: u_t - y has a part along some v_j with w_j > 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "a start that is not 0": Mutant(
            identity, draw=lambda rng, i: draw(rng, i, start=mp.mpf(1) / 2)
        ),
        "power t instead of 2t": Mutant(lambda x: identity(x, times=1)),
        "one step late": Mutant(lambda x: identity(x, late=1)),
        "labels not squared": Mutant(lambda x: identity(x, square=1)),
        "directions with w_j = 0 forgotten": Mutant(lambda x: identity(x, only=x.w > 0)),
        "eta w_1 > 2: it still never rises": Mutant(
            never_rises, draw=lambda rng, i: draw(rng, i, speed=fast)
        ),
        "strictly at every t if the labels have a part with w_j > 0": Mutant(
            lambda x: never_rises(x, from_start=True) if stable(x) else None
        ),
        "directions with w_j = 0 are fitted in the end": Mutant(
            lambda x: (
                equal(float(x.left[-1] / total(x)), 0.0, tol=0.5, scale=1.0)
                if x.step * x.w[0] == 1 and np.all(x.w[:-1] == x.w[0])
                else None
            )
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
