"""The bound for all functions at once: a union over dyadic balls of the original kernel."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import finite_populations as finite
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    population: finite.Population
    counts: np.ndarray  # samples, as numbers of draws of each point
    probability: np.ndarray
    norms: np.ndarray  # norms to try the union with
    unit: float
    delta: float


def draw(rng, i):
    """Draw a population with all its samples, or, now and then, a large one with some samples."""
    large = i % 10 == 0
    m, n = (400, 96) if large else (2 + i % 3, 1 + i % 5)
    p = np.full(m, 1 / m) if large else rng.dirichlet(np.ones(m))
    s = rng.uniform(0.5, 1.5, m) if large else rng.standard_normal(m)
    y = rng.uniform(-0.1, 0.1, m) if large else rng.standard_normal(m)
    population = finite.Population(p, s, y, 1.0 if large else float(rng.uniform(0.3, 2)))
    if large:
        counts, probability = rng.multinomial(n, p, 4), np.full(4, 0.25)
    else:
        _, counts, orders = finite.samples(m, n)
        probability = orders * np.prod(p**counts, axis=1)
    norms = 10 ** rng.uniform(-6, 6, 12)
    unit = float(10 ** rng.uniform(-1, 1))
    delta = float(rng.uniform(0.1, 0.5))
    rho = 1.0 if large else float(10 ** rng.uniform(-1, 1))
    population = population._replace(rho=rho)
    return Instance(population, counts, probability, norms, unit, delta)


def room(x, norm, trace, n):
    """What the library adds to the empirical loss."""
    return constrained.rademacher_bound(
        0.0, norm, trace, n, lipschitz=x.population.rho, loss_range=x.population.M,
        confidence=1 - x.delta, unit=x.unit,
    )  # fmt: skip


def ball_of(x, norm):
    return np.maximum(0, np.ceil(np.log2(norm / x.unit)))


def fixed(x, beta, delta, trace, n):
    """The bound of one ball, for a kernel and a radius fixed before the sample."""
    capacity = 2 * x.population.rho * beta * np.sqrt(trace) / n
    return capacity + 3 * x.population.M * np.sqrt(np.log(2 / delta) / (2 * n))


def union(x, *, radius=2.0, which=ball_of, share=None, weights=None):
    """Every function is in a ball with a smaller bound, and the failures add up to delta."""
    trace, n = 1.7, int(x.counts[0].sum())
    j, k = which(x, x.norms), np.arange(5000)
    weights = weights or (lambda j: 1 / ((j + 1) * (j + 2)))
    share = share or weights
    ours = fixed(x, np.maximum(x.unit, radius * x.norms), x.delta * share(j), trace, n)
    theirs = fixed(x, x.unit * 2.0**j, x.delta * weights(j), trace, n)
    return both(
        at_most(x.norms / (x.unit * 2.0**j), 1),
        at_most(theirs / ours, 1),
        at_most(weights(k).sum(), 1),
        equal(room(x, x.norms, trace, n) / ours, np.ones(len(j))),
    )


def frequency(x, blind=False):
    """Probability of a sample for which some function is beyond its bound."""
    bad = 0.0
    for count, weight in zip(x.counts, x.probability, strict=True):
        seen = x.population
        if blind:
            seen = seen._replace(s=np.where(count > 0, 0.0, seen.s))
        c = seen.breaks()
        shells = x.unit * 2.0 ** np.arange(-1, 8)
        c = np.concatenate([c, shells, -shells]) if len(c) < 100 else c[:: len(c) // 40]
        table, n = seen.losses(c), int(count.sum())
        excess = table @ seen.p - table @ count / n
        bad += weight * bool((excess > room(x, np.abs(c), seen.s**2 @ count, n)).any())
    return bad


def claims(x, *, blind=False, **changes):
    return both(union(x, **changes), at_most(frequency(x, blind), x.delta))


RESULT = Result(
    label="thm-valid-bound",
    assumptions=(
        "independent points of one distribution",
        "a loss in [0, M] that is rho-Lipschitz in the prediction",
        "kernel and unit beta_0 fixed before the sample; the function may depend on it",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "norm instead of twice the norm": Mutant(lambda x: union(x, radius=1.0)),
        "ball rounded down": Mutant(
            lambda x: union(x, which=lambda x, r: np.maximum(0, np.floor(np.log2(r / x.unit))))
        ),
        "no price for the union": Mutant(lambda x: union(x, share=np.ones_like)),
        "weights 1 / (j + 1)": Mutant(lambda x: union(x, weights=lambda j: 1 / (j + 1))),
        "kernel chosen after the sample": Mutant(lambda x: claims(x, blind=True)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
