"""Each refit is worse on the given labels and closer to its teacher: chapter 1."""

from typing import NamedTuple

import numpy as np

from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

ROUNDS = 8
# A strict increase below this share of ||y||^2 is lost in the rounding of the fits.
SATURATED = 1e-9


class Case(NamedTuple):
    """Kernel matrix from its known eigenvalues `d` and eigenvectors `U`, ridge, labels, truth."""

    d: np.ndarray
    U: np.ndarray
    lam: float
    y: np.ndarray
    truth: np.ndarray

    @property
    def K(self):
        return (self.U * self.d) @ self.U.T


def spectrum(rng, i, n):
    """Eigenvalues: ordinary, twelve decades wide, repeated, with zeros, or all zero."""
    return [
        rng.uniform(0.1, 3, n),
        np.geomspace(1e-12, 1, n),
        np.repeat(rng.uniform(0.1, 3), n),
        np.where(np.arange(n) < (n + 1) // 2, rng.uniform(0.1, 3, n), 0.0),
        rng.exponential(size=n) ** 3 + 1e-3,
        np.zeros(n),
    ][i % 6]


def draw(rng, i):
    n = 1 if i % 7 == 0 else int(rng.integers(2, 12))
    d = spectrum(rng, i, n)
    U = np.linalg.qr(rng.standard_normal((n, n)))[0]
    lam = float(10 ** rng.uniform(-2, 2))
    truth = rng.standard_normal(n)
    y = truth + rng.standard_normal(n)
    if i % 6 == 3 and i % 4 == 1:  # labels that the kernel cannot see: K y = 0
        y = U @ np.where(d > 0, 0.0, U.T @ y)
    return Case(d, U, lam, y, truth)


def refits(case, *, weight=0.0, growth=1.0, rounds=ROUNDS):
    """Return y^(0), ..., y^(rounds) by brute force: solve, predict, repeat.

    For mutants: a `weight` on the labels from fit 2 on, a ridge times `growth` after each fit.
    """
    fits, K, lam = [case.y], case.K, case.lam
    for tau in range(rounds):
        targets = weight * case.y + (1 - weight) * fits[-1] if tau else case.y
        fits.append(K @ np.linalg.solve(K + lam * np.eye(len(K)), targets))
        lam *= growth
    return np.array(fits)


def squared(distances):
    return (distances**2).sum(axis=1)


def least_increase(case):
    """The smallest predicted step of ||y^(tau) - y||^2 from round 1 on, through the filter."""
    z, a = case.U.T @ case.y, case.d / (case.d + case.lam)
    errors = [(((1 - a**tau) * z) ** 2).sum() for tau in range(1, ROUNDS + 1)]
    return np.diff(errors).min()


def sees_the_labels(case):
    """Whether K y != 0: some label component lies along a positive eigenvalue."""
    return np.linalg.norm((case.U.T @ case.y)[case.d > 0]) > 1e-9 * np.linalg.norm(case.y)


def claims(case, *, reference=None, always_strict=False):
    fits, scale, seen = refits(case), (case.y**2).sum(), sees_the_labels(case)
    if seen and least_increase(case) < SATURATED * scale:
        return None
    errors = squared(fits[1:] - (case.y if reference is None else reference))
    if seen or always_strict:
        rises = less(errors[:-1], errors[1:], scale=scale)
    else:
        rises = equal(errors[:-1], errors[1:], scale=scale)
    copying = squared(np.diff(fits, axis=0))
    return both(rises, at_most(copying[1:], copying[:-1], scale=scale))


def far_away(case):
    """The third part: after very many refits nothing is left."""
    K = case.K
    S = np.linalg.solve(K + case.lam * np.eye(len(K)), K)
    largest = case.d.max() / (case.d.max() + case.lam)
    # largest ** (2 ** squarings) < exp(-40)
    squarings = int(np.ceil(np.log2(40 / -np.log(largest)))) if largest > 0 else 1
    for _ in range(squarings):
        S = S @ S
    left = S @ case.y
    return equal(left, np.zeros_like(left), tol=1e-8, scale=np.linalg.norm(case.y))


def statement(case):
    verdict = claims(case)
    return verdict and both(verdict, far_away(case))


def against_the_truth(case):
    return claims(case, reference=case.truth)


def copying_gets_worse(case):
    copying = squared(np.diff(refits(case), axis=0))
    return at_most(copying[:-1], copying[1:], scale=(case.y**2).sum())


def strict_without_condition(case):
    return claims(case, always_strict=True)


def error_falls(case):
    errors = squared(refits(case)[1:] - case.y)
    return at_most(errors[1:], errors[:-1], scale=(case.y**2).sum())


def nothing_left_of_a_mix(case):
    left = refits(case, weight=0.1, rounds=300)[-1]
    return equal(left, np.zeros_like(left), tol=1e-8, scale=np.linalg.norm(case.y))


def closer_copies_with_a_growing_ridge(case):
    copying = squared(np.diff(refits(case, growth=4.0), axis=0))
    return at_most(copying[1:], copying[:-1], scale=(case.y**2).sum())


def negative_ridge(rng, i):
    case = draw(rng, i)
    return case._replace(lam=-case.lam)


def indefinite_kernel(rng, i):
    case = draw(rng, i)
    return case._replace(d=case.d - 0.5 * case.d.max())


def rises(case):
    """The first part alone, without its condition for strictness."""
    errors = squared(refits(case)[1:] - case.y)
    return at_most(errors[:-1], errors[1:], scale=(case.y**2).sum())


RESULT = Result(
    label="prp-train-error-rises",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "strictly if and only if K y != 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "error against the truth instead of the labels": Mutant(statement=against_the_truth),
        "distance to the previous fit grows": Mutant(statement=copying_gets_worse),
        "training error falls": Mutant(statement=error_falls),
        "strict also when K y = 0": Mutant(statement=strict_without_condition),
        "nothing is left, with a tenth of the labels in the mix": Mutant(
            statement=nothing_left_of_a_mix
        ),
        "closer copies, with a ridge that grows": Mutant(
            statement=closer_copies_with_a_growing_ridge
        ),
        "lam < 0 allowed": Mutant(statement=rises, draw=negative_ridge),
        "K not positive semidefinite": Mutant(statement=rises, draw=indefinite_kernel),
    },
    instances=360,
)
test_holds, test_mutants_fail = RESULT.tests()
