"""Exercises of chapter 14: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def slope(x, y):
    return np.polyfit(x, y, 1)[0]


def interval(x, y, rows, tail=0.025):
    return np.quantile([slope(x[row], y[row]) for row in rows], [tail, 1 - tail])


def normal_interval(x, y, rows):
    spread = np.std([slope(x[row], y[row]) for row in rows])
    return slope(x, y) - 1.96 * spread, slope(x, y) + 1.96 * spread


def unpaired(x, y, rows):
    return np.quantile([slope(x, y[row]) for row in rows], [0.025, 0.975])


def sharpen(p, s):
    return p**s / (p**s + (1 - p) ** s)


def when(V, v):
    E = np.exp(V)
    return (1 + 1 / E) * (v + (1 + E) * np.log((E - 1) / (E - np.exp(v))))


RIGHT = {
    "ex-deep-deviations-bootstrap": interval,
    "ex-deep-deviations-sharpen": sharpen,
    "ex-deep-deviations-agreement": lambda a, b: (abs(a + b - 1), 1 - abs(a - b)),
    "ex-deep-deviations-clock": lambda M, T, gap: when(M / T, (M - gap) / T),
    "ex-deep-deviations-flattest": 5,
}

WRONG = [
    ("ex-deep-deviations-bootstrap", lambda *a: interval(*a, tail=0.05), "90 %"),
    ("ex-deep-deviations-bootstrap", unpaired, "Draw points"),
    ("ex-deep-deviations-bootstrap", lambda x, y, rows: interval(y, x, rows), "y over x"),
    ("ex-deep-deviations-bootstrap", lambda *a: interval(*a, tail=0.25), "half of the slopes"),
    ("ex-deep-deviations-bootstrap", normal_interval, "standard deviations"),
    ("ex-deep-deviations-bootstrap", lambda *a: interval(*a)[::-1], "lower end"),
    ("ex-deep-deviations-bootstrap", lambda *a: (0.0, 1.0), "Fit the line"),
    ("ex-deep-deviations-bootstrap", lambda *a: 1.0, "two numbers"),
    ("ex-deep-deviations-sharpen", lambda p, s: p**s, "sum to 1"),
    ("ex-deep-deviations-sharpen", lambda p, s: sharpen(p, 1 / s), "divides the logits"),
    ("ex-deep-deviations-sharpen", lambda p, s: p + s, "between 0 and 1"),
    ("ex-deep-deviations-sharpen", lambda p, s: p, "s times"),
    ("ex-deep-deviations-sharpen", lambda p, s: 0.5, "one probability"),
    ("ex-deep-deviations-agreement", lambda a, b: (abs(a + b - 1), 1.0), "they disagree"),
    (
        "ex-deep-deviations-agreement",
        lambda a, b: (max(0, a + b - 1), 1 - abs(a - b)),
        "both are wrong",
    ),
    (
        "ex-deep-deviations-agreement",
        lambda a, b: (a * b + (1 - a) * (1 - b), 1 - abs(a - b)),
        "independent",
    ),
    ("ex-deep-deviations-agreement", lambda a, b: (a + b - 1, 1 - abs(a - b)), "negative"),
    ("ex-deep-deviations-agreement", lambda a, b: (0.9, 0.1), "lowest first"),
    ("ex-deep-deviations-agreement", lambda a, b: (0.1, 0.9), "Let r"),
    ("ex-deep-deviations-agreement", lambda a, b: a, "two numbers"),
    ("ex-deep-deviations-clock", lambda M, T, gap: when(M, M - gap), "at temperature 1"),
    (
        "ex-deep-deviations-clock",
        lambda M, T, gap: T * when(M / T, (M - gap) / T),
        "the time is not",
    ),
    ("ex-deep-deviations-clock", lambda M, T, gap: when(M / T, M / T - gap), "gap / T"),
    (
        "ex-deep-deviations-clock",
        lambda M, T, gap: -np.exp(M / T) * np.log1p(-np.exp(-gap / T)),
        "large E",
    ),
    ("ex-deep-deviations-clock", lambda M, T, gap: 1.0, "Put V"),
    ("ex-deep-deviations-flattest", 4, "At T = 4"),
    ("ex-deep-deviations-flattest", 6, "At T = 6"),
    ("ex-deep-deviations-flattest", 4.5, "whole"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label):
    check(label, RIGHT[label])


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", RIGHT)
def test_the_placeholder_fails(label):
    with pytest.raises(Unfilled):
        check(label, ... if label == "ex-deep-deviations-flattest" else lambda *arguments: ...)
