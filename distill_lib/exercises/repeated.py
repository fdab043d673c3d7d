"""Self-checks of chapter 3."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import filters, risk


def _one_number(value, hint):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


@exercise("ex-repeated-risk")
def mixed_risk(answer):
    """Try ``answer(d, theta, sigma, lam, alpha)`` on three directions."""
    d, theta, sigma, lam = np.array([3.0, 1.0, 0.2]), np.array([2.0, -1.0, 0.5]), 0.7, 0.5
    alpha, a = 0.3, filters.ridge(d, lam)

    def parts(b):
        return ((1 - b) ** 2 * theta**2).sum(), (sigma**2 * b**2).sum()

    b = a * (alpha + (1 - alpha) * a)
    bias, variance = parts(b)
    got = _one_number(
        answer(d, theta, sigma, lam, alpha), "Return one number: sum over the directions."
    )
    require(
        not np.isclose(got, sum(parts(a * (1 - alpha + alpha * a)))),
        "The weights are exchanged: alpha is the weight on the labels.",
    )
    require(not np.isclose(got, sum(parts(a))), "This is the teacher's risk.")
    require(not np.isclose(got, sum(parts(a**2))), "This is alpha = 0: where are the labels?")
    require(
        not np.isclose(got, sum(parts(alpha + (1 - alpha) * a))),
        "This is the risk of the targets; the student still has to fit them.",
    )
    require(not np.isclose(got, bias), "The variance is missing.")
    require(not np.isclose(got, variance), "The bias is missing.")
    require(
        not np.isclose(got, bias + (sigma * b**2).sum()),
        "Noise enters by its variance: sigma is squared.",
    )
    require(
        not np.isclose(got, bias + (sigma**2 * b).sum()),
        "The filter multiplies the noise, so its square multiplies the variance.",
    )
    require(not np.isclose(got, (bias + variance) / 3), "Sum over the directions; no mean.")
    require(np.isclose(got, bias + variance), "The risk of the student is not right.")


@exercise("ex-repeated-gap")
def gap(answer):
    """Try ``answer(a, rounds)``: the condition must fail there, and the next fit must help."""
    for a, rounds in ((0.5, 1), (0.9, 3), (0.2, 2), (0.7, 5)):
        got = _one_number(answer(a, rounds), "Return one number, a value of b*.")
        case = f"At a = {a}, rounds = {rounds} you say b* = {got:.4g}."
        arithmetic, geometric = (a**rounds + a ** (rounds + 1)) / 2, a ** (rounds + 0.5)
        require(0 < got < 1, f"{case} But theta^2 / (theta^2 + sigma^2) lies between 0 and 1.")
        require(got > geometric, f"{case} There the condition holds; it should fail.")
        require(
            got < arithmetic,
            f"{case} There fit {rounds + 1} does not help: the bracket is not positive.",
        )


@exercise("ex-repeated-best-round")
def best_round(answer):
    """Try ``answer(d, lam, theta, sigma)`` on many directions against brute force."""
    rng = np.random.default_rng(32)
    tried = np.arange(1, 400)
    for case in range(60):
        d, lam, theta, sigma = 10.0 ** rng.uniform([-1, -1.5, -0.5, -0.5], [1, 0, 0.5, 0.5])
        if case == 0:
            d, lam, theta, sigma = 1.0, 5.0, 3.0, 0.1
        curve = risk.refit_risk([d], [theta], sigma, lam, tried)
        best = int(tried[curve.argmin()])
        got = answer(d, lam, theta, sigma)
        require(np.isclose(got, round(float(got))), "The number of fits is a whole number.")
        require(got >= 1, "There is at least one fit, also where the formula gives less than 1.")
        require(
            got == best,
            f"For d={d:.3g}, lam={lam:.3g}, theta={theta:.3g}, sigma={sigma:.3g} the best number "
            f"of fits is {best}, you say {got}. Compare the risk of both neighbours.",
        )


@exercise("ex-repeated-smallest-ridge")
def smallest_ridge(answer):
    """Try ``answer(d, theta, sigma)``: the ridge from which on no refit can help."""
    d, theta, sigma = np.array([4.0, 1.0, 0.5, 0.0]), np.array([3.0, -0.5, 1.0, 0.3]), 0.6
    ratio = d * sigma**2 / theta**2
    got = _one_number(
        answer(d, theta, sigma),
        "Return one number: the ridge that is large enough in every direction.",
    )
    require(not np.isclose(got, ratio.min()), "Every direction must agree: take the largest.")
    require(not np.isclose(got, ratio[0]), "The largest eigenvalue need not decide. Try them all.")
    require(not np.isclose(got, (d * theta**2 / sigma**2).max()), "Signal and noise are exchanged.")
    require(
        not np.isclose(got, (d * sigma / abs(theta)).max()),
        "The condition compares variances: square theta and sigma.",
    )
    require(
        np.isclose(got, ratio.max()),
        "Solve lam theta^2 >= sigma^2 d for lam, direction by direction.",
    )


@exercise("ex-repeated-limit")
def limit_filter(answer):
    """Try ``answer(d, d0, b0)`` against very many refits with a very small ridge."""
    d, d0, b0, many = np.array([5.0, 1.0, 0.2, 0.05]), 0.4, 0.3, 10**7
    got = np.asarray(answer(d, d0, b0), float)
    require(got.shape == d.shape, f"One filter value an eigenvalue: shape (4,), yours {got.shape}.")
    require(
        not np.allclose(got, 1 - (1 - b0) ** (d / d0)),
        "That is gradient flow with the same match. Flow is sharp at the strong end, not here.",
    )
    require(
        not np.allclose(got, b0 ** (d / d0)),
        "Large eigenvalues must be kept, and your filter removes them.",
    )
    require(
        not np.allclose(got, filters.ridge(d, d0 * (1 / b0 - 1))),
        "That is one ridge fit with this match, the flattest cut.",
    )
    require(
        np.allclose(np.asarray(answer(np.array([d0, d0]), d0, b0), float), b0),
        "At the eigenvalue d0 the filter must be b0, for every number of fits.",
    )
    require(
        np.allclose(got, filters.distilled(d, d0 * np.expm1(-np.log(b0) / many), many), rtol=1e-5),
        "Solve the match for the ridge, and take the logarithm of the filter before tau grows.",
    )


@exercise("ex-repeated-matched-truth")
def matched_truth(answer):
    """Try ``answer(d, lam, sigma, rounds)``: a truth at which refits reach the floor."""
    d, lam, sigma, rounds = np.array([4.0, 1.0, 0.3]), 0.5, 0.8, 3
    theta = np.asarray(answer(d, lam, sigma, rounds), float)
    require(
        theta.shape == d.shape, f"One coefficient an eigenvalue: shape (3,), yours {theta.shape}."
    )
    require(np.isfinite(theta).all(), "All coefficients must be finite numbers.")
    require(
        abs(theta).min() > 0,
        "Without truth the floor is 0, and no finite number of fits gets there.",
    )
    require(
        not np.allclose(theta**2, sigma**2 * d / lam),
        "This truth is matched to one fit; rounds is 3 here.",
    )
    reached = float(risk.refit_risk(d, theta, sigma, lam, rounds))
    floor = risk.oracle_risk(theta, sigma)
    require(
        np.isclose(reached, floor, rtol=1e-9),
        f"Three fits have risk {reached:.4f} at your truth, the floor is {floor:.4f}. "
        "Set a^tau equal to theta^2 / (theta^2 + sigma^2).",
    )
