"""The risk formula against the mean over every pattern of signs of the noise."""

import itertools
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal


class Instance(NamedTuple):
    K: np.ndarray
    lam: float
    rounds: int
    truth: np.ndarray
    sigma: float
    noise: np.ndarray  # every value that the noise vector takes, equally often


def draw(rng, i):
    n = 1 if i % 5 == 4 else int(rng.integers(2, 7))
    d = refits.eigenvalues(rng, i, n)
    Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    K = (Q * d) @ Q.T
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    sigma = 10.0 ** rng.uniform(-1, 1)
    lam, rounds = d.max() * 10.0 ** rng.uniform(-3, 1), int(rng.integers(1, 6))
    return Instance((K + K.T) / 2, lam, rounds, rng.standard_normal(n), sigma, sigma * signs)


def other_noise(change):
    def drawn(rng, i):
        x = draw(rng, i)
        return x._replace(noise=change(rng, x.noise))

    return Mutant(draw=drawn)


def correlated(rng, noise):
    """Give every target the same noise: the same variances, but full correlation."""
    return noise @ np.ones((noise.shape[1], noise.shape[1])) / np.sqrt(noise.shape[1])


def check(x, *, variance_power=2, miss=lambda b: 1 - b, noise_power=2):
    values = x.truth + x.noise
    for _ in range(x.rounds):  # refits by direct solves
        values = np.linalg.solve(x.K + x.lam * np.eye(len(x.K)), x.K @ values.T).T
        values = np.ascontiguousarray(values)
    mean = values.mean(0)
    spectrum = Spectrum.from_gram(x.K)
    b = filters.distilled(spectrum.eigenvalues, x.lam, x.rounds)
    theta = spectrum.expand(x.truth)
    bias = (miss(b) ** 2 * theta**2).sum()
    variance = (x.sigma**noise_power * b**variance_power).sum()
    total = ((values - x.truth) ** 2).sum(1).mean()
    return both(
        equal(((mean - x.truth) ** 2).sum(), bias, tol=1e-8, scale=total),
        equal(((values - mean) ** 2).sum(1).mean(), variance, tol=1e-8, scale=total),
        equal(total, bias + variance, tol=1e-8, scale=total),
    )


RESULT = Result(
    label="prp-fixed-design-risk",
    assumptions=(
        "K symmetric positive semidefinite, fixed inputs",
        "noise of mean 0 in every target",
        "the same variance in every target",
        "noise uncorrelated between targets",
        "the filter does not depend on the targets",
    ),
    draw=draw,
    statement=check,
    mutants={
        "variance with b instead of b^2": Mutant(lambda x: check(x, variance_power=1)),
        "bias with 1 - b^2": Mutant(lambda x: check(x, miss=lambda b: 1 - b**2)),
        "sigma instead of sigma^2": Mutant(lambda x: check(x, noise_power=1)),
        "noise with a mean": other_noise(lambda rng, noise: noise + 0.3 * abs(noise[0, 0])),
        "correlated noise": other_noise(correlated),
        "noise only in the first target": other_noise(
            lambda rng, noise: noise * np.r_[np.sqrt(noise.shape[1]), np.zeros(noise.shape[1] - 1)]
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
