"""Hard self-labels reach the true labels in l2, if alpha falls late enough and slowly enough.

Statement: let H be exact on clusters, H^C > 0, M = H^C N with eigenvalues in [mu, mu_max],
0 < eta <= 1/mu_max, labels +-1, rho_l the flipped fraction of cluster l, 0 <= rho = max rho_l
< 1/2, u_0 = 0 and h = sign. Let alpha_t = 1 for t <= T_0 with a whole number T_0 >= 1 such that

    (1 - eta mu)^T_0 ||(1 - 2 rho_l)||_N <= D,    D = sqrt(n_min) (1 - 2 rho) / 2,

and from there on let alpha_t not increase, and fall by at most eta mu D / (2 rho sqrt(n)) in one
step (by anything if rho = 0). Then for all t >= T_0 all signs are right, delta_t = ||u_t - m_t||
with m_t = (1 - 2 alpha_t rho_l) s_l on cluster l obeys delta_t <= D and

    delta_{t+1} <= (1 - eta mu) delta_t + 2 (alpha_t - alpha_{t+1}) rho sqrt(n),

the distance to the clean labels is at most delta_t + 2 alpha_t rho sqrt(n), the margin at least
1 - 2 alpha_t rho - delta_t / sqrt(n_min), and if alpha_t falls to alpha_inf, the distance tends to
2 alpha_inf sqrt(sum n_l rho_l^2).

The burn-in is a power of one step's matrix, the rest a loop that does not know the signs. What is
left until the limit is bounded by the recursion run from D.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems import self_label_runs as runs
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less


class Instance(NamedTuple):
    x: noisy.Clusters
    window: runs.Window
    burn_in: int  # T0 or more
    alpha: np.ndarray  # alpha_{T0} = 1, ...
    lowest: float  # what alpha falls to
    w: np.ndarray  # w_{T0}, ...


def instance(rng, i, x, *, window=None, burn_in=None, faster=1.0, most=800):
    window = runs.window(x) if window is None else window
    burn_in = window.burn_in if burn_in is None else burn_in
    if i % 7 == 6:
        burn_in += int(rng.integers(1, 200))
    largest = faster * window.decrement
    alpha, lowest = runs.descending(rng, i // len(noisy.KINDS), largest, window.rate, most=most)
    return Instance(x, window, burn_in, alpha, lowest, runs.swept(x, burn_in, alpha))


def draw(rng, i):
    """Every other instance is fast enough to come near its limit within the loop."""
    if i % 2:
        x = noisy.clusters(rng, i // 2, kinds=("random", "one cluster", "10:90"), condition=2.5)
    else:
        x = noisy.clusters(rng, i // 2, condition=100)
    return instance(rng, i // 2, x)


def distance(x):
    """From w_t to its target while the signs are right."""
    return x.x.length(x.w - runs.targets(x.x, x.alpha))


def scale(x):
    return np.sqrt(x.x.n)


def signs(x):
    return less(0.0, (x.x.signs * x.w).min(), scale=1.0)


def contracts(x, *, rate=None, power=1):
    rate = x.window.rate if rate is None else rate
    delta, moved = distance(x), 2 * -np.diff(x.alpha) * x.window.rho * np.sqrt(x.x.n)
    return both(
        at_most(delta, x.window.radius, scale=scale(x)),
        at_most(delta[1:], (1 - rate) * delta[:-1] + power * moved, scale=scale(x)),
    )


def reaches(x, *, with_delta=1.0, noise=2.0):
    size = noise * x.alpha * x.window.rho * np.sqrt(x.x.n)
    return at_most(x.x.length(x.w - x.x.signs), with_delta * distance(x) + size, scale=scale(x))


def margin(x, *, with_delta=1.0, size=None):
    size = x.window.small if size is None else size
    least = 1 - 2 * x.alpha * x.window.rho - with_delta * distance(x) / size
    return at_most(least, (x.x.signs * x.w).min(1), scale=1.0)


def limit(x, *, end=None):
    """How far the last distance can be from the limit: what the recursion has left, from D."""
    end = 2 * x.lowest * x.x.length(x.x.rates) if end is None else end
    left = x.window.radius
    for down in -np.diff(x.alpha):
        left = (1 - x.window.rate) * left + 2 * down * x.window.rho * np.sqrt(x.x.n)
    left += 2 * (x.alpha[-1] - x.lowest) * x.x.length(x.x.rates)
    last = x.x.length(x.w[-1] - x.x.signs)
    return at_most(abs(last - end), left, scale=scale(x))


def unequal(x):
    """The limit that only equal rates have."""
    return limit(x, end=2 * x.lowest * x.window.rho * np.sqrt(x.x.n))


def library(x, *, most=1500):
    """Verdicts on window, bounds and dynamics."""
    c, w = x.x, x.window
    given = c.sizes, c.rates, c.mu
    decrement = self_labels.largest_decrement(*given, step=c.step)
    yield equal(self_labels.burn_in_length(*given, step=c.step), w.burn_in)
    if np.isfinite(w.decrement):
        yield equal(decrement, w.decrement)
    elif np.isfinite(decrement):
        yield less(0.0, -1.0)
    if x.burn_in < most:
        weights = np.concatenate([np.ones(x.burn_in), x.alpha[:-1]])
        bounds = self_labels.window_bounds(*given, weights, step=c.step)
        late = slice(x.burn_in - w.burn_in, None)
        distance = c.length(x.w - c.signs)
        yield at_most(distance[:-1], bounds.distance[late][:-1], scale=scale(x))
        yield at_most(bounds.margin[late][:-1], (c.signs * x.w).min(1)[:-1], scale=1.0)
        yield at_most(bounds.delta, w.radius, scale=scale(x))
    yield runs.agrees(c, x.w, x.burn_in, x.alpha[:-1], labels=runs.given_signs(c))


def statement(x):
    return both(signs(x), contracts(x), reaches(x), margin(x), limit(x), *library(x))


def few(make):
    """Draw 48 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 48 else None


