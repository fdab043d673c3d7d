"""Exercises of chapter 15: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def target(outputs, y, a):
    C = outputs.shape[1]
    return a * np.eye(C)[y] + (1 - a) * np.eye(C)[outputs.argmax(1)]


def soft(outputs, y, a):
    p = np.exp(outputs)
    return a * np.eye(3)[y] + (1 - a) * p / p.sum(1, keepdims=True)


RIGHT = {
    "ex-deep-noisy-target": target,
    "ex-deep-noisy-score": lambda confusion, T: np.sum(confusion * T),
    "ex-deep-noisy-breakeven": lambda C: (C - 1) / C,
    "ex-deep-noisy-regret": lambda rate, a: (a - 2 * rate * a + rate) / (1 - rate),
    "ex-deep-noisy-explore": 12,
}

WRONG = [
    ("ex-deep-noisy-target", lambda z, y, a: target(z, y, 1 - a), "weight on the given"),
    ("ex-deep-noisy-target", soft, "These are soft labels"),
    ("ex-deep-noisy-target", lambda z, y, a: a * np.eye(3)[y] + (1 - a) * z, "logits"),
    ("ex-deep-noisy-target", lambda z, y, a: np.eye(3)[z.argmax(1)], "still have the weight"),
    ("ex-deep-noisy-target", lambda z, y, a: z.argmax(1), "shape"),
    ("ex-deep-noisy-target", lambda z, y, a: np.eye(3)[y], "Not right yet"),
    ("ex-deep-noisy-score", lambda P, T: np.trace(P), "true labels"),
    ("ex-deep-noisy-score", lambda P, T: np.sum(P.T * T), "exchanged"),
    ("ex-deep-noisy-score", lambda P, T: np.diag(P) @ np.diag(T), "wrong prediction agrees"),
    ("ex-deep-noisy-score", lambda P, T: 0.5, "multiply and sum"),
    ("ex-deep-noisy-score", lambda P, T: P * T, "one number"),
    ("ex-deep-noisy-breakeven", lambda C: 0.5, "border for two classes"),
    ("ex-deep-noisy-breakeven", lambda C: 1 / C if C > 2 else 0.5, "share of right labels"),
    ("ex-deep-noisy-breakeven", lambda C: 2.0, "to zero"),
    ("ex-deep-noisy-breakeven", 0.9, "a function of C"),
    ("ex-deep-noisy-regret", lambda r, a: r / (1 - r) * (1 - a), "Add the accuracy"),
    ("ex-deep-noisy-regret", lambda r, a: a + r * (1 - a), "divide by"),
    ("ex-deep-noisy-regret", lambda r, a: a, "Solve for b"),
    ("ex-deep-noisy-regret", lambda r, a: 1, "says more"),
    ("ex-deep-noisy-explore", 1, "too early"),
    ("ex-deep-noisy-explore", 80, "So late"),
    ("ex-deep-noisy-explore", 3, "too early"),
    ("ex-deep-noisy-explore", 40, "So late"),
    ("ex-deep-noisy-explore", 15, "One of the burn-ins"),
    ("ex-deep-noisy-explore", [10, 20], "one number"),
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
        check(label, ... if label == "ex-deep-noisy-explore" else lambda *arguments: ...)
