"""When alpha may fall at once.

Statement: in the setting of the theorem on self-labels, with T_0 as there, let alpha_t = 1 for
t < T_0 and alpha_t = alpha in [0, 1] from T_0 on. If

    (1 - alpha) (||(rho_l)||_N - rho sqrt(n_min)) < sqrt(n_min) (1 - 2 rho) / 2,

then all signs are right from T_0 on, and ||u_t - clean|| tends to 2 alpha ||(rho_l)||_N.

The argument: I - eta M and its powers lie between 0 and I, so that |<a, Q b>| <= (||a|| ||b|| +
|<a, b>|) / 2. With the triangle inequality alone one gets the same with 1/4 in place of 1/2.
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
    alpha: float
    w: np.ndarray  # w_{T0}, ...


def instance(x, alpha, *, burn_in=None, most=1000):
    window = runs.window(x)
    burn_in = window.burn_in if burn_in is None else burn_in
    steps = int(min(most, 3 + 35 / window.rate))
    return Instance(x, window, burn_in, alpha, runs.swept(x, burn_in, np.full(steps + 1, alpha)))


def smallest_alpha(x, *, constant=0.5, least=min):
    """Where both sides of the condition are equal; negative if every alpha is allowed."""
    small, rho = np.sqrt(least(x.sizes)), x.rates.max()
    spread = x.length(x.rates) - rho * small
    return 1 - constant * small * (1 - 2 * rho) / spread if spread > 1e-9 * small else -1.0


def draw(rng, i):
    x = noisy.clusters(rng, i, condition=60) if i % 4 < 3 else runs.lopsided(rng, i // 4)
    least = smallest_alpha(x)
    alpha = least + 1e-9 if i // 8 % 2 else rng.uniform(max(least, 0), 1)
    return instance(x, float(np.clip(alpha, 0, 1)))


def signs(x):
    return less(0.0, (x.x.signs * x.w).min(), scale=1.0)


def limit(x, *, end=None):
    """Distance to the target contracts, so the last distance is this close to the limit."""
    size = x.x.length(x.x.rates)
    end = 2 * x.alpha * size if end is None else end
    away = x.x.length(x.w - runs.targets(x.x, x.alpha))
    left = max(1 - x.window.rate, 0.0) ** np.arange(len(x.w)) * away[0]
    last = np.abs(x.x.length(x.w - x.x.signs) - end)
    return at_most(last, left, scale=np.sqrt(x.x.n))


def equal_rates(x):
    return limit(x, end=2 * x.alpha * x.window.rho * np.sqrt(x.x.n))


def sandwich(x, *, share=0.5):
    """The inequality of the argument: what a power of the step leaves on each cluster."""
    start = runs.targets(x.x, 1.0) - runs.targets(x.x, x.alpha)  # m - m^alpha
    Q, root = np.eye(len(start)) - x.x.step * x.x.M, np.sqrt(x.x.sizes)
    left = [np.abs(np.linalg.matrix_power(Q, k) @ start) * root for k in (1, 2, 5, 40)]
    most = share * (x.x.length(start) + np.abs(start) * root)
    return at_most(np.max(left, 0), most, scale=np.sqrt(x.x.n))


def library(x):
    """The library calls a drop safe just where the condition holds, and runs as the loop does."""
    c = x.x
    least = smallest_alpha(c)
    if least > 1e-6 and self_labels.survives_drop(c.sizes, c.rates, least - 1e-6):
        yield less(0.0, -1.0)
    safe = self_labels.survives_drop(c.sizes, c.rates, float(np.clip(least + 1e-6, 0, 1)))
    yield equal(safe, True)
    weights = self_labels.constant_weights(400, x.alpha, burn_in=x.burn_in)[x.burn_in :]
    if len(weights):
        yield runs.agrees(c, x.w, x.burn_in, weights, labels=runs.given_signs(c), most=400)


def statement(x):
    return both(signs(x), limit(x), sandwich(x), *library(x))


def few(make):
    """Draw 96 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 96 else None


def kept(part):
    return lambda x: None if x is None else part(x)


def nearly_equal(rng, i):
    """Two clusters of about the same size, half of them almost wrong."""
    sizes = rng.integers(200, 400) + np.array([0, rng.integers(1, 9)])
    flipped = np.floor(sizes * rng.uniform(0.36, 0.39)).astype(int)
    centre = runs.half_angle(rng, sizes, slow=2e-3)
    step = 1 / noisy.eigenvalues(centre, sizes)[0]
    return noisy.Clusters(sizes, flipped, rng.choice([-1.0, 1.0], 2), centre, step)


def at_limit(rng, i, **wrong):
    x = nearly_equal(rng, i)
    return instance(x, float(np.clip(smallest_alpha(x, **wrong), 0, 1)), most=600)


RESULT = Result(
    label="prp-sudden-drop",
    assumptions=(
        "H constant on clusters, H^C > 0",
        "0 < eta <= 1/mu_max",
        "labels +-1, rho_l < 1/2 in every cluster",
        "u_0 = 0, h = sign of the current prediction",
        "T_0 >= 1 long enough, then a constant alpha in [0, 1]",
        "the drop is small enough for the smallest cluster",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "any drop": Mutant(
            kept(signs), few(lambda r, i: instance(runs.lopsided(r, i), 0.2, most=200))
        ),
        "0.7 for 1/2": Mutant(kept(signs), few(lambda r, i: at_limit(r, i, constant=0.7))),
        "n_max for n_min": Mutant(
            kept(signs),
            few(lambda r, i: instance(
                x := runs.lopsided(r, i), max(smallest_alpha(x, least=max), 0.0), most=200
            )),
        ),
        "one step of burn-in": Mutant(
            kept(signs), few(lambda r, i: instance(runs.lopsided(r, i), 1.0, burn_in=1, most=9))
        ),
        "the limit of equal rates": Mutant(equal_rates),
        "the limit does not depend on alpha": Mutant(
            lambda x: limit(x, end=2 * x.x.length(x.x.rates))
        ),
        "the limit is clean": Mutant(lambda x: limit(x, end=0.0)),
        "alpha is the weight on the hard label": Mutant(
            lambda x: limit(x, end=2 * (1 - x.alpha) * x.x.length(x.x.rates))
        ),
        "a power of the step leaves 0.4 of both": Mutant(lambda x: sandwich(x, share=0.4)),
    },
    instances=240,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
