"""Exercises of chapter 3: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def risk(d, theta, sigma, lam, alpha):
    a = d / (d + lam)
    return risk_of(a * (alpha + (1 - alpha) * a), theta, sigma)


def risk_of(b, theta, sigma):
    return ((1 - b) ** 2 * theta**2 + sigma**2 * b**2).sum()


def between(a, rounds, share=0.5):
    """Between the geometric mean (share 0) and the arithmetic mean (share 1)."""
    return share * (a**rounds + a ** (rounds + 1)) / 2 + (1 - share) * a ** (rounds + 0.5)


def best_round(d, lam, theta, sigma):
    a, best = d / (d + lam), theta**2 / (theta**2 + sigma**2)
    tau = max(1, int(np.floor(np.log(best) / np.log(a))))
    return tau + 1 if a**tau * (1 + a) > 2 * best else tau


def turn(d, lam, theta, sigma):
    return np.log1p(sigma**2 / theta**2) / np.log1p(lam / d)


RIGHT = {
    "ex-repeated-risk": risk,
    "ex-repeated-gap": between,
    "ex-repeated-best-round": best_round,
    "ex-repeated-smallest-ridge": lambda d, theta, sigma: (sigma**2 * d / theta**2).max(),
    "ex-repeated-limit": lambda d, d0, b0: b0 ** (d0 / d),
    "ex-repeated-matched-truth": lambda d, lam, sigma, rounds: (
        -sigma / np.sqrt((1 + lam / d) ** rounds - 1)
    ),
}

WRONG = [
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, t, s, lam, 1 - alpha), "exchanged"),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, t, s, lam, 1), "the teacher's"),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, t, s, lam, 0), "alpha = 0"),
    (
        "ex-repeated-risk",
        lambda d, t, s, lam, alpha: risk_of(alpha + (1 - alpha) * d / (d + lam), t, s),
        "still has to fit",
    ),
    (
        "ex-repeated-risk",
        lambda d, t, s, lam, alpha: risk(d, t, 0, lam, alpha),
        "variance is missing",
    ),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, 0, s, lam, alpha), "bias is missing"),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, t, s**0.5, lam, alpha), "squared"),
    (
        "ex-repeated-risk",
        lambda d, t, s, lam, alpha: (
            risk(d, t, 0, lam, alpha)
            + (s**2 * d / (d + lam) * (alpha + (1 - alpha) * d / (d + lam))).sum()
        ),
        "multiplies the noise",
    ),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: risk(d, t, s, lam, alpha) / 3, "no mean"),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: 1.0, "of the student"),
    ("ex-repeated-risk", lambda d, t, s, lam, alpha: d, "one number"),
    ("ex-repeated-gap", lambda a, rounds: between(a, rounds, 0), "condition holds"),
    ("ex-repeated-gap", lambda a, rounds: between(a, rounds, 1), "not positive"),
    ("ex-repeated-gap", lambda a, rounds: between(a, rounds - 1), "does not help"),
    ("ex-repeated-gap", lambda a, rounds: 1 / between(a, rounds), "between 0 and 1"),
    ("ex-repeated-gap", lambda a, rounds: np.array([a, a]), "one number"),
    ("ex-repeated-best-round", turn, "whole number"),
    ("ex-repeated-best-round", lambda *x: int(np.floor(turn(*x))), "at least one"),
    ("ex-repeated-best-round", lambda *x: max(1, int(np.floor(turn(*x)))), "both neighbours"),
    ("ex-repeated-best-round", lambda *x: max(1, int(np.ceil(turn(*x)))), "both neighbours"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * s**2 / t**2).min(), "largest"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: d[0] * s**2 / t[0] ** 2, "need not decide"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * t**2 / s**2).max(), "exchanged"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * s / abs(t)).max(), "variances"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: 1.0, "Solve"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: d * s**2 / t**2, "one number"),
    ("ex-repeated-limit", lambda d, d0, b0: 1 - (1 - b0) ** (d / d0), "gradient flow"),
    ("ex-repeated-limit", lambda d, d0, b0: b0 ** (d / d0), "removes them"),
    ("ex-repeated-limit", lambda d, d0, b0: d / (d + d0 * (1 - b0) / b0), "one ridge"),
    ("ex-repeated-limit", lambda d, d0, b0: np.exp(-d0 / d), "must be b0"),
    ("ex-repeated-limit", lambda d, d0, b0: b0 + 0 * d, "logarithm"),
    ("ex-repeated-limit", lambda d, d0, b0: 0.0, "shape"),
    (
        "ex-repeated-matched-truth",
        lambda d, lam, sigma, rounds: sigma * np.sqrt(d / lam),
        "matched to one fit",
    ),
    ("ex-repeated-matched-truth", lambda d, lam, sigma, rounds: 0 * d, "Without truth"),
    ("ex-repeated-matched-truth", lambda d, lam, sigma, rounds: d, "Set a"),
    ("ex-repeated-matched-truth", lambda d, lam, sigma, rounds: d * np.inf, "finite"),
    ("ex-repeated-matched-truth", lambda d, lam, sigma, rounds: 1.0, "shape"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label, capsys):
    check(label, RIGHT[label])
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", RIGHT)
def test_placeholders_fail(label):
    with pytest.raises(Unfilled):
        check(label, lambda *arguments: ...)
