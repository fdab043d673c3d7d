"""Self-checks of chapter 6."""

from __future__ import annotations

import math

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import constrained


def _same(got, want):
    return got.shape == want.shape and np.allclose(got, want, rtol=1e-6, atol=0)


@exercise("ex-equivalent-spectrum")
def spectrum_of_the_new_kernel(answer):
    """Try the eigenvalues of the equivalent kernel."""
    d = np.array([5.0, 1.2, 0.3, 0.04])
    for ridges in (np.array([0.1, 0.4, 0.9]), np.array([0.7]), np.array([2.0, 0.5])):
        got = np.asarray(answer(d.copy(), ridges.copy()), dtype=float)
        _judge_spectrum(got, d, ridges)


def _judge_spectrum(got, d, ridges):
    """Name what is wrong with the eigenvalues."""
    product = np.prod(1 + ridges[:, None] / d, axis=0)
    want = constrained.equivalent_eigenvalues(d, ridges)
    require(
        got.shape == d.shape,
        f"There is one eigenvalue a direction: shape {d.shape}, not {got.shape}.",
    )
    require(
        not _same(got, 1 / product),
        "That is the filter of the last round. Solve b = e / (lam_0 + e) for the eigenvalue e.",
    )
    require(not _same(got, ridges[0] / product), "The 1 is missing: 1/b - 1, not 1/b.")
    require(
        len(ridges) == 1 or not _same(got, ridges[-1] / (product - 1)),
        "The one fit has the ridge of the first round, not of the last.",
    )
    require(
        len(ridges) == 1 or not _same(got, d * ridges[0] / ridges.sum()),
        "The ridges do not add up. Their factors 1 + lam / d multiply.",
    )
    require(
        _same(got, want),
        f"For d = {d}, ridges = {ridges} the first eigenvalue is not {got.flat[0]:.6g}.",
    )


@exercise("ex-equivalent-limits")
def strong_and_weak_directions(answer):
    """Try the two limits of the equivalent eigenvalue for a fixed ridge."""
    for d, lam, fits in ((3.0, 0.5, 4), (0.2, 2.0, 3), (7.0, 7.0, 2), (1.3, 0.1, 6)):
        require(
            np.shape(answer(d, lam, fits)) == (2,),
            "Return a pair: the value for strong directions, then the value for weak ones.",
        )
        strong, weak = (float(v) for v in answer(d, lam, fits))
        wanted = d / fits, lam * (d / lam) ** fits
        require(
            not (math.isclose(strong, wanted[1]) and math.isclose(weak, wanted[0])),
            "The two are exchanged: a strong direction has d much larger than the ridge.",
        )
        require(
            not math.isclose(strong, d),
            "A strong direction is kept nearly in full by the filter, but its eigenvalue falls: "
            "expand (1 + lam / d)^fits to first order.",
        )
        require(math.isclose(strong, wanted[0], rel_tol=1e-6), "The strong limit is off.")
        require(
            not math.isclose(weak, (d / lam) ** fits),
            "That is the filter of a weak direction. Its eigenvalue is the ridge times that.",
        )
        require(
            not math.isclose(weak, d**fits),
            "Mind the units: an eigenvalue has the units of d, not of a power of it.",
        )
        require(math.isclose(weak, wanted[1], rel_tol=1e-6), "The weak limit is off.")


def _bound(n, norm=25.0, empirical=0.17):
    """Bound of the explore exercise at n points."""
    return float(
        constrained.rademacher_bound(
            empirical, norm, n / 90, n, lipschitz=1, loss_range=1, confidence=0.95
        )
    )


def _points_needed(level):
    """Smallest n whose bound is below `level`: the bound falls with n."""
    low, high = 1, 10**7
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _bound(middle) < level else (middle, high)
    return high


@exercise("ex-equivalent-points")
def points_needed(answer):
    """Try the number of points from which on the bound says something."""
    require(
        np.shape(answer) == (2,),
        "The answer is a pair: points for a bound below 1, points for a bound below 0.63.",
    )
    got, want = [float(v) for v in answer], [_points_needed(1.0), _points_needed(0.63)]
    require(
        not np.allclose(got, want[::-1], rtol=0.02),
        "The two numbers are exchanged: the lower level takes more points.",
    )
    doubled = _bound(want[0]) - 0.17
    require(
        not math.isclose(got[0], (doubled * math.sqrt(want[0])) ** 2, rel_tol=0.02),
        "You left out the empirical loss of 0.17.",
    )
    for name, value, right in zip(("first", "second"), got, want, strict=True):
        require(
            math.isclose(value, right, rel_tol=0.02),
            f"The {name} number is off: at {value:.0f} points the bound is "
            f"{_bound(max(int(value), 1)):.3f}. The trace grows with n, as n / 90.",
        )
