"""Geometric weights bring the predictions to the true labels, at a rate that can be named.

Statement: in the setting of the theorem on self-labels, with T_0 as there and
D = sqrt(n_min) (1 - 2 rho) / 2, let alpha_t = 1 for t <= T_0 and alpha_t = q^(t - T_0) after it,
0 <= q < 1, where 1 - q <= eta mu D / (2 rho sqrt(n)). Then all signs are right from T_0 on, and
with k = t - T_0, r = max(q, 1 - eta mu), 0^0 = 1,

    ||u_t - clean|| <= r^k (D + 2 rho sqrt(n)) + k r^(k-1) 2 rho sqrt(n) (1 - q)
                    <= sqrt(n) (r^k + k r^(k-1) eta mu / 2),

so u_t tends to the clean labels in l2. For one cluster, eta mu = q = 1/2 and rho <= 1/6 the first
line is an equality: neither the factor k nor the constant can be had for less.
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
    burn_in: int
    q: float
    w: np.ndarray  # w_{T0}, ...


def instance(x, *, q, burn_in=None, most=800):
    window = runs.window(x)
    burn_in = window.burn_in if burn_in is None else burn_in
    slowest = min(1 - q, window.rate)
    k = np.arange(int(min(most, 3 + 80 / slowest)))
    return Instance(x, window, burn_in, q, runs.swept(x, burn_in, q**k))


def tight(rng):
    """One cluster for which everything is an equality."""
    size = int(rng.integers(6, 60))
    flipped, sign = int(rng.integers(0, size // 6 + 1)), rng.choice([-1.0, 1.0], 1)
    scale = 10.0 ** rng.uniform(-3, 3)
    sizes, centre = np.array([size]), np.array([[scale]])
    return noisy.Clusters(sizes, np.array([flipped]), sign, centre, 0.5 / (scale * size))


def draw(rng, i):
    if i % 10 == 9:
        return instance(tight(rng), q=0.5)
    x = noisy.clusters(rng, i, condition=30)
    window = runs.window(x)
    least = max(1 - window.decrement, 0.0)
    same = max(1 - window.rate, 0.0)  # both rates are equal: here the factor k is needed
    q = [least, max(least, same), rng.uniform(least, 1), least][i // 8 % 4]
    return instance(x, q=q)


def bound(x, *, rate=max, repeated=1.0, start=1.0, noise=2.0, moved=1.0):
    """The first line, for all recorded t; the keywords are for mutants."""
    k, w = np.arange(len(x.w)), x.window
    r = rate(x.q, max(1 - w.rate, 0.0))
    noise = noise * w.rho * np.sqrt(x.x.n)
    last = k * r ** np.maximum(k - 1, 0) * moved * noise * (1 - x.q)
    return r**k * (start * w.radius + noise) + repeated * last


def rounded(x, *, half=0.5, size=1.0):
    """The second line."""
    k = np.arange(len(x.w))
    r = max(x.q, 1 - x.window.rate)
    terms = r**k + half * k * r ** np.maximum(k - 1, 0) * x.window.rate
    return size * np.sqrt(x.x.n) * terms


def distance(x):
    return x.x.length(x.w - x.x.signs)


def within(x, limit=bound, **wrong):
    return at_most(distance(x), limit(x, **wrong), scale=np.sqrt(x.x.n))


def signs(x):
    return less(0.0, (x.x.signs * x.w).min(), scale=1.0)


def attained(x):
    """Equality on the instances of `tight`, in every step."""
    w = x.window
    if len(x.x.sizes) > 1 or x.q != 0.5 or abs(w.rate - 0.5) > 1e-12:
        return equal(0.0, 0.0)
    return equal(distance(x), bound(x), tol=1e-13, scale=np.sqrt(x.x.n))


def library(x):
    c, w = x.x, x.window
    least = self_labels.fastest_decay(c.sizes, c.rates, c.mu, step=c.step)
    yield equal(least, max(1 - w.decrement, 0.0), scale=1.0)
    weights = self_labels.geometric_weights(300, x.q, burn_in=x.burn_in)[x.burn_in :]
    if len(weights):
        yield runs.agrees(c, x.w, x.burn_in, weights, labels=runs.given_signs(c), most=300)


def statement(x):
    lines = at_most(bound(x), rounded(x), scale=np.sqrt(x.x.n))
    return both(signs(x), within(x), within(x, rounded), lines, attained(x), *library(x))


def kept(part):
    return lambda x: None if x is None else part(x)


def few(make):
    """Draw 48 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 48 else None


def below(rng, i):
    return instance(runs.lopsided(rng, i), q=rng.uniform(0, 0.5), most=300)


def hasty(rng, i):
    x = runs.lopsided(rng, i)
    return instance(x, q=1 - runs.window(x).decrement, burn_in=1, most=300)


RESULT = Result(
    label="cor-geometric-weights",
    assumptions=(
        "H constant on clusters, H^C > 0",
        "0 < eta <= 1/mu_max",
        "labels +-1, rho_l < 1/2 in every cluster",
        "u_0 = 0, h = sign of the current prediction",
        "T_0 >= 1 long enough, 0 <= q < 1 close enough to 1",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the faster of the two rates": Mutant(lambda x: within(x, rate=min)),
        "rate 1 - eta mu alone": Mutant(lambda x: within(x, rate=lambda q, left: left)),
        "rate q alone": Mutant(lambda x: within(x, rate=lambda q, left: q)),
        "without the factor k": Mutant(lambda x: within(x, repeated=0.0)),
        "half of the term with k": Mutant(lambda x: within(x, moved=0.5)),
        "without D": Mutant(lambda x: within(x, start=0.0)),
        "with D / 2": Mutant(lambda x: within(x, start=0.5)),
        "rho sqrt(n) for 2 rho sqrt(n)": Mutant(lambda x: within(x, noise=1.0)),
        "sqrt(n) / 2": Mutant(lambda x: within(x, rounded, size=0.5)),
        "rounded, without the factor k": Mutant(lambda x: within(x, rounded, half=0.0)),
        "q below its limit": Mutant(kept(signs), few(below)),
        "one step of burn-in": Mutant(kept(signs), few(hasty)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
