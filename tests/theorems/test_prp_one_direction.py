"""In one direction the risk falls, then rises, in the number of rounds; where it turns."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tests.theorems.ledger import Mutant, Result, both, equal, less
from tests.theorems.refits import mp

AROUND = (0.05, 0.5, 0.9, 1, 1.1, 2, 20)  # real rounds, in units of the best


class Instance(NamedTuple):
    a: np.ndarray  # one filter value of the ridge a direction, in (0, 1)
    theta: np.ndarray
    sigma: float


def risk(x, tau):
    """The raw formula in 120 digits."""
    powers = [mp.mpf(f) ** tau for f in x.a]
    bias = sum((1 - p) ** 2 * mp.mpf(t) ** 2 for p, t in zip(powers, x.theta, strict=True))
    return bias + mp.mpf(x.sigma) ** 2 * sum(p**2 for p in powers)


def draw(rng, i):
    ratio = 10.0 ** rng.uniform(-6, 6) if i % 2 else 10.0 ** rng.uniform(-1, 1)
    sigma = 10.0 ** rng.uniform(-2, 2)
    best = 10.0 ** rng.uniform(-1, 1.2)  # rounds, real
    a = float((1 / (1 + mp.mpf(ratio) ** 2)) ** (1 / mp.mpf(best)))
    theta = sigma / ratio * rng.choice([-1, 1])
    return Instance(np.array([a]), np.array([theta]), sigma) if 0 < a < 1 else draw(rng, i)


def two_directions(rng, i):
    """Add a weaker direction that holds the same truth."""
    x = draw(rng, i)
    return x._replace(a=np.r_[x.a, x.a**7], theta=np.r_[x.theta, x.theta])


def check(
    x, *, target=lambda theta2, sigma2: theta2 / (theta2 + sigma2), integer=None, over=mp.log1p
):
    main = int(np.argmax(np.abs(x.theta)))
    level = target(mp.mpf(x.theta[main]) ** 2, mp.mpf(x.sigma) ** 2)
    best = mp.log(level) / mp.log(mp.mpf(x.a[main]))
    noise_over_signal = (mp.mpf(x.sigma) / mp.mpf(x.theta[main])) ** 2
    ridge_over_eigenvalue = 1 / mp.mpf(x.a[main]) - 1
    second_form = mp.log1p(noise_over_signal) / over(ridge_over_eigenvalue)
    curve = [risk(x, best * factor) for factor in AROUND]
    turn = AROUND.index(1)
    steps = [float((after - before) / curve[turn]) for before, after in pairwise(curve)]
    low, high = max(1, int(mp.floor(best))), max(1, int(mp.ceil(best)))
    allowed = (low, high) if integer is None else (integer(best),)
    tried = {tau: risk(x, tau) for tau in {1, max(1, low - 1), low, high, high + 1}}
    # (farther integers are covered by the fall and the rise above)
    found = min(tried, key=tried.get)
    return both(
        less(np.array(steps[:turn]), 0.0, scale=1.0),
        less(0.0, np.array(steps[turn:]), scale=1.0),
        equal(float(second_form / best), 1.0),
        equal(float(min(abs(found - tau) for tau in allowed)), 0.0),
    )


RESULT = Result(
    label="prp-one-direction",
    assumptions=("one direction, a in (0, 1)", "theta != 0", "sigma > 0"),
    draw=draw,
    statement=check,
    mutants={
        "a^(2 tau) in place of a^tau": Mutant(
            lambda x: check(x, target=lambda t2, s2: mp.sqrt(t2 / (t2 + s2)))
        ),
        "theta instead of theta^2": Mutant(
            lambda x: check(x, target=lambda t2, s2: mp.sqrt(t2) / (mp.sqrt(t2) + s2))
        ),
        "noise and signal exchanged": Mutant(
            lambda x: check(x, target=lambda t2, s2: s2 / (t2 + s2))
        ),
        "lam / d in place of log(1 + lam / d)": Mutant(lambda x: check(x, over=lambda u: u)),
        "always round down": Mutant(
            lambda x: check(x, integer=lambda best: max(1, int(mp.floor(best))))
        ),
        "two directions instead of one": Mutant(draw=two_directions),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
