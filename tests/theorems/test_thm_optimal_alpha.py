"""The weight of least held-out error, in closed form and over all real numbers."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, Verdict, at_most, both, equal

mp = mixed.mp

INSIDE = np.linspace(0, 1, 11)  # weights tried by hand for the clipped optimum


class Instance(NamedTuple):
    y: np.ndarray  # (m, q), held-out targets
    f: np.ndarray  # (m, q), predictions of the round with alpha = 1
    g: np.ndarray  # (m, q), and with alpha = 0
    middle: np.ndarray  # (m, q), and with alpha = 1/4
    losses: list  # at alpha = -1, 0, 1
    inside: np.ndarray  # at the weights INSIDE
    clipped: float | None  # best weight in [0, 1] by the library; None if floats cannot tell
    loss_clipped: object  # the loss there


def draw(rng, i, *, first=False):
    """Draw round 2, 3 or 4 of a chain with any weights before; `first`: round 1."""
    x = mixed.problem(rng, i, outputs=1 + i % 2, new=int(rng.integers(1, 5)))
    y = mixed.exact(rng.standard_normal((len(x.new), x.Y.shape[1])))
    before = rng.uniform(-0.5, 1.5, 0 if first else 1 + i % 3)
    teacher = mixed.fits(x.K, x.lam, x.Y, before)[-1] if len(before) else x.Y
    rows = x.K_new @ mixed.dual(x.K, x.lam, mixed.exact(np.eye(x.n)))

    def predict(alpha):
        """Train the round with this weight."""
        return rows @ (x.Y * alpha + teacher * (1 - alpha))

    def loss(alpha):
        return mixed.square(predict(mp.mpf(float(alpha))) - y)

    f, g, middle = (predict(mp.mpf(v)) for v in (1, 0, 0.25))
    losses, inside = [loss(v) for v in (-1, 0, 1)], np.array([loss(v) for v in INSIDE])
    clipped = None
    if digits_lost(y, f, g) < 1e4:
        clipped = mixing.optimal_alpha(*(mixed.floats(v) for v in (y, f, g)), clip=True)
    return Instance(y, f, g, middle, losses, inside, clipped, clipped and loss(clipped))


def digits_lost(y, f, g):
    """How much larger the predictions are than their difference: what rounding costs."""
    y, f, g = (np.abs(mixed.floats(v)).max() for v in (y, f, f - g))
    return max(y, f) / g if g else np.inf


def vertex(x):
    """Where the parabola through three measured losses has its minimum; None if it is flat."""
    left, middle, right = x.losses
    bend = left - 2 * middle + right
    return (left - right) / (2 * bend) if abs(bend) > mixed.SAME * abs(middle) else None


def closed_form(x, per_output=False):
    gap = x.f - x.g
    axis = 0 if per_output else None
    shares = ((x.y - x.g) * gap).sum(axis) / (gap**2).sum(axis)
    return np.mean(shares)


def other_form(x, one=1):
    gap = x.f - x.g
    return one - ((x.f - x.y) * gap).sum() / mixed.square(gap)


def claims(x, *, form=closed_form, clip=None):
    alpha = vertex(x)
    if alpha is None:
        return Verdict(False, 0.0, np.inf)
    parts = [
        mixed.same(x.middle, x.f / 4 + x.g * 3 / 4),
        mixed.same(form(x), alpha, scale=1 + abs(alpha)),
        mixed.same(other_form(x), alpha, scale=1 + abs(alpha)),
    ]
    clipped = (clip or (lambda a: min(max(a, 0), 1)))(alpha)
    left, middle, right = x.losses  # the parabola at the clipped weight
    bend, slope = (left - 2 * middle + right) / 2, (right - left) / 2
    at_clipped = bend * clipped**2 + slope * clipped + middle
    size = float(max(x.inside))
    parts.append(at_most(float((at_clipped - min(x.inside)) / size), 0.0, tol=1e-80, scale=1.0))
    return both(*parts)


def statement(x):
    parts = [claims(x)]
    if x.clipped is not None:
        alpha, lost = float(vertex(x)), digits_lost(x.y, x.f, x.g)
        got = mixing.optimal_alpha(*(mixed.floats(v) for v in (x.y, x.f, x.g)))
        over = (x.loss_clipped - min(x.inside)) / max(x.inside)
        parts += [
            equal(got, alpha, tol=1e-12, scale=lost * (lost + abs(alpha))),
            equal(x.clipped, min(max(alpha, 0), 1), tol=1e-12, scale=lost * (lost + 1)),
            at_most(float(over), 0.0, scale=1.0, tol=1e-9),
        ]
    return both(*parts)


RESULT = Result(
    label="thm-optimal-alpha",
    assumptions=(
        "the teacher is given; the model is linear in its targets (ridge with a fixed kernel, lam)",
        "the predictions of the fits to labels and to teacher differ at a held-out point",
        "squared error, summed over points and outputs",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "labels and teacher swapped": Mutant(
            lambda x: claims(x, form=lambda x: closed_form(x._replace(f=x.g, g=x.f)))
        ),
        "sign flipped": Mutant(lambda x: claims(x, form=lambda x: -closed_form(x))),
        "second form without 1 -": Mutant(lambda x: claims(x, form=lambda x: other_form(x, one=0))),
        "norm in place of squared norm": Mutant(
            lambda x: claims(x, form=lambda x: closed_form(x) * mp.sqrt(mixed.square(x.f - x.g)))
        ),
        "mean of the outputs' own weights": Mutant(
            lambda x: claims(x, form=lambda x: closed_form(x, per_output=True))
        ),
        "clipped to the far end": Mutant(
            lambda x: claims(x, clip=lambda a: a if 0 <= a <= 1 else mp.mpf(a < 0))
        ),
        "round 1: both predictions coincide": Mutant(
            claims, draw=lambda rng, i: draw(rng, i, first=True)
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
