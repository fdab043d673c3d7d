"""Targets mixed with the current prediction itself: smaller steps, and nothing else.

Statement: let u_0 = 0, u_{t+1} = u_t - eta H (u_t - y_t) and y_t = alpha_t y + (1 - alpha_t) u_t,
with any weights alpha_t. Then u_t is plain descent on y with the steps alpha_t eta. Its filter
along an eigenvector with eigenvalue d is 1 - prod_{i < t} (1 - alpha_i eta d). A flow
u' = -H (u - target) with such targets is the flow on y, stopped at the total time, the integral of
alpha.

Targets are formed as they are written, in 120-digit arithmetic with dense matrices; flows are
exponentials of the matrix of their equation.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, self_labels
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray  # eigenvalues, descending
    Q: object  # eigenvectors, a symmetric mirror, 120 digits
    K: object
    y: object
    step: float
    weights: np.ndarray
    u: list  # u_0, u_1, ...
    flow: object  # at the end of a flow: the same weights, each for a time of its own
    lengths: np.ndarray  # these times


def weights(rng, i):
    """Draw weights: any in [0, 1], constant, geometric, with zeros and ones, or outside [0, 1]."""
    T = int(rng.integers(1, 16))
    return [
        rng.uniform(0, 1, T),
        np.full(T, rng.uniform(0, 1)),
        rng.uniform(0.3, 1) ** np.arange(T),
        rng.integers(0, 2, T).astype(float),
        rng.uniform(-1, 2, T),
    ][i // 5 % 5]


def steps(K, y, weights, step, target):
    """u_0, u_1, ... by the definition; `target` maps the predictions so far to h."""
    kept = [mp.zeros(K.rows, 1)]
    for alpha in weights:
        a = mp.mpf(float(alpha))
        aim = a * y + (1 - a) * target(kept)
        kept.append(kept[-1] - mp.mpf(step) * (K * (kept[-1] - aim)))
    return kept


def flow(K, y, weights, lengths):
    """End of the flow u' = -K u + K (alpha y + (1 - alpha) u), piece by piece."""
    n = K.rows
    end = mp.zeros(n + 1, 1)
    end[n] = 1
    for alpha, length in zip(weights, lengths, strict=True):
        a = mp.mpf(float(alpha))
        generator = mp.zeros(n + 1)
        generator[:n, :n] = -K + (1 - a) * K
        generator[:n, n] = a * (K * y)
        end = stopped_flows.exponential(generator * mp.mpf(float(length))) * end
    return end[:n]


def current(kept):
    return kept[-1]


def draw(rng, i, *, target=current):
    d = refits.eigenvalues(rng, i)
    step = float(rng.choice([rng.uniform(0.01, 1), 1.0, rng.uniform(1, 1.99)]) / d[0])
    alpha = weights(rng, i)
    Q = refits.mirror(rng, len(d))
    K = refits.gram(Q, d)
    y = Q * mp.matrix([mp.mpf(float(v)) for v in rng.choice([-1.0, 1.0], len(d))])
    lengths = step * 10.0 ** rng.uniform(-1, 1, min(len(alpha), 3))
    ends = flow(K, y, alpha[: len(lengths)], lengths) if target is current else None
    return Instance(d, Q, K, y, step, alpha, steps(K, y, alpha, step, target), ends, lengths)


def same(got, expected):
    """Coefficients agree relatively, up to 1e-40 of the labels."""
    parts = []
    for g, e in zip(got, expected, strict=True):
        size = max(abs(g), abs(e), mp.mpf("1e-40"))
        parts.append(float((g - e) / size))
    return equal(parts, np.zeros(len(parts)), tol=1e-25, scale=1.0)


def descent(x, *, factor=lambda a: a):
    """Plain descent on y, step by step, with steps factor(alpha) eta."""
    v, parts = mp.zeros(x.K.rows, 1), []
    for alpha, u in zip(x.weights, x.u[1:], strict=True):
        v = v - factor(mp.mpf(float(alpha))) * mp.mpf(x.step) * (x.K * (v - x.y))
        parts.append(same(x.Q * u, x.Q * v))
    return both(*parts)


def product(x, xi):
    return mp.fprod(1 - mp.mpf(float(a)) * xi for a in x.weights)


def power_of_mean(x, xi):
    return (1 - mp.mpf(float(x.weights.mean())) * xi) ** len(x.weights)


def total_time(x, xi):
    return mp.exp(-xi * mp.fsum(mp.mpf(float(a)) for a in x.weights))


def filtered(x, *, left=product):
    """The end of the run against the filter 1 - left."""
    z = x.Q * x.y
    xi = [mp.mpf(x.step) * mp.mpf(float(d)) for d in x.d]
    return same(x.Q * x.u[-1], [(1 - left(x, v)) * c for v, c in zip(xi, z, strict=True)])


def flows(x, *, weighted=True):
    """The flow with these targets is the labels' own, of the total time."""
    pieces = zip(x.weights, x.lengths, strict=False)
    total = mp.fsum(mp.mpf(float(a if weighted else 1)) * mp.mpf(float(t)) for a, t in pieces)
    z = x.Q * x.y
    by_filter = [-mp.expm1(-total * mp.mpf(float(d))) * c for d, c in zip(x.d, z, strict=True)]
    by_flow = stopped_flows.flow(x.K, x.y, total)
    return both(same(x.Q * x.flow, by_filter), same(x.Q * x.flow, list(x.Q * by_flow)))


def library(x):
    if x.weights.min() < 0 or x.weights.max() > 1:
        return equal(0.0, 0.0)
    y = stopped_flows.floats(x.y)
    spectrum = Spectrum(x.d, np.array(x.Q.tolist(), dtype=float))
    path = self_labels.run(spectrum, y, x.weights, step=x.step, target="soft")
    exact = np.array([stopped_flows.floats(u) for u in x.u])
    time = self_labels.effective_time(x.weights, x.step)
    return both(
        equal(path.predictions, exact, tol=1e-12, scale=1.0),
        equal(np.exp(-time * x.d[0]), float(total_time(x, mp.mpf(x.step * x.d[0]))), tol=1e-12),
    )


def statement(x):
    return both(descent(x), filtered(x), flows(x), library(x))


def sign(kept):
    return mp.matrix([mp.sign(v) for v in kept[-1]])


def previous(kept):
    return kept[max(len(kept) - 2, 0)]


RESULT = Result(
    label="prp-identity-target",
    assumptions=(
        "H symmetric positive semidefinite, u_0 = 0",
        "h(u) = u at the current prediction, not differentiated through",
        "any weights and steps",
        "only the total time counts: a flow",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the weights change nothing": Mutant(lambda x: descent(x, factor=lambda a: 1)),
        "steps (1 - alpha) eta": Mutant(lambda x: descent(x, factor=lambda a: 1 - a)),
        "steps alpha^2 eta": Mutant(lambda x: descent(x, factor=lambda a: a**2)),
        "filter with the mean weight": Mutant(lambda x: filtered(x, left=power_of_mean)),
        "descent: only the total time counts": Mutant(lambda x: filtered(x, left=total_time)),
        "flow: the time without the weights": Mutant(lambda x: flows(x, weighted=False)),
        "the prediction before the last one": Mutant(
            descent, draw=lambda rng, i: draw(rng, i, target=previous)
        ),
        "hard labels": Mutant(descent, draw=lambda rng, i: draw(rng, i, target=sign)),
    },
    instances=225,
)
test_holds, test_mutants_fail = RESULT.tests()
