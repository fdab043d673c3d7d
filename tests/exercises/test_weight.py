"""Exercises of chapter 8: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def best(y, f, g):
    return ((y - g) * (f - g)).sum() / ((f - g) ** 2).sum()


def vertex(at_0, at_half, at_1):
    return (3 * at_0 + at_1 - 4 * at_half) / (4 * (at_0 + at_1 - 2 * at_half))


def back(w):
    return (w / np.cumsum(w[::-1])[::-1])[::-1]


def series(K, y, lam):
    """r_0, r_1, s_0, s_1 of all points."""
    S = np.linalg.solve(K + lam * np.eye(len(y)), K)
    rest = np.eye(len(y)) - S
    return rest @ y, S @ rest @ y, np.diag(rest), np.diag(S @ rest)


def two_fits(K, y, lam, *, earlier=-1.0):
    r_0, r_1, s_0, s_1 = series(K, y, lam)
    return y - r_0 / s_0 - (r_1 + earlier * r_0 / s_0 * s_1) / s_0


def short_cut(K, y, lam):
    S = np.linalg.solve(K + lam * np.eye(len(y)), K)
    return y - (y - S @ S @ y) / (1 - np.diag(S @ S))


def one_fit(K, y, lam):
    r_0, _, s_0, _ = series(K, y, lam)
    return y - r_0 / s_0


def fitted(K, y, lam):
    S = np.linalg.solve(K + lam * np.eye(len(y)), K)
    return S @ S @ y


def score(a, z, *, mean=np.mean):
    s_0, s_1 = (1 - a).mean(), (a * (1 - a)).mean()
    c_1 = (1 - a) / s_0
    return mean((c_1 + (a * (1 - a) - c_1 * s_1) / s_0) ** 2 * z**2)


def chain(extra, weight=4.0):
    d, y, lam = np.array([2.0, 1.0, 0.3]), np.array([1.0, -1.0, 1.0]), 3.0
    a = d / (d + lam)
    return d, y, lam, weight * a * y + (1 - weight) * a**2 * y + extra


def trainings(rounds, grid):
    steps = rounds - 1
    return 1 + 2 * steps, 1 + grid * steps, sum(grid**k for k in range(rounds))


RIGHT = {
    "ex-weight-formula": best,
    "ex-weight-three-errors": vertex,
    "ex-weight-back": back,
    "ex-weight-two-fits": two_fits,
    "ex-weight-gcv": score,
    "ex-weight-rise": chain(0.01),
    "ex-weight-trainings": trainings,
}

WRONG = [
    ("ex-weight-formula", lambda y, f, g: 1 - best(y, f, g), "on the teacher"),
    ("ex-weight-formula", lambda y, f, g: -best(y, f, g), "sign"),
    (
        "ex-weight-formula",
        lambda y, f, g: best(y, f, g) * np.sqrt(((f - g) ** 2).sum()),
        "squared length",
    ),
    ("ex-weight-formula", lambda y, f, g: np.clip(best(y, f, g), 0, 1), "clip"),
    ("ex-weight-formula", lambda y, f, g: 0.3, "not smallest"),
    ("ex-weight-formula", lambda y, f, g: y, "one number"),
    ("ex-weight-formula", lambda y, f, g: (y - g) @ (f - g) / ((f - g) @ (f - g)), "all entries"),
    ("ex-weight-three-errors", lambda a, b, c: 1 - vertex(a, b, c), "belongs to alpha = 1"),
    (
        "ex-weight-three-errors",
        lambda a, b, c: [0.0, 0.5, 1.0][int(np.argmin([a, b, c]))],
        "elsewhere",
    ),
    ("ex-weight-three-errors", lambda a, b, c: 2 * vertex(a, b, c), "factor of 2"),
    ("ex-weight-three-errors", lambda a, b, c: np.clip(vertex(a, b, c), 0, 1), "clip"),
    ("ex-weight-three-errors", lambda a, b, c: -vertex(a, b, c), "that of B"),
    ("ex-weight-three-errors", lambda a, b, c: 7.7, "vertex is at"),
    ("ex-weight-three-errors", lambda a, b, c: [a, b], "one number"),
    ("ex-weight-back", lambda w: back(w)[::-1], "round 1 belongs to k = tau"),
    ("ex-weight-back", lambda w: w[::-1], "divide by what is left"),
    ("ex-weight-back", lambda w: 0.5 + 0 * w, "first round gets"),
    ("ex-weight-back", lambda w: 1 + 0 * w, "other coordinates"),
    ("ex-weight-back", lambda w: w[:1], "one weight a round"),
    ("ex-weight-two-fits", short_cut, "short cut"),
    ("ex-weight-two-fits", one_fit, "one fit"),
    ("ex-weight-two-fits", fitted, "nothing is left out"),
    ("ex-weight-two-fits", lambda K, y, lam: y - two_fits(K, y, lam), "errors"),
    ("ex-weight-two-fits", lambda K, y, lam: two_fits(K, y, lam, earlier=0.0), "is missing"),
    ("ex-weight-two-fits", lambda K, y, lam: two_fits(K, y, lam, earlier=1.0), "wrong sign"),
    ("ex-weight-two-fits", lambda K, y, lam: 0 * y, "refitting twice"),
    ("ex-weight-two-fits", lambda K, y, lam: K, "shape"),
    ("ex-weight-gcv", lambda a, z: ((1 - a) ** 2 * z**2).mean() / (1 - a).mean() ** 2, "one fit"),
    ("ex-weight-gcv", lambda a, z: score(a, z, mean=np.sum), "divide by"),
    (
        "ex-weight-gcv",
        lambda a, z: ((1 - a**2) ** 2 * z**2).mean() / (1 - (a**2).mean()) ** 2,
        "short cut",
    ),
    ("ex-weight-gcv", lambda a, z: ((1 - a**2) ** 2 * z**2).mean(), "training error"),
    ("ex-weight-gcv", lambda a, z: 1.0, "Put the means"),
    ("ex-weight-gcv", lambda a, z: a, "one number"),
    ("ex-weight-rise", chain(2.0), "not worse"),
    ("ex-weight-rise", chain(0.3, weight=2.0), "outside"),
    (
        "ex-weight-rise",
        tuple(part[:1] if np.ndim(part) else part for part in chain(0.01)),
        "rounding",
    ),
    ("ex-weight-rise", chain(0.01)[:3], "four things"),
    ("ex-weight-rise", (*chain(0.01)[:3], np.zeros(2)), "one length"),
    ("ex-weight-rise", (-chain(0.01)[0], *chain(0.01)[1:]), ">= 0"),
    ("ex-weight-trainings", lambda t, g: (2 * t, *trainings(t, g)[1:]), "one training, not two"),
    ("ex-weight-trainings", lambda t, g: (3 * t, *trainings(t, g)[1:]), "rule needs"),
    (
        "ex-weight-trainings",
        lambda t, g: (trainings(t, g)[0], g * t, trainings(t, g)[2]),
        "same for every weight",
    ),
    (
        "ex-weight-trainings",
        lambda t, g: (trainings(t, g)[0], 1 + (g + 1) * (t - 1), trainings(t, g)[2]),
        "does not count it",
    ),
    (
        "ex-weight-trainings",
        lambda t, g: (*trainings(t, g)[:2], 1 + (t - 1) * g ** (t - 1)),
        "share those fits",
    ),
    (
        "ex-weight-trainings",
        lambda t, g: (trainings(t, g)[0], 1, trainings(t, g)[2]),
        "greedy grid needs",
    ),
    ("ex-weight-trainings", lambda t, g: (*trainings(t, g)[:2], g ** (t - 1)), "leaves only"),
    ("ex-weight-trainings", lambda t, g: (*trainings(t, g)[:2], 1), "shared teachers"),
    ("ex-weight-trainings", lambda t, g: 3, "three numbers"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label, capsys):
    check(label, RIGHT[label])
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", [name for name, answer in RIGHT.items() if callable(answer)])
def test_placeholder_functions_fail(label):
    with pytest.raises(Unfilled):
        check(label, lambda *arguments: ...)


def test_placeholder_value_fails():
    with pytest.raises(Unfilled):
        check("ex-weight-rise", ...)
