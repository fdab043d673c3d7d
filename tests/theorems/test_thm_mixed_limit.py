"""With labels in the mix the path converges to one ridge fit, with the ridge lam / alpha."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters, mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

mp = mixed.mp

ROUNDS = 4
DIGITS = 30  # how close to the limit the long path comes


class Instance(NamedTuple):
    problem: mixed.Problem
    alpha: float
    S: np.ndarray  # (n, n): one ridge fit
    path: np.ndarray  # (ROUNDS + 1, n, 1): labels and fitted values
    far: np.ndarray  # (n, 1): values after so many rounds that nothing changes any more
    far_new: np.ndarray  # (m, 1): and at the new points, one round later


def draw(rng, i, *, varying=False):
    x = mixed.problem(rng, i)
    alpha = mixed.weight(rng, i)
    alphas = np.full(ROUNDS, alpha)
    if varying:
        alphas[::2] = 1 - alpha
    path = np.concatenate([x.Y[None], mixed.fits(x.K, x.lam, x.Y, alphas)])
    S = x.K @ mixed.dual(x.K, x.lam, mixed.exact(np.eye(x.n)))
    # 1 - a >= lam / (d + lam) for every direction, so that many rounds are enough without labels.
    rounds = DIGITS * mp.ln(10) * (x.d[0] / mp.mpf(x.lam) + 1)
    A, b = mixed.compose(
        S * (1 - mp.mpf(alpha)), S @ x.Y * mp.mpf(alpha), int(mp.ceil(mp.log(rounds, 2)))
    )
    far = A @ x.Y + b
    target = x.Y * mp.mpf(alpha) + far * (1 - mp.mpf(alpha))
    return Instance(x, alpha, S, path, far, x.K_new @ mixed.dual(x.K, x.lam, target))


def limit(x, share, without_labels=0):
    """Fitted values of the ridge fit with lam / share; for alpha = 0 those given."""
    if x.alpha == 0:
        return x.problem.Y * without_labels
    return x.problem.K @ mixed.dual(x.problem.K, x.problem.lam / share, x.problem.Y)


def at_new_points(x, share):
    """Verdicts on the values at new points, which tend to those of the ridge fit with lam/share."""
    if x.alpha:
        p = x.problem
        end = p.K_new @ mixed.dual(p.K, p.lam / share, p.Y)
        # K_new (K + lam I)^-1 is at most |new| / sqrt(lam)
        scale = norm(p.new) * norm(p.Y) / mp.sqrt(p.lam)
        yield equal(mixed.apart(x.far_new, end, scale), 0.0, tol=10.0 ** (2 - DIGITS), scale=1.0)


def norm(v):
    return mp.sqrt(mixed.square(v))


def library(x):
    """Verdicts on the library: filter of the limit, the exact distance to it, the rate."""
    p, alpha = x.problem, mp.mpf(x.alpha)
    (a,) = mixed.filters(p.Q, p.d, p.lam, [0])
    (end,) = mixed.filters(p.Q, p.d, p.lam / alpha, [0]) if alpha else [a * 0]
    yield mixed.close(filters.distilled_limit(p.d, p.lam, x.alpha), end)
    distance = mixing.distance_to_limit(p.d, p.lam, x.alpha, np.arange(ROUNDS + 1)[:, None])
    shrink = np.array([(a * (1 - alpha)) ** tau for tau in range(ROUNDS + 1)])
    yield mixed.close(distance, shrink * (1 - end))
    yield at_most(0.0, distance, scale=1.0)
    yield mixed.close(mixing.contraction(p.d[0], p.lam, x.alpha), max(a) * (1 - alpha))


def claims(x, *, share=mp.mpf, at=0, side=1, rate=max, without_labels=0, true=False):
    p, alpha = x.problem, mp.mpf(x.alpha)
    end = limit(x, share(alpha), without_labels)
    size, first = norm(p.Y), norm(p.Y - end)
    q = (1 - alpha) * rate(p.d) / (rate(p.d) + mp.mpf(p.lam))
    parts = [
        equal(mixed.apart(x.far, end, scale=size), 0.0, tol=10.0 ** (1 - DIGITS), scale=1.0),
        less(0.0, mixed.sign(1, q), scale=1.0),
        *at_new_points(x, share(alpha)),
    ]
    error = [(p.Y - end) * side]
    for _ in range(ROUNDS + at):
        error.append(x.S @ error[-1] * (1 - alpha))
    for tau, values in enumerate(x.path):
        over = norm(values - end) - q**tau * first
        parts += [
            mixed.same(values - end, error[tau + at], scale=size),
            at_most(float(over / size), 0.0, scale=1.0, tol=mixed.SAME),
        ]
    return both(*parts, *(library(x) if true else ()))


RESULT = Result(
    label="thm-mixed-limit",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "alpha in [0, 1], the same in every round; the ridge lam / alpha needs alpha > 0",
    ),
    draw=draw,
    statement=lambda x: claims(x, true=True),
    mutants={
        "lam alpha in place of lam / alpha": Mutant(
            lambda x: claims(x, share=lambda alpha: 1 / (alpha or 1))
        ),
        "lam / (1 - alpha)": Mutant(lambda x: claims(x, share=lambda alpha: (1 - alpha) or 1)),
        "without labels the first fit remains": Mutant(lambda x: claims(x, without_labels=1)),
        "exponent tau + 1": Mutant(lambda x: claims(x, at=1)),
        "from below": Mutant(lambda x: claims(x, side=-1)),
        "rate of the smallest eigenvalue": Mutant(lambda x: claims(x, rate=min)),
        "weights that alternate": Mutant(draw=lambda rng, i: draw(rng, i, varying=True)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
