"""Self-checks of chapter 5."""

from __future__ import annotations

import math

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import Spectrum, constrained


@exercise("ex-sparsification-rounds")
def number_of_rounds(answer):
    """Try the two bounds on the number of fits, from r_0 and the condition number."""
    cases = ((3.5, 1.0), (3.5, 4.0), (7.2, 1.3), (1.1, 50.0), (3.57, math.inf), (4.0, 1.0))
    for r0, kappa in cases:
        got = answer(r0, kappa)
        require(np.shape(got) == (2,), "Return a pair: at least, at most.")
        _judge_rounds(got, r0, kappa)


def _judge_rounds(got, r0, kappa):
    """Name what is wrong with a pair of bounds."""
    low = math.ceil(r0 - 1)
    square = math.ceil(r0**2) - 1
    high = min(square, math.ceil(kappa * (r0 - 1) + 1) - 1) if kappa < math.inf else square
    case = f"For r0 = {r0} and kappa = {kappa:g}"
    require(
        got[0] == low or got[0] != math.ceil((r0 - 1) / kappa),
        f"{case} the first number is the paper's. The triangle inequality needs no kappa.",
    )
    require(
        got[0] == low or got[0] not in (math.ceil(r0), math.floor(r0)),
        f"{case} you promise a round that may collapse: round t is a fit only if r_t > 1.",
    )
    require(got[0] == low, f"{case} at least {got[0]} is not what r_t >= r0 - t gives.")
    require(
        got[1] == high or got[1] != square,
        f"{case} the bound with kappa is the smaller one: N < kappa (r0 - 1) + 1.",
    )
    require(
        got[1] != high + 1,
        f"{case} the second number is one too large: N is *smaller* than the bound.",
    )
    require(got[1] == high, f"{case} at most {got[1]} is not the smaller of the two bounds.")


@exercise("ex-sparsification-enough")
def fits_that_are_enough(answer):
    """Try the number of fits after which the ratio of two filter values is certain."""
    cases = (
        (2.0, 1.0, 1.0, 15.0, 1.5),
        (2.0, 1.5, 1.0, 5.0, 1.1),
        (3.0, 0.5, 0.2, 9.0, 1.2),
        (5.0, 4.0, 1.0, 40.0, 1.01),
    )
    for upper, lower, smallest, r0, target in cases:
        _judge_enough(
            answer(upper, lower, smallest, r0, target), upper, lower, smallest, r0, target
        )


def _fits(upper, lower, smallest, r0, target, shift=1.0):
    """Return the number of fits after which the bound reaches `target`, not rounded."""
    gap = smallest / lower - smallest / upper
    return math.log(target) / math.log1p(gap / (r0 - shift + smallest / upper))


def _judge_enough(got, upper, lower, smallest, r0, target):
    """Name what is wrong with a number of fits."""
    exact = _fits(upper, lower, smallest, r0, target)
    want = math.ceil(exact)
    case = f"For d = {upper} over {lower}, d_min = {smallest}, r0 = {r0} and the ratio {target}"
    require(
        got == want or got != math.floor(exact),
        f"{case} your number is rounded down: the bound has not reached the target yet.",
    )
    require(
        got == want or not math.isclose(got, exact, rel_tol=1e-9),
        f"{case} the number of fits has to be whole.",
    )
    require(
        got == want or got != math.ceil(_fits(upper, lower, smallest, r0, target, shift=0.0)),
        f"{case} it looks as if r0 stood in the place of r0 - 1.",
    )
    require(
        got == want or got != math.ceil(_fits(upper, lower, 1.0, r0, target)),
        f"{case} it looks as if d_min were left out: p = d_min / d.",
    )
    require(got == want, f"{case} {got} fits are not the smallest number that is certain.")


@exercise("ex-sparsification-longest")
def longest_path(answer):
    """Try eigenvalues and coefficients with r_0 = 5 whose path has at least twelve rounds."""
    require(
        isinstance(answer, tuple) and len(answer) == 2,
        "The answer is a pair: the eigenvalues, then the coefficients.",
    )
    d, z = (np.asarray(part, dtype=float) for part in answer)
    require(d.ndim == 1 and d.shape == z.shape, "One coefficient for each eigenvalue.")
    require(
        np.isfinite(d).all() and (d > 0).all() and (np.diff(d) <= 0).all(),
        "The eigenvalues must be positive and in descending order.",
    )
    require(
        math.isclose(float((z**2).sum()), 25.0, rel_tol=1e-9),
        f"The squares of the coefficients add up to {(z**2).sum():.4g}; r0 = 5 asks for 25.",
    )
    n = len(d)
    rounds = constrained.distill(Spectrum(d, np.eye(n)), z, 1 / n).rounds
    require(
        rounds > 4,
        f"Your path has {rounds} rounds, which every path with r0 = 5 has. One direction alone "
        "does that. Which step takes much off the square of the norm, and which takes little?",
    )
    require(
        rounds >= 12,
        f"Your path has {rounds} rounds. It should have at least 12. Let each round remove one "
        "direction and leave the others as they are.",
    )
