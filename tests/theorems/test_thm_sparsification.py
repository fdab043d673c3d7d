"""The ratio of two filter values grows at least geometrically with the rounds."""

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import collapsing_paths as paths
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


def draw(rng, i, **options):
    return paths.draw(rng, i, distinct=True, **options)


def logs_of_bound(x, *, shift=1.0, largest=False, last_norm=False):
    """Logarithm of one factor of the bound, for every pair; one row a round."""
    gap, p = paths.relative_gaps(x.positive)
    if largest:
        gap, p = gap * x.kappa, p * x.kappa
    r = (x.r[:-1] if last_norm else np.full(x.rounds, x.r[0]))[:, None]
    return np.log1p(gap / (r - shift + p))


def library(x, t):
    k, j = np.triu_indices(len(x.d), 1)
    return np.log(constrained.sparsity_ratio_bound(x.d, x.r[0], t)[k, j])


def claims(x, *, more=0, times=1.0, **wrong):
    found = paths.log_ratios(x.log_b)
    if (
        not found.size or (found <= 0).any()
    ):  # a repeated eigenvalue: no pair with d_k > d_j to speak of
        return None
    t = np.arange(1, x.rounds + 1)[:, None]
    bound = (t + more) * times * logs_of_bound(x, **wrong)
    # Relative: the logarithms may be twelve decades apart.
    parts = [at_most(bound / found, 1, tol=1e-8, scale=1)]
    if not wrong and not more and times == 1 and x.regular:
        parts.append(equal(library(x, x.rounds), bound[-1], tol=1e-9, scale=1 + bound.max()))
    return both(*parts)


RESULT = Result(
    label="thm-sparsification",
    assumptions=(
        "K symmetric positive definite",
        "the same tolerance in every round",
        "rounds 0, ..., t - 1 do not collapse",
        "d_k > d_j",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "exponent t + 1": Mutant(lambda x: claims(x, more=1)),
        "exponent 2 t": Mutant(lambda x: claims(x, times=2.0)),
        "d_max for d_min": Mutant(lambda x: claims(x, largest=True)),
        "last norm in every factor": Mutant(lambda x: claims(x, last_norm=True)),
        "singular kernel, smallest positive eigenvalue": Mutant(
            draw=lambda rng, i: draw(rng, i, singular=True)
        ),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
