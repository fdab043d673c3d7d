"""A weight that listens to the agreement stays where it is after the burn-in.

Statement: in the setting of the theorem on self-labels, with T_0 as there, let alpha_t = 1 for
t < T_0, and from T_0 on let alpha_t be the share of points whose hard label differs from the given
one. If the condition for a sudden drop holds with the mean rate rho_bar = sum n_l rho_l / n in the
place of alpha,

    (1 - rho_bar) (||(rho_l)||_N - rho sqrt(n_min)) < sqrt(n_min) (1 - 2 rho) / 2,

then all signs are right and alpha_t = rho_bar from T_0 on, and ||u_t - clean|| tends to
2 rho_bar ||(rho_l)||_N.

The loop counts which labels agree after every step.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems import self_label_runs as runs
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less
from tests.theorems.test_prp_sudden_drop import smallest_alpha


class Instance(NamedTuple):
    x: noisy.Clusters
    window: runs.Window
    burn_in: int
    alpha: np.ndarray  # alpha_{T0}, ..., counted
    w: np.ndarray  # w_{T0}, ..., one more


def disagreeing(x, w):
    """How many hard labels differ from the given ones: the minority, or the rest."""
    right = np.sign(w) == x.signs
    wrong = np.sign(w) == -x.signs
    split = np.where(right, x.flipped, np.where(wrong, x.sizes - x.flipped, x.sizes))
    return split.sum()


def adapt(x, w, steps, *, share=lambda differ, n: differ / n):
    """Weights and predictions from `w` on."""
    alphas, kept = [], [w]
    for _ in range(steps):
        alphas.append(share(disagreeing(x, w), x.n))
        target = alphas[-1] * x.means + (1 - alphas[-1]) * np.sign(w)
        w = w - x.step * (x.M @ (w - target))
        kept.append(w)
    return np.array(alphas), np.array(kept)


def instance(x, *, burn_in=None, most=250, **wrong):
    window = runs.window(x)
    burn_in = window.burn_in if burn_in is None else burn_in
    start = runs.after(x.M, x.means, x.step, burn_in)[:, 0]
    alpha, w = adapt(x, start, int(min(most, 3 + 35 / window.rate)), **wrong)
    return Instance(x, window, burn_in, alpha, w)


def draw(rng, i):
    """Draw clusters, and take wrong labels out until the condition holds."""
    x = noisy.clusters(rng, i, condition=60) if i % 4 < 3 else runs.lopsided(rng, i // 4)
    while smallest_alpha(x) >= x.flipped.sum() / x.n:
        x = x._replace(flipped=np.maximum(x.flipped - rng.integers(0, 1 + x.flipped // 8 + 1), 0))
    return instance(x)


def mean_rate(x):
    return float((x.x.sizes * x.x.rates).sum() / x.x.sizes.sum())


def signs(x):
    return less(0.0, (x.x.signs * x.w).min(), scale=1.0)


def constant(x, *, at=None):
    at = mean_rate(x) if at is None else at
    return equal(x.alpha, np.full(len(x.alpha), at), tol=1e-14, scale=1.0)


def limit(x, *, end=None):
    """Distance to the target contracts, so the last distance is this close to the limit."""
    size = x.x.length(x.x.rates)
    end = 2 * mean_rate(x) * size if end is None else end
    away = x.x.length(x.w - runs.targets(x.x, mean_rate(x)))
    left = max(1 - x.window.rate, 0.0) ** np.arange(len(x.w)) * away[0]
    last = np.abs(x.x.length(x.w - x.x.signs) - end)
    return at_most(last, left, scale=np.sqrt(x.x.n))


def unweighted(x):
    return constant(x, at=x.x.rates.mean())


def library(x, *, most=400):
    """The library's own counting, on n points."""
    if x.burn_in >= most:
        return equal(0.0, 0.0)
    plan = self_labels.Adaptive(steps=min(x.burn_in + len(x.alpha), most), burn_in=x.burn_in)
    times = np.arange(x.burn_in, plan.steps + 1)
    found = runs.on_points(x.x, plan, x.x.step, labels=runs.given_signs(x.x), record=times)
    if found is None:
        return equal(0.0, 0.0)
    path, u, _ = found
    late = path.weights[x.burn_in :]
    return both(
        equal(late, x.alpha[: len(late)], tol=1e-14, scale=1.0),
        equal(path.weights[: x.burn_in], np.ones(x.burn_in)),
        equal(u, x.w[: len(u)], tol=1e-9, scale=1.0),
    )


def statement(x):
    return both(signs(x), constant(x), limit(x), library(x))


def kept(part):
    return lambda x: None if x is None else part(x)


def few(make):
    """Draw 48 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 48 else None


def lopsided(rng, i, **wrong):
    return instance(runs.lopsided(rng, i), most=200, **wrong)


def known(rng, i):
    """10:90, where the small cluster is lost and the end is (-.496, -.664)."""
    centre = np.array([[1.0, 0.9], [0.9, 1.0]])
    sizes, flipped, signs = np.array([10, 90]), np.array([4, 36]), np.array([1.0, -1.0])
    step = 1 / noisy.eigenvalues(centre, sizes)[0]
    return instance(noisy.Clusters(sizes, flipped, signs, centre, step), most=2000)


def ends_elsewhere(x):
    """The limit of the statement, on `known`: refuted if the end is the one known."""
    end = equal(x.w[-1], [-0.496, -0.664], tol=1e-9, scale=1.0)
    return limit(x) if end.holds else equal(0.0, 0.0)


def agreement(differ, n):
    return 1 - differ / n


RESULT = Result(
    label="prp-adaptive-weight",
    assumptions=(
        "H constant on clusters, H^C > 0",
        "0 < eta <= 1/mu_max",
        "labels +-1, rho_l < 1/2 in every cluster",
        "u_0 = 0, h = sign of the current prediction",
        "T_0 >= 1 long enough, then alpha_t = disagreement with the given labels",
        "the drop to the mean rate is small enough for the smallest cluster",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "any drop": Mutant(kept(signs), few(lopsided)),
        "any drop, and alpha stays": Mutant(kept(constant), few(lopsided)),
        "10:90 ends where the signs would be right": Mutant(
            kept(ends_elsewhere), draw=lambda rng, i: known(rng, i) if i == 0 else None
        ),
        "one step of burn-in": Mutant(
            kept(constant), few(lambda rng, i: lopsided(rng, i, burn_in=1))
        ),
        "alpha is the agreement": Mutant(
            kept(constant), few(lambda rng, i: lopsided(rng, i, share=agreement))
        ),
        "mean of the rates, not of the labels": Mutant(unweighted),
        "alpha is the largest rate": Mutant(lambda x: constant(x, at=x.window.rho)),
        "limit of plain descent": Mutant(lambda x: limit(x, end=2 * x.x.length(x.x.rates))),
        "limit 2 rho_bar^2 sqrt(n) for unequal rates": Mutant(
            lambda x: limit(x, end=2 * mean_rate(x) ** 2 * np.sqrt(x.x.n))
        ),
        "the limit is clean": Mutant(lambda x: limit(x, end=0.0)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
