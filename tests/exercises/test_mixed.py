"""Exercises of chapter 7: right answers pass, usual mistakes get the hint that names them."""

import math

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def chain(K, y, lam, alphas, first=1.0):
    fit = np.linalg.solve(K + lam * np.eye(len(K)), K).T
    values = fit @ (first * y)
    for alpha in alphas[1:]:
        values = fit @ (alpha * y + (1 - alpha) * values)
    return values


def target(K, y, lam, alphas):
    return alphas[-1] * y + (1 - alphas[-1]) * chain(K, y, lam, alphas[:-1])


def merge(y, p, v_y, v_p):
    v = 1 / (1 / v_y + 1 / v_p)
    return v * (y / v_y + p / v_p), v


def rounds(d_max, lam, alpha, share):
    q = (1 - alpha) * d_max / (d_max + lam)
    return math.ceil(math.log(share) / math.log(q)) if q else 1


def exact(d_max, lam, alpha, share):
    q = (1 - alpha) * d_max / (d_max + lam)
    return math.log(share) / math.log(q) if q else 1


def logs(d_max, lam, alpha, share, log):
    return log(share) / log((1 - alpha) * d_max / (d_max + lam))


def threshold(a, alpha):
    return alpha * (1 - a) / (alpha + (1 - alpha) * a)


def forbidden(p):
    root = math.sqrt(1 - 4 * p)
    return (1 - root) / 2, (1 + root) / 2


BEST = 0.5753
RIGHT = {
    "ex-mixed-chain": chain,
    "ex-mixed-merge": merge,
    "ex-mixed-rounds": rounds,
    "ex-mixed-turn": threshold,
    "ex-mixed-forbidden": forbidden,
    "ex-mixed-same-limit": (BEST, 0.2 / BEST, 2 / BEST),
}

WRONG = [
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, 1 - a), "exchanged"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, 0 * a), "plain refits"),
    ("ex-mixed-chain", target, "still have to be fitted"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, [0, *a]), "one fit too many"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, a[:-1]), "one fit too few"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, [0, *a[:-1]]), "Round i takes"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, a, a[0]), "whatever its weight"),
    ("ex-mixed-chain", lambda K, y, lam, a: chain(K, y, lam, [0, *a[:0:-1]]), "reverse order"),
    (
        "ex-mixed-chain",
        lambda K, y, lam, a: np.linalg.solve(K, chain(K, y, lam, a)),
        "fitted \\*values",
    ),
    ("ex-mixed-chain", lambda K, y, lam, a: y, "Start with the fit"),
    ("ex-mixed-chain", lambda K, y, lam, a: 1.0, "shape"),
    ("ex-mixed-merge", lambda y, p, v, w: (merge(y, p, v, w)[0], v + w), "precisions"),
    ("ex-mixed-merge", lambda y, p, v, w: (merge(y, p, v, w)[0], (v + w) / 2), "below both"),
    ("ex-mixed-merge", lambda y, p, v, w: (merge(y, p, v, w)[0], 1 / v + 1 / w), "its inverse"),
    ("ex-mixed-merge", lambda y, p, v, w: (y, v), "variance is not right. Compare"),
    ("ex-mixed-merge", lambda *x: merge(*x)[::-1], r"order is \(m, v\)"),
    ("ex-mixed-merge", lambda y, p, v, w: (merge(y, p, w, v)[0], 1 / (1 / v + 1 / w)), "less"),
    ("ex-mixed-merge", lambda y, p, v, w: ((y + p) / 2, 1 / (1 / v + 1 / w)), "plain mean"),
    ("ex-mixed-merge", lambda y, p, v, w: (y + p, 1 / (1 / v + 1 / w)), "linear in f"),
    ("ex-mixed-merge", lambda y, p, v, w: y, "pair"),
    ("ex-mixed-rounds", exact, "whole numbers"),
    ("ex-mixed-rounds", lambda *x: max(math.floor(exact(*x)), 1), "round up"),
    ("ex-mixed-rounds", lambda d, lam, a, s: rounds(d, lam, 0, s), "passed on"),
    ("ex-mixed-rounds", lambda d, lam, a, s: rounds(d, 0, a, s), "the fit itself"),
    ("ex-mixed-rounds", lambda *x: -rounds(*x), "negative"),
    ("ex-mixed-rounds", lambda *x: math.inf, "finite"),
    ("ex-mixed-rounds", lambda *x: math.ceil(logs(*x, log=math.log)), "one fit is enough"),
    ("ex-mixed-rounds", lambda *x: np.ceil(logs(*x, log=np.log)), "one fit is enough"),
    ("ex-mixed-rounds", lambda *x: rounds(*x) + 1, "Solve"),
    ("ex-mixed-rounds", lambda *x: [1, 2], "one number"),
    ("ex-mixed-turn", lambda a, alpha: alpha / (alpha + (1 - alpha) * a), "target"),
    ("ex-mixed-turn", lambda a, alpha: threshold(a, 1 - alpha), "exchanged"),
    ("ex-mixed-turn", lambda a, alpha: alpha, "strong direction"),
    ("ex-mixed-turn", lambda a, alpha: 1.1 * threshold(a, alpha), "Just below"),
    ("ex-mixed-turn", lambda a, alpha: 0.9 * threshold(a, alpha), "Just above"),
    ("ex-mixed-turn", lambda a, alpha: 2.0, "between 0 and"),
    ("ex-mixed-turn", lambda a, alpha: [a, alpha], "one number"),
    ("ex-mixed-forbidden", lambda p: (p, 1 - p), "may rise a little"),
    ("ex-mixed-forbidden", lambda p: forbidden(p)[::-1], "comes first"),
    ("ex-mixed-forbidden", lambda p: (forbidden(p)[0], 1.0), "below 1"),
    ("ex-mixed-forbidden", lambda p: (forbidden(p)[0], 0.99), "quadratic"),
    ("ex-mixed-forbidden", lambda p: p, "pair"),
    ("ex-mixed-same-limit", (0.2, 1.0, 10.0), "on the grid"),
    ("ex-mixed-same-limit", (BEST, BEST / 0.2, BEST / 2), "You took"),
    ("ex-mixed-same-limit", (BEST, 0.2 / BEST, 1.0), "smooth"),
    ("ex-mixed-same-limit", (BEST, 0.5, 2 / BEST), "at ridge 0.2"),
    ("ex-mixed-same-limit", (BEST, 0.2 / BEST, 3.0), "at ridge 2 is not right"),
    ("ex-mixed-same-limit", BEST, "triple"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label, capsys):
    check(label, RIGHT[label])
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", [name for name in RIGHT if callable(RIGHT[name])])
def test_placeholders_fail(label):
    with pytest.raises(Unfilled):
        check(label, lambda *arguments: ...)


def test_a_missing_answer_fails():
    with pytest.raises(Unfilled):
        check("ex-mixed-same-limit", ...)
