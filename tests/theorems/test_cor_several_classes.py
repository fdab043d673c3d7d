"""The theorem on self-labels for several classes; a plurality is enough.

Statement: let H be exact on clusters, H^C > 0, M = H^C N with eigenvalues in [mu, mu_max],
0 < eta <= 1/mu_max, labels one-hot with C >= 2 classes, p_l the share of each given class in
cluster l, s_l its true class, gamma_l = p_l[s_l] - max of the others > 0, gamma = min gamma_l,
e_l = p_l - onehot(s_l), ||v||_N^2 = sum_l n_l ||v_l||^2, u_0 = 0, h = one-hot arg max. Let
alpha_t = 1 for t <= T_0 with a whole number T_0 >= 1 such that

    (1 - eta mu)^T_0 ||p||_N <= D,    D = sqrt(n_min) gamma / (2 sqrt(2)),

and from there on let alpha_t not increase, and fall by at most eta mu D / ||e||_N in one step (by
anything if e = 0). Then for all t >= T_0 every arg max is the true class, and unique, ahead by
gamma_t >= 1 - alpha_t (1 - gamma) - sqrt(2) delta_t / sqrt(n_min) > 0, where delta_t, the distance
to the target (1 - alpha_t) onehot(s_l) + alpha_t p_l, obeys delta_t <= D and

    delta_{t+1} <= (1 - eta mu) delta_t + (alpha_t - alpha_{t+1}) ||e||_N.

The distance to the clean labels is at most delta_t + alpha_t ||e||_N; if alpha_t falls to
alpha_inf, it tends to alpha_inf ||e||_N.

For the arg max alone a shorter burn-in does, with ||p - 1/C||_N in the place of ||p||_N: a number
added to all entries of a row changes no arg max. For two classes it is that of the theorem.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems import self_label_runs as runs
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

ROOT2 = np.sqrt(2)  # a deviation d changes a difference of two entries by at most ROOT2 ||d||


class Window(NamedTuple):
    gap: float
    small: float  # sqrt(n_min)
    rate: float  # step mu
    radius: float
    noise: float  # ||e||_N
    burn_in: int
    centred: int  # the shorter burn-in
    decrement: float


class Instance(NamedTuple):
    x: runs.Classes
    window: Window
    burn_in: int
    alpha: np.ndarray
    lowest: float
    w: np.ndarray  # w_{T0}, ..., shape (m, K, C)
    early: np.ndarray  # the same after the shorter burn-in


def window(x, *, gap=None, least=min):
    gap = x.gap if gap is None else gap
    small, rate, noise = np.sqrt(least(x.sizes)), x.step * x.d[-1], x.length(x.shares - x.clean)
    radius = small * gap / (2 * np.sqrt(2))
    middle = x.shares - 1 / x.shares.shape[1]
    burn_in, centred = (
        runs.smallest_burn_in(rate, max(x.length(v) / radius, 1.0)) for v in (x.shares, middle)
    )
    decrement = rate * radius / noise if noise else np.inf
    return Window(gap, small, rate, radius, noise, burn_in, centred, decrement)


def swept(x, burn_in, alpha):
    start = runs.after(x.M, x.shares, x.step, burn_in)
    return noisy.run(x.M, x.shares, alpha[:-1], x.step, target=runs.one_hot, start=start)


def instance(rng, i, x, *, burn_in=None, faster=1.0, most=300, **wrong):
    allowed = window(x, **wrong)
    burn_in = allowed.burn_in if burn_in is None else burn_in
    largest = faster * allowed.decrement
    alpha, lowest = runs.descending(rng, i // len(noisy.KINDS), largest, allowed.rate, most=most)
    w, early = swept(x, burn_in, alpha), swept(x, allowed.centred, alpha[:100])
    return Instance(x, allowed, burn_in, alpha, lowest, w, early)


def draw(rng, i):
    return instance(rng, i, runs.classes(rng, i))


def lead(x, w):
    """By how much the true class is ahead of the runner-up, shape (m, K)."""
    true = (w * x.x.clean).sum(-1)
    return true - np.where(x.x.clean == 1, -np.inf, w).max(-1)


def targets(x):
    return x.x.clean + np.multiply.outer(x.alpha, x.x.shares - x.x.clean)


def distance(x):
    return x.x.length(x.w - targets(x))


def scale(x):
    return np.sqrt(x.x.sizes.sum())


def right(x):
    return less(0.0, lead(x, x.w).min(), scale=1.0)


def right_early(x):
    return less(0.0, lead(x, x.early).min(), scale=1.0)


def margin(x, *, root=ROOT2, gap=None):
    """The margin in terms of delta."""
    gap = x.window.gap if gap is None else gap
    least = 1 - x.alpha * (1 - gap) - root * distance(x) / x.window.small
    return at_most(least, lead(x, x.w).min(1), scale=1.0)


def worst_direction(x, *, root=ROOT2):
    """A deviation of length g / root, g the lead: half to the runner-up, half from the truth."""
    p = x.x.shares
    rivals = np.where(x.x.clean == 1, -np.inf, p).argmax(-1)
    away = (np.eye(p.shape[1])[rivals] - x.x.clean) / np.sqrt(2)
    off = p + (1 - 1e-9) * lead(x, p)[:, None] / root * away
    return less(0.0, lead(x, off).min(), scale=1.0)


def contracts(x, *, rate=None, share=1.0):
    rate = x.window.rate if rate is None else rate
    delta, moved = distance(x), -np.diff(x.alpha) * x.window.noise
    return both(
        at_most(delta, x.window.radius, scale=scale(x)),
        at_most(delta[1:], (1 - rate) * delta[:-1] + share * moved, scale=scale(x)),
    )


def reaches(x, *, with_delta=1.0, share=1.0):
    most = with_delta * distance(x) + share * x.alpha * x.window.noise
    return at_most(x.x.length(x.w - x.x.clean), most, scale=scale(x))


def limit(x, *, end=None):
    """How far the last distance can be from the limit: what the recursion has left, from D."""
    end = x.lowest * x.window.noise if end is None else end
    left = x.window.radius
    for down in -np.diff(x.alpha):
        left = (1 - x.window.rate) * left + down * x.window.noise
    left += (x.alpha[-1] - x.lowest) * x.window.noise
    return at_most(abs(x.x.length(x.w[-1] - x.x.clean) - end), left, scale=scale(x))


def two_classes(x):
    """The shorter burn-in and the largest fall are those of the theorem, if C = 2."""
    if x.x.shares.shape[1] > 2:
        return equal(0.0, 0.0)
    c = x.x
    rates = 1 - (c.shares * c.clean).sum(1)
    norm = np.sqrt((c.sizes * (1 - 2 * rates) ** 2).sum())
    ratio = 2 * norm / (x.window.small * (1 - 2 * rates.max()))
    at_least = x.window.rate * x.window.small * (1 - 2 * rates.max()) / 4
    spread = np.sqrt((c.sizes * rates**2).sum())
    return both(
        equal(x.window.centred, runs.smallest_burn_in(x.window.rate, ratio)),
        equal(x.window.decrement * spread, at_least) if spread else equal(0.0, 0.0),
    )


def library(x):
    c = x.x
    given = c.shares, c.sizes, c.d[-1]
    options = {"step": c.step, "classes": c.classes}
    burn_in = self_labels.class_burn_in_length(*given, **options)
    yield at_most([x.window.centred, burn_in], [burn_in, x.window.burn_in])
    if x.window.noise:
        found = self_labels.class_largest_decrement(*given, **options)
        yield equal(found, x.window.decrement)
    found = self_labels.class_limit_error(c.shares, c.sizes, x.lowest, classes=c.classes)
    yield equal(found, x.lowest * x.window.noise, scale=scale(x))
    labels = [np.repeat(np.eye(len(n)), n, axis=0) for n in c.counts]
    yield runs.agrees(c, x.w, x.burn_in, x.alpha[:-1], labels=labels, most=300)


def statement(x):
    return both(
        right(x),
        right_early(x),
        margin(x),
        worst_direction(x),
        contracts(x),
        reaches(x),
        limit(x),
        two_classes(x),
        *library(x),
    )


def kept(part):
    return lambda x: None if x is None else part(x)


def few(make):
    """Draw 48 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 48 else None


