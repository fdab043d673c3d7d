"""Ridge multiplies each component of the targets by d / (d + lam): chapter 2."""

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


def fitted(p):
    """Without any eigenvector: minimise over the weights, then predict the training points."""
    return p.features @ problems.primal_weights(p.features, p.y, p.lam)


def filtered(p, b):
    """With our own eigenvectors, from the kernel matrix alone."""
    d, U = np.linalg.eigh(p.K)
    return U @ (b(np.maximum(d, 0), p.lam) * (U.T @ p.y))


def statement(p, b=lambda d, lam: d / (d + lam)):
    library = Spectrum.from_gram(p.K)
    with_library = library.apply(filters.ridge(library.eigenvalues, p.lam), p.y)
    scale = np.abs(p.y).max()
    return both(
        equal(filtered(p, b), fitted(p), tol=1e-9, scale=scale),
        equal(with_library, fitted(p), tol=1e-9, scale=scale),
        shrinks(p),
    )


def shrinks(p):
    """No component of the targets grows."""
    fit = p.K @ np.linalg.solve(p.K + p.lam * np.eye(len(p.y)), p.y)
    return at_most(np.abs(p.U.T @ fit), np.abs(p.U.T @ p.y))


def wrong(b):
    return Mutant(
        statement=lambda p: equal(filtered(p, b), fitted(p), tol=1e-9, scale=np.abs(p.y).max())
    )


def indefinite(rng, i):
    """A matrix that is no kernel matrix: it has negative eigenvalues."""
    p = problems.draw(rng, i)
    return p._replace(d=p.d - 0.4 * p.d.max())


RESULT = Result(
    label="prp-ridge-filter",
    assumptions=("K symmetric positive semidefinite", "lam > 0"),
    draw=problems.draw,
    statement=statement,
    mutants={
        "lam / (d + lam)": wrong(lambda d, lam: lam / (d + lam)),
        "singular values instead of eigenvalues": wrong(
            lambda d, lam: np.sqrt(d) / (np.sqrt(d) + lam)
        ),
        "squared": wrong(lambda d, lam: (d / (d + lam)) ** 2),
        "sign of lam flipped": wrong(lambda d, lam: d / (d - lam)),
        "K not positive semidefinite": Mutant(statement=shrinks, draw=indefinite),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
