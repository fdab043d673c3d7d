"""The bound for a kernel and a ball that are fixed before the sample, over all samples."""

from typing import NamedTuple

import numpy as np

from tests.theorems import finite_populations as finite
from tests.theorems.ledger import Mutant, Result, at_most, both


class Instance(NamedTuple):
    population: finite.Population
    beta: float
    n: int
    delta: float


def draw(rng, i):
    m, n = 2 + i % 3, 1 + i % 5
    p = rng.dirichlet(np.full(m, 0.5 + i % 2))
    s = rng.standard_normal(m) * (10 ** rng.uniform(-6, 0, m) if i % 4 == 0 else 1)
    population = finite.Population(p, s, rng.standard_normal(m), float(rng.uniform(0.3, 2)))
    beta = float(10 ** rng.uniform(-1, 6 if i % 4 == 0 else 1))
    delta, rho = float(rng.uniform(0.05, 0.5)), float(10 ** rng.uniform(-1, 1))
    return Instance(population._replace(rho=rho), beta, n, delta)


def every_sample(x):
    """Indices, counts and probabilities of all samples."""
    index, counts, orders = finite.samples(len(x.population.p), x.n)
    return index, counts, orders * np.prod(x.population.p**counts, axis=1)


def gaps(x):
    """The largest gap over the ball, and its complexity with the loss, for each sample."""
    index, counts, _ = every_sample(x)
    table = x.population.losses(x.population.ball(x.beta))
    return finite.gap(x.population, counts, table), finite.complexity(index, table)


def kernel_after_the_sample(x):
    """The feature is set to zero at the points of the sample: its trace vanishes."""
    found = []
    for row, count in zip(*every_sample(x)[:2], strict=True):
        blind = x.population._replace(s=np.where(count > 0, 0.0, x.population.s))
        table = blind.losses(blind.ball(x.beta))
        found.append(
            (finite.gap(blind, count[None], table)[0], finite.complexity(row[None], table)[0])
        )
    return tuple(np.array(found).T)


def claims(x, *, find=gaps, constant=2.0, lipschitz=1.0, power=1, step=1.0):
    index, _, probability = every_sample(x)
    gap, with_loss = find(x)
    s, M, n = x.population.s, x.population.M, x.n
    rho = lipschitz * x.population.rho**power
    ball = finite.complexity(index, np.outer([-x.beta, x.beta], s))
    capacity = 2 * rho * x.beta * np.sqrt((s[index] ** 2).sum(axis=1)) / n
    deviation = 3 * M * np.sqrt(np.log(2 / x.delta) / (2 * n))
    left, right = finite.neighbours(len(s), n)
    return both(
        at_most(probability @ gap, constant * probability @ with_loss, scale=M),
        at_most(with_loss, rho * ball, scale=M, tol=1e-12 * max(1, rho * x.beta)),
        at_most(np.abs(gap[left] - gap[right]), step * M / n, scale=M),
        at_most(np.abs(with_loss[left] - with_loss[right]), step * M / n, scale=M),
        at_most(probability @ (gap > capacity + deviation), x.delta),
    )


RESULT = Result(
    label="thm-fixed-kernel-bound",
    assumptions=(
        "independent points of one distribution",
        "a loss in [0, M] that is rho-Lipschitz in the prediction",
        "kernel and radius fixed before the sample",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "half instead of twice the complexity": Mutant(lambda x: claims(x, constant=0.5)),
        "kernel chosen after the sample": Mutant(lambda x: claims(x, find=kernel_after_the_sample)),
        "Lipschitz constant halved": Mutant(lambda x: claims(x, lipschitz=0.5)),
        "Lipschitz constant squared": Mutant(lambda x: claims(x, power=2)),
        "bounded differences M / (2n)": Mutant(lambda x: claims(x, step=0.5)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