def lopsided(rng, i):
    """Two clusters of different sizes and classes, three classes, no majority in either."""
    sizes = np.array([[10, 90], [5, 3000], [10, 20], [20, 400]][i % 4])
    shares = np.array([[2, 1, 1], [1, 1, 2]]) / 4
    counts = np.floor(sizes[:, None] * shares).astype(int)
    counts[[0, 1], [0, 2]] += sizes - counts.sum(1)
    if i // 4 % 2:
        centre = runs.half_angle(rng, sizes)
    else:
        c = 1 - 10.0 ** rng.uniform(-2, -0.5)
        centre = np.array([[1, c], [c, 1]])
    return runs.Classes(counts, np.array([0, 2]), centre, 1 / noisy.eigenvalues(centre, sizes)[0])


def altered(rng, i, **wrong):
    return instance(rng, i, lopsided(rng, i), most=400, **wrong)


def outvoted(rng, i):
    """The true class comes second in one cluster; the window is that of the winners."""
    x = runs.classes(rng, i)
    winners = instance(rng, i, x, most=200)
    second = np.argsort(x.shares[0])[-2]
    return winners._replace(x=x._replace(classes=np.insert(x.classes[1:], 0, second)))


RESULT = Result(
    label="cor-several-classes",
    assumptions=(
        "H constant on clusters, H^C > 0",
        "0 < eta <= 1/mu_max",
        "one-hot labels, in every cluster the true class is given more often than any other",
        "u_0 = 0, h = one-hot arg max of the current prediction",
        "alpha_t = 1 up to T_0, T_0 >= 1 long enough",
        "then alpha_t does not increase, and falls slowly enough",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "no plurality": Mutant(kept(right), few(outvoted)),
        "one step of burn-in": Mutant(kept(right), few(lambda r, i: altered(r, i, burn_in=1))),
        "burn-in by the mean size": Mutant(
            kept(contracts),
            few(lambda r, i: altered(r, i, burn_in=window(lopsided(r, i), least=np.mean).burn_in)),
        ),
        "alpha falls at once": Mutant(kept(right), few(lambda r, i: altered(r, i, faster=np.inf))),
        "alpha falls 20 times as fast": Mutant(
            kept(right), few(lambda r, i: altered(r, i, faster=20.0))
        ),
        "alpha falls twice as fast, delta <= D": Mutant(
            kept(contracts), few(lambda r, i: altered(r, i, faster=2.0))
        ),
        "a deviation shorter than the lead, without sqrt(2)": Mutant(
            lambda x: worst_direction(x, root=1.0)
        ),
        "margin without sqrt(2)": Mutant(
            lambda x: margin(x, root=1.0)
        ),
        "margin without delta": Mutant(lambda x: margin(x, root=0.0)),
        "the rate is eta mu_max": Mutant(lambda x: contracts(x, rate=x.x.step * x.x.d[0])),
        "the target moves half as far": Mutant(lambda x: contracts(x, share=0.5)),
        "distance without delta": Mutant(lambda x: reaches(x, with_delta=0.0)),
        "distance with half the noise": Mutant(lambda x: reaches(x, share=0.5)),
        "the limit is clean for every alpha": Mutant(lambda x: limit(x, end=0.0)),
        "limit with 2, as for signs": Mutant(
            lambda x: limit(x, end=2 * x.lowest * x.window.noise)
        ),
    },
    instances=240,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