def kept(part):
    return lambda x: None if x is None else part(x)


def hasty(rng, i):
    return instance(rng, i, runs.lopsided(rng, i), burn_in=1, most=300)


def average_size(rng, i):
    x = runs.lopsided(rng, i)
    return instance(rng, i, x, burn_in=runs.window(x, least=np.mean).burn_in, most=300)


def too_fast(rng, i, *, faster):
    return instance(rng, i, runs.lopsided(rng, i), faster=faster)


def outvoted(rng, i):
    x = noisy.clusters(rng, i, condition=100, kinds=("random", "wide"))
    return instance(rng, i, x._replace(flipped=x.sizes // 2 + 1), window=runs.window(x), most=300)


def rising(rng, i):
    """Alpha falls as slowly as it must, then jumps up again, and so on."""
    x = runs.lopsided(rng, i)
    window = runs.window(x)
    low = np.maximum(1 - np.arange(1500) * min(window.decrement, 1), 0)
    alpha = np.tile(low, 2)
    return Instance(x, window, window.burn_in, alpha, 0.0, runs.swept(x, window.burn_in, alpha))


RESULT = Result(
    label="thm-self-labels",
    assumptions=(
        "H constant on clusters, H^C > 0",
        "0 < eta <= 1/mu_max",
        "labels +-1, rho_l < 1/2 in every cluster",
        "u_0 = 0, h = sign of the current prediction",
        "alpha_t = 1 up to T_0, T_0 >= 1 long enough",
        "then alpha_t does not increase, and falls slowly enough",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "one step of burn-in": Mutant(kept(signs), few(hasty)),
        "burn-in by the mean size": Mutant(kept(signs), few(average_size)),
        "alpha falls 20 times as fast": Mutant(
            kept(signs), few(lambda r, i: too_fast(r, i, faster=20.0))
        ),
        "alpha falls twice as fast: delta <= D": Mutant(
            kept(contracts), few(lambda r, i: too_fast(r, i, faster=2.0))
        ),
        "alpha falls at once": Mutant(
            kept(signs), few(lambda r, i: too_fast(r, i, faster=np.inf))
        ),
        "alpha may rise": Mutant(kept(signs), few(rising)),
        "half of a cluster is wrong": Mutant(kept(signs), few(outvoted)),
        "step up to 2/mu_max": Mutant(
            kept(contracts),
            few(lambda r, i: instance(
                r, i, noisy.clusters(r, i, condition=100, fastest=1.99), most=300
            )),
        ),
        "the rate is eta mu_max": Mutant(lambda x: contracts(x, rate=x.x.step * x.x.mu_max)),
        "the target moves half as far": Mutant(lambda x: contracts(x, power=0.5)),
        "distance without delta": Mutant(lambda x: reaches(x, with_delta=0)),
        "distance with 1 for 2": Mutant(lambda x: reaches(x, noise=1.0)),
        "margin without delta": Mutant(lambda x: margin(x, with_delta=0)),
        "margin with sqrt(n)": Mutant(lambda x: margin(x, size=np.sqrt(x.x.n))),
        "the limit of equal rates": Mutant(unequal),
        "limit 0 for every alpha": Mutant(lambda x: limit(x, end=0.0)),
    },
    instances=240,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
