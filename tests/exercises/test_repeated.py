"""Exercises of chapter 3: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def refits(K, y, lam, rounds):
    values = y
    for _ in range(rounds):
        values = K @ np.linalg.solve(K + lam * np.eye(len(K)), values)
    return values


def risk(d, theta, sigma, lam, rounds):
    b = (d / (d + lam)) ** rounds
    return ((1 - b) ** 2 * theta**2 + sigma**2 * b**2).sum()


def best_round(d, lam, theta, sigma):
    a, best = d / (d + lam), theta**2 / (theta**2 + sigma**2)
    tau = max(1, int(np.floor(np.log(best) / np.log(a))))
    return tau + 1 if a**tau * (1 + a) > 2 * best else tau


def turn(d, lam, theta, sigma):
    return np.log1p(sigma**2 / theta**2) / np.log1p(lam / d)


def filtered(d, lam, rounds, power):
    return (d / (d + lam)) ** (power * rounds)


RIGHT = {
    "ex-repeated-refits": refits,
    "ex-repeated-risk": risk,
    "ex-repeated-best-round": best_round,
    "ex-repeated-smallest-ridge": lambda d, theta, sigma: (sigma**2 * d / theta**2).max(),
    "ex-repeated-limit": lambda d, s: np.exp(-s / d),
    "ex-repeated-matched-truth": lambda d, lam, sigma, rounds: (
        -sigma / np.sqrt((1 + lam / d) ** rounds - 1)
    ),
}

WRONG = [
    ("ex-repeated-refits", lambda K, y, lam, rounds: refits(K, y, lam, rounds + 1), "too many"),
    ("ex-repeated-refits", lambda K, y, lam, rounds: refits(K, y, lam, rounds - 1), "missing"),
    ("ex-repeated-refits", lambda K, y, lam, rounds: refits(K, y, lam, 1), "not y"),
    ("ex-repeated-refits", lambda K, y, lam, rounds: refits(K, y, 3 * lam, 1), "larger ridge"),
    (
        "ex-repeated-refits",
        lambda K, y, lam, rounds: np.linalg.solve(K, refits(K, y, lam, rounds)),
        "dual",
    ),
    ("ex-repeated-refits", lambda K, y, lam, rounds: 2 * y, "not right"),
    ("ex-repeated-refits", lambda K, y, lam, rounds: refits(K, y, lam, 3)[:, None], "shape"),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: risk(d, theta, 0, lam, rounds),
        "variance is missing",
    ),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: risk(d, 0 * theta, sigma, lam, rounds),
        "bias is missing",
    ),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: risk(d, theta, np.sqrt(sigma), lam, rounds),
        "squared",
    ),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: (
            risk(d, theta, 0, lam, rounds) + sigma**2 * filtered(d, lam, rounds, 1).sum()
        ),
        "multiplies the noise",
    ),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: risk(d, theta, sigma, lam, rounds) / 3,
        "no mean",
    ),
    (
        "ex-repeated-risk",
        lambda d, theta, sigma, lam, rounds: risk(d, theta, sigma, lam, 1),
        "two fits",
    ),
    ("ex-repeated-best-round", turn, "whole number"),
    ("ex-repeated-best-round", lambda *x: int(np.floor(turn(*x))), "at least one"),
    ("ex-repeated-best-round", lambda *x: max(1, int(np.floor(turn(*x)))), "both neighbours"),
    ("ex-repeated-best-round", lambda *x: max(1, int(np.ceil(turn(*x)))), "both neighbours"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * s**2 / t**2).min(), "largest"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: d[0] * s**2 / t[0] ** 2, "need not decide"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * t**2 / s**2).max(), "exchanged"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: (d * s / abs(t)).max(), "variances"),
    ("ex-repeated-smallest-ridge", lambda d, t, s: 1.0, "Solve"),
    ("ex-repeated-limit", lambda d, s: 1 - np.exp(-s * d), "gradient flow"),
    ("ex-repeated-limit", lambda d, s: np.exp(-s * d), "s / d"),
    ("ex-repeated-limit", lambda d, s: d / (d + s), "one ridge"),
    ("ex-repeated-limit", lambda d, s: 0 * d, "tau grow"),
    ("ex-repeated-limit", lambda d, s: 0.0, "shape"),
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
