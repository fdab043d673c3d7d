"""Self-checks of chapter 3."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import filters, risk


@exercise("ex-repeated-refits")
def refits(answer):
    """Try ``answer(K, y, lam, rounds)`` on a random kernel matrix."""
    rng = np.random.default_rng(31)
    A = rng.standard_normal((5, 5))
    K, y, lam = A @ A.T, rng.standard_normal(5), 0.7

    def fitted(rounds, ridge=lam):
        values = y
        for _ in range(rounds):
            values = K @ np.linalg.solve(K + ridge * np.eye(5), values)
        return values

    got = np.asarray(answer(K, y, lam, 3), float)
    require(got.shape == y.shape, f"The fitted values have shape (5,), yours {got.shape}.")
    require(not np.allclose(got, fitted(4)), "One fit too many: rounds = 1 is the ordinary fit.")
    require(not np.allclose(got, fitted(2)), "One fit is missing: rounds counts the first fit too.")
    require(not np.allclose(got, fitted(1)), "Each fit takes the values of the fit before, not y.")
    require(
        not np.allclose(got, fitted(1, 3 * lam)),
        "This is one fit with 3 * lam. Refits are not a larger ridge.",
    )
    dual = np.linalg.solve(K + lam * np.eye(5), fitted(2))
    require(not np.allclose(got, dual), "These are dual coefficients; multiply by K.")
    require(np.allclose(got, fitted(3)), "The values after three fits are not right.")
    require(np.allclose(answer(K, y, lam, 1), fitted(1)), "rounds = 1 must be the ordinary fit.")


@exercise("ex-repeated-risk")
def fixed_design_risk(answer):
    """Try ``answer(d, theta, sigma, lam, rounds)`` on three directions."""
    d, theta, sigma, lam = np.array([3.0, 1.0, 0.2]), np.array([2.0, -1.0, 0.5]), 0.7, 0.5
    b = filters.distilled(d, lam, 2)
    bias, variance = ((1 - b) ** 2 * theta**2).sum(), (sigma**2 * b**2).sum()
    got = float(answer(d, theta, sigma, lam, 2))
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
    require(np.isclose(got, bias + variance), "The risk of two fits is not right.")


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
    got = float(answer(d, theta, sigma))
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
    """Try ``answer(d, s)`` against very many refits with a very small ridge."""
    d, s = np.array([5.0, 1.0, 0.2, 0.05]), 0.3
    got = np.asarray(answer(d, s), float)
    require(got.shape == d.shape, f"One filter value an eigenvalue: shape (4,), yours {got.shape}.")
    require(
        not np.allclose(got, -np.expm1(-s * d)),
        "That is gradient flow, 1 - exp(-s d). Here large eigenvalues stay, small ones go.",
    )
    require(not np.allclose(got, np.exp(-s * d)), "Large eigenvalues must be kept: it is s / d.")
    require(not np.allclose(got, filters.ridge(d, s)), "That is one ridge fit, the weakest cut.")
    require(
        np.allclose(got, filters.distilled(d, s / 10**7, 10**7), rtol=1e-5),
        "Let tau grow in (1 + s/(tau d))^(-tau).",
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
