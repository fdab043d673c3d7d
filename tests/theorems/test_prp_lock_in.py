"""Without given labels every sign pattern is a fixed point, and holds what comes near.

Statement: let H be positive semidefinite, alpha_t = 0, h = sign. (a) For every s in {+-1}^n and
every step, u = s is a fixed point. (b) Let eta w_1 <= 1. If ||u_T - s|| < 1, then sign(u_t) = s for
all t >= T, ||u_t - s|| does not increase, and u_t tends to s plus the part of u_T - s outside the
range of H; to s, if u_T - s lies in the range. (c) If H is constant on clusters and u_0 = 0, then
u_t is constant on clusters whatever labels and weights are, so only such patterns are reached.

The loops are dense; the eigenvectors are those H is built from.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems import spectral_problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

STEPS = 60


class Instance(NamedTuple):
    Q: np.ndarray  # eigenvectors
    d: np.ndarray
    step: float
    s: np.ndarray  # pattern
    clean: np.ndarray  # which pattern is right: of no consequence
    u: np.ndarray  # (STEPS + 1, n), from u_T
    points: noisy.Points  # some clusters
    v: np.ndarray  # a run on them from 0, (STEPS + 1, n')

    @property
    def H(self):
        return (self.Q * self.d) @ self.Q.T


def run(H, s, step, start, *, alpha=0.0, target=np.sign, steps=STEPS):
    """Run on the pattern; the given labels are those of the opposite pattern."""
    return noisy.run(H, -s, np.full(steps, alpha), step, target=target, start=start)


def slow_mean(n, rng):
    """Orthonormal vectors, the last one spread over all points and close to none."""
    v = np.ones(n) + 0.1 * rng.standard_normal(n)
    return np.linalg.qr(np.column_stack([v, rng.standard_normal((n, n - 1))]))[0][:, ::-1]


def patterned(rng, i):
    """Draw eigenvectors, eigenvalues and a pattern."""
    n = 1 if i % 23 == 0 else int(rng.integers(2, 14))
    Q = slow_mean(n, rng) if i % 4 == 1 else spectral_problems.orthonormal(rng, n, n)
    d = spectral_problems.eigenvalues(rng, i // 4, n)
    if i % 4 == 1 and n > 1:  # all but the last direction vanish in one step
        d = np.where(np.arange(n) == n - 1, 1e-3, 1.0)
    return Q, d * 10.0 ** rng.uniform(-3, 3), rng.choice([-1.0, 1.0], n)


def draw(rng, i, *, radius=1.0, norm=np.linalg.norm, fastest=1.0, in_range=False, **other):
    Q, d, s = patterned(rng, i)
    away = rng.standard_normal(len(d))
    if i % 3 == 0:
        away = -s * np.abs(away)  # towards the other sign everywhere
    if i % 5 == 0:
        away *= np.arange(len(d)) == 0  # all of it on one point
    if i % 2 or in_range:
        away = Q @ ((Q.T @ away) * (d > 0))
    size = radius * (1 - 10.0 ** rng.uniform(-9, -1))
    start = s + size * away / (norm(away) or 1.0)
    step = fastest * (1 if i % 2 == 0 else rng.uniform(0.05, 1)) / d.max()
    u = run((Q * d) @ Q.T, s, step, start, **other)
    clusters = noisy.clusters(rng, i, condition=100, kinds=("random", "wide", "one point"))
    p = noisy.points(rng, clusters)
    weights, labels = rng.uniform(0, 1, STEPS), rng.standard_normal(len(p.y))
    v = noisy.run(p.H, labels, weights, clusters.step)
    return Instance(Q, d, step, s, rng.choice([-1.0, 1.0], len(s)), u, p, v)


def fixed(x, *, only_clean=False, alpha=0.0, target=np.sign):
    """Any step will do: here eta w_1 = 7."""
    moved = run(x.H, x.s, 7 / x.d.max(), x.s, steps=1, alpha=alpha, target=target)[-1] - x.s
    if only_clean and (x.s != x.clean).any():
        return less(1e-12, np.abs(moved).max(), scale=1.0)
    return equal(moved, 0 * moved, tol=1e-12, scale=1.0)


def held(x):
    far = np.linalg.norm(x.u - x.s, axis=1)
    return both(
        less(0.0, (x.s * x.u).min(), scale=1.0), at_most(far[1:], far[:-1], tol=1e-11, scale=1.0)
    )


def ends(x, *, clean=False, all_the_way=False):
    """The distance along every eigenvector falls as (1 - eta d)^k: to 0, or not at all."""
    end = x.clean if clean else x.s
    rate = x.step * x.d
    left = (x.u[0] - x.s) @ x.Q
    k = np.arange(len(x.u))[:, None]
    most = np.abs(left) * np.abs(1 - rate) ** k
    if all_the_way:  # zero eigenvalues as fast as the slowest of the others
        slowest = np.abs(1 - rate[x.d > 0].min()) ** k
        most = np.where(x.d > 0, most, np.abs(left) * slowest)
    return at_most(np.abs((x.u - end) @ x.Q), most, tol=1e-11, scale=1.0)


def stays_outside(x):
    """The part outside the range is that of the start."""
    part = ((x.u - x.u[0]) @ x.Q)[:, x.d == 0]
    return equal(np.abs(part).max(initial=0.0), 0.0, tol=1e-11, scale=1.0)


def constant_on_clusters(x, *, H=None):
    """In every step; `H` of other points refutes it."""
    p, v = x.points, x.v
    if H is not None:
        v = noisy.run(H(p), p.y, np.full(20, 0.3), 1 / np.trace(H(p)))
    first = np.unique(p.cluster, return_index=True)[1]
    apart = np.abs(v - v[:, first][:, p.cluster]).max()
    return equal(apart, 0.0, tol=1e-10, scale=max(1.0, np.abs(v).max()))


def library(x):
    """From a start in the range, as the library wants it: elsewhere it refuses."""
    inside = x.d > 0
    start = x.Q[:, inside] @ (x.Q[:, inside].T @ x.u[0])
    if np.linalg.norm(start - x.u[0]) > 1e-10:
        return equal(0.0, 0.0)
    path = self_labels.run(x.H, -x.s, np.zeros(STEPS), step=x.step, start=x.u[0])
    return equal(path.predictions, x.u, tol=1e-9, scale=1.0)


def statement(x):
    return both(fixed(x), held(x), ends(x), stays_outside(x), constant_on_clusters(x), library(x))


def with_some_of_each(p):
    """Full rank: every point is a little different."""
    return p.H + np.diag(np.linspace(0.1, 1, len(p.y))) * np.trace(p.H) / len(p.y)


def max_norm(v):
    return np.abs(v).max()


RESULT = Result(
    label="prp-lock-in",
    assumptions=(
        "H positive semidefinite",
        "alpha_t = 0, h = sign of the current prediction",
        "fixed point: any s in {+-1}^n, any step",
        "held: eta w_1 <= 1, ||u_T - s|| < 1",
        "to s: u_T - s in the range of H",
        "constant on clusters: exact clusters, u_0 = 0, any labels and weights",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "only the clean labels are fixed": Mutant(lambda x: fixed(x, only_clean=True)),
        "fixed with 0.1 on other labels": Mutant(lambda x: fixed(x, alpha=0.1)),
        "fixed for tanh": Mutant(lambda x: fixed(x, target=np.tanh)),
        "radius 1.2": Mutant(held, draw=lambda rng, i: draw(rng, i, radius=1.2)),
        "every coordinate closer than 1": Mutant(
            held, draw=lambda rng, i: draw(rng, i, norm=max_norm)
        ),
        "held with 0.1 on other labels": Mutant(
            held, draw=lambda rng, i: draw(rng, i, alpha=0.1)
        ),
        "held with the identity for sign": Mutant(
            ends, draw=lambda rng, i: draw(rng, i, target=lambda u: u)
        ),
        "a step above 2/w_1": Mutant(held, draw=lambda rng, i: draw(rng, i, fastest=2.2)),
        "it ends at the clean labels": Mutant(lambda x: ends(x, clean=True)),
        "to s from outside the range as well": Mutant(lambda x: ends(x, all_the_way=True)),
        "constant on clusters at full rank": Mutant(
            lambda x: constant_on_clusters(x, H=with_some_of_each)
        ),
    },
    instances=240,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
