"""What the norm has lost has been paid into the ratio of the filter values."""

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import collapsing_paths as paths
from tests.theorems.ledger import Mutant, Result, at_most, both, equal
from tests.theorems.test_thm_sparsification import draw


def claims(x, *, add=1.0, exponent=1.0, largest=False):
    found = paths.log_ratios(x.log_b)
    if not found.size or (found <= 0).any():  # a repeated eigenvalue
        return None
    gap, _ = paths.relative_gaps(x.positive)
    gap = gap * exponent * (x.kappa if largest else 1.0)
    bound = gap * np.log((x.r[0] + add) / (x.r[1:, None] + add))
    end = gap * np.log((x.r[0] + add) / (1 + add))
    parts = [
        at_most(bound / found, 1, tol=1e-8, scale=1),
        at_most(end / found[-1], 1, tol=1e-8, scale=1),
    ]
    if x.regular and (add, exponent, largest) == (1.0, 1.0, False):
        k, j = np.triu_indices(len(x.d), 1)
        by_library = np.log(constrained.no_cap_bound(x.d, x.r[0], x.r[-1])[k, j])
        parts.append(equal(by_library, bound[-1], tol=1e-9, scale=1 + bound.max()))
    return both(*parts)


RESULT = Result(
    label="prp-no-cap",
    assumptions=(
        "K symmetric positive definite",
        "the same tolerance in every round",
        "rounds 0, ..., t - 1 do not collapse",
        "d_k > d_j",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "r for r + 1": Mutant(lambda x: claims(x, add=0.0)),
        "exponent doubled": Mutant(lambda x: claims(x, exponent=2.0)),
        "d_max for d_min in the exponent": Mutant(lambda x: claims(x, largest=True)),
        "singular kernel, smallest positive eigenvalue": Mutant(
            draw=lambda rng, i: draw(rng, i, singular=True)
        ),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
