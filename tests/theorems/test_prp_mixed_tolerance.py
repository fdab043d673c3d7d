"""The tolerance form with labels in the mix: a mixed target and a smaller budget."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems import mixed_chains as mixed
from tests.theorems import tolerance_chains as chains
from tests.theorems.ledger import Mutant, Result, both, equal

mp = mixed.mp

ROUNDS = 5
EDGE = 1e-9  # relative distance to a border below which floats may fall on either side
USED_UP = 1e-13  # share of the budget below which it counts as used up
SETTLED = 400  # rounds after which a path with one weight does not move any more


class Round(NamedTuple):
    """What one round was asked and what the library did, in 250 digits.

    Its teacher is the fit of the round before, or one that was drawn.
    """

    state: str
    alpha: object
    Y: np.ndarray  # (n, q), labels
    P: np.ndarray  # (n, q), teacher
    lost: object  # energy of the labels that no function can fit
    least: object  # smallest weighted error of any function
    ridge: float | None
    solution: np.ndarray | None  # (n, q), see `lagrangian`
    fitted: np.ndarray | None  # (n, q), by the library


class Instance(NamedTuple):
    K: np.ndarray
    spectrum: Spectrum
    tolerance: float
    rounds: list[Round]

    @property
    def n(self):
        return len(self.K)


def misses(Y, P, alpha, f):
    """The left side of the constraint."""
    return alpha * mixed.square(f - Y) + (1 - alpha) * mixed.square(f - P)


def lagrangian(features, Y, P, alpha, lam):
    """Values of the function that minimizes |f|^2 + misses / lam; for lam = 0 of misses alone.

    Among the functions that miss by no more than it does, none has a smaller norm.
    """
    scale = lam or mp.mpf(1)

    def value(w):
        return (mixed.square(w) if lam else 0) + misses(Y, P, alpha, features @ w) / scale

    return features @ mixed.minimize(value, (features.shape[1], Y.shape[1]))


def with_teacher(rng, x, Y, tolerance):
    """Draw a teacher in the range of K, near the labels, and a weight; None if it is a close call.

    What the round must do is read off the definition. The library is asked for a fit within the
    tolerance of the mixed target.
    """
    features, total = x.features[:, x.d > 0], x.n * mp.mpf(tolerance)
    on = x.Q[:, x.d > 0] @ x.Q[:, x.d > 0].T
    off = on @ mixed.exact(rng.standard_normal(Y.shape))
    size = 10.0 ** rng.uniform(-1, 1) if off.any() else 0.0
    P = on @ Y + off * (size * mp.sqrt(total / mixed.square(off)))
    alpha = mp.mpf(float(rng.uniform(0.02, 0.98)))
    asked, lost = (Y, P, alpha), mixed.square(Y - on @ Y)
    least = misses(*asked, lagrangian(features, *asked, 0))
    if near(least, total) or near(zero_misses(*asked), total):
        return None
    if least > total:
        return Round("infeasible", alpha, Y, P, lost, least, None, None, None)
    if zero_misses(*asked) <= total:
        return Round("collapsed", alpha, Y, P, lost, least, None, None, None)
    m = mixed_target(Y, P, alpha)
    left = total - alpha * (1 - alpha) * mixed.square(Y - P)
    path = constrained.distill(x.spectrum, mixed.floats(m), float(left / x.n), 1)
    ridge = float(path.ridges[0])
    solution = lagrangian(features, *asked, mp.mpf(ridge))
    fitted = mixed.exact(path.targets[1])
    return Round("goes on", alpha, Y, P, lost, least, ridge, solution, fitted)


def draw(rng, i):
    """Draw any weights, such that a later round is infeasible, or such that few paths collapse.

    Or such that the last round has its budget used up exactly, if K is positive definite. The last
    round of a path is looked at, one more, and one with another teacher.
    """
    x = mixed.problem(rng, i, outputs=1 + (i % 7 == 6))
    y = chains.labels(rng, x.d, mixed.floats(x.Q), x.Y.shape[1])
    lost = chains.lost(x.d, mixed.floats(x.Q), y)
    share = 10 ** rng.uniform(-4 if i % 3 else -0.7, 0.05)
    tolerance = (lost + share * ((y**2).sum() - lost)) / x.n
    alpha = mixed.weights(rng, i, ROUNDS)
    if i % 4 == 0:
        alpha = np.array([0.0, 0.0, *rng.uniform(0, 0.1, 2), rng.uniform(0.3, 0.9)])
    if i % 4 == 1:  # the labels alone, alpha |y|^2, are about n eps
        about = x.n * tolerance / (y**2).sum() * (1 + 10 ** rng.uniform(-3, -0.3))
        alpha = np.full(ROUNDS, min(about, 1.0))
    if i % 8 == 7 and not lost:
        tolerance = 10 ** rng.uniform(-3, -0.7) * (y**2).sum() / x.n
        alpha = np.r_[1.0, np.full(SETTLED, 0.25), 0.5]  # 0.5 (1 - 0.5) = 0.25
    path = chains.path(x.d, mixed.floats(x.Q), y, tolerance, alpha)
    off = x.Q[:, x.d == 0] @ x.Q[:, x.d == 0].T  # projection on the null space
    targets, last = mixed.exact(path.library.targets), path.library.rounds
    targets[1:] -= off @ targets[1:]  # fitted values lie in the range, but for rounding
    Y, features, rounds = targets[0], x.features[:, x.d > 0], []
    end = min(last, len(alpha) - 1)
    for t in {end, int(rng.integers(0, end + 1))}:
        asked = Y, targets[t], mp.mpf(path.weight(t))
        state, did = path.state, (None, None, None)
        if t < last:
            ridge = float(path.library.ridges[t])
            state = "goes on"
            did = ridge, lagrangian(features, *asked, mp.mpf(ridge)), targets[t + 1]
        least = misses(*asked, lagrangian(features, *asked, 0))
        rounds.append(Round(state, asked[2], Y, asked[1], mixed.square(off @ Y), least, *did))
    other = with_teacher(rng, x, Y, tolerance)
    return Instance(x.K, x.spectrum, tolerance, rounds + ([other] if other else []))


def mixed_target(Y, P, alpha):
    return Y * alpha + P * (1 - alpha)


def zero_misses(Y, P, alpha):
    return misses(Y, P, alpha, 0)


def near(lhs, rhs):
    return abs(lhs - rhs) <= EDGE * max(abs(lhs), abs(rhs))


def claims_of(
    x, r, *, n=None, cost=None, whole=True, target=mixed_target, zero=zero_misses, edge="goes on"
):
    """Verdict on one round; None if floats cannot tell how it must end."""
    asked, total = (r.Y, r.P, r.alpha), (n or x.n) * mp.mpf(x.tolerance)
    cost = cost or (lambda alpha: alpha * (1 - alpha))
    budget = total - cost(r.alpha) * mixed.square(r.Y - r.P)
    unreachable = r.alpha**2 * r.lost if whole else 0
    parts = [mixed.same(r.least, total - budget + unreachable, scale=total)]
    if not r.lost and abs(budget) <= USED_UP * total:  # the interpolant, and nothing else
        m = target(*asked)
        parts.append(equal(r.state == edge, True))
        if r.state == "goes on":
            parts.append(mixed.close(r.fitted, m, scale=mp.sqrt(total), tol=1e-6))
            parts.append(equal(float(misses(*asked, m) / total), 1.0, tol=1e-12))
        return both(*parts)
    if abs(budget - unreachable) <= EDGE * total or near(zero(*asked), total):
        return None
    ends = "goes on" if zero(*asked) > total else "collapsed"
    ends = ends if budget > unreachable else "infeasible"
    parts.append(equal(r.state == ends, True))
    if r.state == ends == "goes on":
        m = target(*asked)
        fitted = x.K @ mixed.dual(x.K, r.ridge, m)
        parts += [
            mixed.same(fitted, r.solution),
            equal(float(misses(*asked, r.solution) / total), 1.0, tol=1e-9),
            equal(float(mixed.square(fitted - m) / budget), 1.0, tol=1e-6),
            mixed.close(r.fitted, fitted, scale=abs(fitted).max(), tol=1e-9),
        ]
    return both(*parts)


def claims(x, **wrong):
    verdicts = [claims_of(x, r, **wrong) for r in x.rounds]
    kept = [v for v in verdicts if v is not None]
    return both(*kept) if kept else None


def same_as_without_labels(x):
    """Verdicts that the tolerance form of the mixed target has the same ridge, by the library."""
    for r in x.rounds:
        if r.state == "goes on" and r.ridge > 0:
            m = mixed_target(r.Y, r.P, r.alpha)
            left = x.n * x.tolerance - r.alpha * (1 - r.alpha) * mixed.square(r.Y - r.P)
            path = constrained.distill(x.spectrum, mixed.floats(m), float(left / x.n), 1)
            yield equal(path.ridges[0] / r.ridge, 1.0, tol=1e-6)


RESULT = Result(
    label="prp-mixed-tolerance",
    assumptions=(
        "K symmetric positive semidefinite; if it is singular, the labels' part that no function "
        "can fit, times alpha, counts against the budget",
        "eps > 0",
        "any teacher; for singular K one in the range of K",
        "alpha in [0, 1]",
        "a budget that is used up exactly is feasible, for positive definite K",
    ),
    draw=draw,
    statement=lambda x: both(claims(x), *same_as_without_labels(x)),
    mutants={
        "distance added to the budget": Mutant(
            lambda x: claims(x, cost=lambda alpha: -alpha * (1 - alpha))
        ),
        "alpha in place of alpha (1 - alpha)": Mutant(
            lambda x: claims(x, cost=lambda alpha: alpha)
        ),
        "alpha and 1 - alpha swapped in the target": Mutant(
            lambda x: claims(x, target=lambda Y, P, alpha: mixed_target(P, Y, alpha))
        ),
        "collapse when the mixed target is within the tolerance": Mutant(
            lambda x: claims(x, zero=lambda *asked: mixed.square(mixed_target(*asked)))
        ),
        "collapse when the labels alone are": Mutant(
            lambda x: claims(x, zero=lambda Y, P, alpha: alpha * mixed.square(Y))
        ),
        "eps in place of n eps": Mutant(lambda x: claims(x, n=1)),
        "a budget used up exactly is infeasible": Mutant(lambda x: claims(x, edge="infeasible")),
        "singular K like a regular one": Mutant(lambda x: claims(x, whole=False)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
