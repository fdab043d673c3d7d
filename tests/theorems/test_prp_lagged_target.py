"""Targets mixed with an earlier prediction: slower, and still the given labels in the end.

Statement: let y_t = alpha y + (1 - alpha) u_{t-L} with a constant alpha in (0, 1], u_{t-L} = u_0
for t < L, and u_{t+1} = u_t - eta H (u_t - y_t). On an eigenvector v of H with eigenvalue w,
0 < eta w <= 1, the error e_t = v . (u_t - y) obeys

    e_{t+1} = (1 - eta w) e_t + eta w (1 - alpha) e_{t-L}.

The largest |e| of the last L + 1 never rises, and after L + 1 more steps it is at most
1 - eta w alpha times what it was. So |e| <= (1 - eta w alpha)^k |e_0| on the whole window after k
blocks of L + 1 steps: the given labels, with what is wrong in them, are learned. On eigenvectors
with w = 0 nothing happens.

The run is a loop with dense matrices in 120-digit arithmetic. How it goes on is a power of the
non-negative matrix that moves the window, in which nothing cancels.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, self_labels
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray  # eigenvalues, descending
    Q: np.ndarray  # eigenvectors
    y: np.ndarray
    step: float
    alpha: float
    lag: int
    u: np.ndarray  # (blocks (L + 1) + 1, n)
    e: list  # errors along every eigenvector at every time, 120 digits


def weight(rng, i):
    return [rng.uniform(0.01, 1), 10.0 ** rng.uniform(-9, -2), 1.0][i // 5 % 3]


def speed(rng, i):
    return [rng.uniform(0.01, 1), 1.0, 10.0 ** rng.uniform(-6, -1)][i // 15 % 3]


def linear(u):
    return u


def draw(rng, i, *, weight=weight, speed=speed, target=linear, least=0):
    d, fast = refits.eigenvalues(rng, i), float(speed(rng, i))
    if fast == 1:  # powers of two, so that eta w is 1 exactly
        d = np.where(d > 0, 2.0 ** np.round(np.log2(np.maximum(d, 1e-9))), 0.0)
    Q = refits.mirror(rng, len(d))
    K = refits.gram(Q, d)
    y = Q * mp.matrix([mp.mpf(float(v)) for v in rng.choice([-1.0, 1.0, 0.3], len(d))])
    step, alpha = fast / float(d[0]), float(weight(rng, i))
    lag = max(i % 4 if i % 8 else 7, least)
    kept = [mp.zeros(len(d), 1)]
    for t in range(4 * (lag + 1)):
        aim = alpha * y + (1 - mp.mpf(alpha)) * target(kept[max(t - lag, 0)])
        kept.append(kept[-1] - mp.mpf(step) * (K * (kept[-1] - aim)))
    errors = [list(Q * (u - y)) for u in kept]
    u = np.array([stopped_flows.floats(u) for u in kept])
    Q = np.array(Q.tolist(), dtype=float)
    return Instance(d, Q, stopped_flows.floats(y), step, alpha, lag, u, errors)


def along(x):
    """Progress of a step and errors, eigenvector by eigenvector."""
    for j, d in enumerate(x.d):
        yield mp.mpf(x.step) * mp.mpf(float(d)), [e[j] for e in x.e]


def recursion(x, *, lag=None, sign=1, start=1, weight=lambda alpha: 1 - mp.mpf(alpha)):
    """`start` multiplies e_0 where the window reaches back before the start."""
    lag, parts = x.lag if lag is None else lag, [0.0]
    for rate, e in along(x):
        for t in range(len(e) - 1):
            old = e[t - lag] if t >= lag else start * e[0]
            right = (1 - rate) * e[t] + sign * rate * weight(x.alpha) * old
            parts.append(float((e[t + 1] - right) / max(abs(e[0]), mp.mpf("1e-60"))))
    return equal(parts, np.zeros(len(parts)), tol=1e-40, scale=1.0)


def windows(x, e):
    """Largest |e| of the last L + 1; before the start it is |e_0|."""
    return [max(abs(v) for v in e[max(t - x.lag, 0) : t + 1]) for t in range(len(e))]


def contracts(x, *, block=None, rate=lambda xi, alpha: xi * alpha):
    """From any t on, over one block; and over k blocks from the start."""
    block, parts = x.lag + 1 if block is None else block, [at_most(0.0, 1.0)]
    for xi, e in along(x):
        if xi == 0 or abs(e[0]) < 1e-60:
            continue
        W, left = windows(x, e), 1 - rate(xi, mp.mpf(x.alpha))
        excess = [float((W[t + block] - left * W[t]) / W[0]) for t in range(len(W) - block)]
        k = len(e) // block
        excess += [float((W[t + 1] - W[t]) / W[0]) for t in range(len(W) - 1)]
        excess += [float((W[b * block] - left**b * W[0]) / W[0]) for b in range(k)]
        parts.append(at_most(excess, 0.0, tol=1e-40, scale=1.0))
    return both(*parts)


def fast_contracts(x):
    """The mutant with eta w > 1, where the bound is at least a number in (0, 1)."""
    return contracts(x) if x.step * x.d[0] * x.alpha < 1 else None


def every_step(x):
    """The mutant that forgets the blocks."""
    parts = [at_most(0.0, 1.0)]
    for xi, e in along(x):
        left = 1 - xi * mp.mpf(x.alpha)
        excess = [float(abs(v) - left**t * abs(e[0])) for t, v in enumerate(e)]
        parts.append(at_most(excess, 0.0, tol=1e-40, scale=1.0))
    return both(*parts)


def ends_at_labels(x):
    """The run continued to where 1e-13 of the error may be left, on every eigenvector."""
    parts, L = [at_most(0.0, 1.0)], x.lag
    for xi, e in along(x):
        if xi == 0:
            parts.append(equal(float(e[-1] - e[0]), 0.0, tol=1e-60, scale=1.0))
            continue
        moves = np.eye(L + 1, k=-1)
        moves[0, 0] += float(1 - xi)
        moves[0, L] += float(xi * (1 - mp.mpf(x.alpha)))
        left = float(xi * mp.mpf(x.alpha))
        if 0 < left < 1e-13:  # beyond what a float of 1 - left can say
            continue
        blocks = 1 if left in (0, 1) else int(np.ceil(np.log(1e-13) / np.log1p(-left)))
        later = np.linalg.matrix_power(moves, blocks * (L + 1)) @ np.ones(L + 1)
        radius = np.abs(np.linalg.eigvals(moves)).max()
        parts.append(
            at_most([later.max(), radius ** (L + 1)], [1e-11, 1 - left], scale=1.0, tol=1e-9)
        )
    return both(*parts)


def nothing_left(x):
    """The mutant in which also directions with w = 0 are learned."""
    parts = [float(abs(e[-1]) - abs(e[0])) for xi, e in along(x) if xi == 0]
    return at_most(parts, -1e-3, scale=1.0) if parts else None


def library(x):
    path = self_labels.run(
        Spectrum(x.d, x.Q),
        x.y,
        np.full(len(x.u) - 1, x.alpha),
        step=x.step,
        target="soft",
        lag=x.lag,
    )
    return equal(path.predictions, x.u, tol=1e-12, scale=1.0)


def statement(x):
    return both(recursion(x), contracts(x), ends_at_labels(x), library(x))


def sign(u):
    return mp.matrix([mp.sign(v) for v in u])


def lagged(**changes):
    """Draw with a lag of at least one and the given changes."""
    return lambda rng, i: draw(rng, i, least=1, **changes)


RESULT = Result(
    label="prp-lagged-target",
    assumptions=(
        "H symmetric positive semidefinite, u_0 = 0",
        "y_t = alpha y + (1 - alpha) u_{t-L}, alpha constant in (0, 1], u_{t-L} = u_0 for t < L",
        "0 < eta w <= 1 on the eigenvector",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "a lag of L + 1": Mutant(lambda x: recursion(x, lag=x.lag + 1)),
        "sign of the lagged term": Mutant(lambda x: recursion(x, sign=-1)),
        "alpha on the prediction": Mutant(lambda x: recursion(x, weight=mp.mpf)),
        "the window before the start holds the labels": Mutant(lambda x: recursion(x, start=0)),
        "blocks of L steps": Mutant(lambda x: contracts(x, block=x.lag) if x.lag else None),
        "1 - eta w alpha in every step": Mutant(every_step),
        "1 - eta w in every block": Mutant(lambda x: contracts(x, rate=lambda xi, a: xi)),
        "1 - eta w (1 - alpha) in every block": Mutant(
            lambda x: contracts(x, rate=lambda xi, a: xi * (1 - a))
        ),
        "alpha = 0": Mutant(
            ends_at_labels, draw=lambda rng, i: draw(rng, i, weight=lambda rng, i: 0.0)
        ),
        "eta w > 1": Mutant(
            fast_contracts, draw=lagged(speed=lambda rng, i: rng.uniform(1.2, 1.99))
        ),
        "hard labels": Mutant(contracts, draw=lagged(target=sign)),
        "directions with w = 0 are learned": Mutant(nothing_left),
    },
    instances=225,
)
test_holds, test_mutants_fail = RESULT.tests()
