"""Self-checks of chapter 15."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require


def _one_number(value, hint):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


@exercise("ex-deep-noisy-target")
def hard_target(answer):
    """Try ``answer(outputs, y, alpha)`` on five points and three classes."""
    outputs = np.array(
        [[0.2, 1.5, -1.0], [2.0, 0.1, 0.0], [-3.0, -1.0, -2.0], [0.0, 0.3, 0.9], [5.0, 4.0, 1.0]]
    )
    y, a = np.array([1, 2, 0, 2, 1]), 0.3
    given, own = np.eye(3)[y], np.eye(3)[outputs.argmax(1)]
    got = np.asarray(answer(outputs.copy(), y.copy(), a), float)
    require(got.shape == (5, 3), f"Return rows of shape (5, 3); yours are {got.shape}.")
    p = np.exp(outputs - outputs.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    require(
        not np.allclose(got, a * own + (1 - a) * given), "alpha is the weight on the given labels."
    )
    require(
        not np.allclose(got, a * given + (1 - a) * p),
        "These are soft labels. Hard ones are the one-hot arg max.",
    )
    require(
        not np.allclose(got, a * given + (1 - a) * outputs),
        "The outputs are logits. Turn them into labels first.",
    )
    require(not np.allclose(got, own), "The given labels still have the weight alpha.")
    require(
        np.allclose(got, a * given + (1 - a) * own),
        "Not right yet: alpha times the given one-hot row, 1 - alpha times the one-hot arg max.",
    )


@exercise("ex-deep-noisy-score")
def noisy_score(answer):
    """Try ``answer(confusion, T)`` on random confusions."""
    rng = np.random.default_rng(0)
    for C in (2, 3, 5):
        confusion, T = rng.dirichlet(np.ones(C * C)).reshape(C, C), rng.dirichlet(np.ones(C), C)
        got = _one_number(answer(confusion.copy(), T.copy()), "Return one number, an accuracy.")
        require(
            not np.isclose(got, np.trace(confusion)), "This is the accuracy on the true labels."
        )
        require(
            not np.isclose(got, (confusion.T * T).sum()),
            "Rows and columns are exchanged: rows of both are the true class.",
        )
        require(
            not np.isclose(got, (np.diag(confusion) * np.diag(T)).sum()),
            "A wrong prediction agrees with a wrong label, too: sum over all pairs of classes.",
        )
        require(
            np.isclose(got, (confusion * T).sum()),
            "Given the true class, prediction and noisy label are independent: multiply and sum.",
        )


@exercise("ex-deep-noisy-breakeven")
def break_even(answer):
    """Try ``answer(C)`` for a few numbers of classes."""
    require(callable(answer), "Write a function of C.")
    for C in (2, 3, 10, 100):
        got = _one_number(answer(C), "Return one number, a rate.")
        require(
            C == 2 or not np.isclose(got, 0.5),
            "Half is the border for two classes. With more, the wrong labels disagree.",
        )
        require(
            C == 2 or not np.isclose(got, 1 / C),
            "This is the share of right labels at the border. The rate is that of wrong ones.",
        )
        require(
            np.isclose(got, 1 - 1 / C),
            "Set the factor 1 - rate * C / (C - 1) to zero.",
        )


@exercise("ex-deep-noisy-regret")
def worst_regret(answer):
    """Try ``answer(rate, accuracy)``: the best passed over, under pairs of a rate up to 1/2."""
    for rate, accuracy in ((0.1, 0.9), (0.2, 0.5), (0.4, 0.8), (0.5, 0.3)):
        got = _one_number(answer(rate, accuracy), "Return one number, a clean accuracy.")
        right = accuracy + rate / (1 - rate) * (1 - accuracy)
        require(
            rate == 0.5 or not np.isclose(got, 1),
            "Below a rate of 1/2 the noisy accuracy says more than that.",
        )
        require(
            not np.isclose(got, right - accuracy),
            "This is how much more. Add the accuracy of the chosen network.",
        )
        require(
            not np.isclose(got, accuracy + rate * (1 - accuracy)),
            "The noisy accuracy of the other one is at least (1 - rate) times its clean one: "
            "divide by 1 - rate.",
        )
        require(
            np.isclose(got, right),
            "The chosen network agrees on at most (1 - rate) a + rate (1 - a); the other one on at "
            "least (1 - rate) b. Solve for b.",
        )


@exercise("ex-deep-noisy-explore")
def best_burn_in(answer):
    """Try a burn-in of 1, 3, 12, 40 or 80 epochs."""
    answer = _one_number(answer, "Give one number: a burn-in.")
    require(answer in (1, 3, 12, 40, 80), "One of the burn-ins 1, 3, 12, 40 and 80.")
    require(
        answer > 3,
        "With q = 0.9 this is too early: the network loses the labels before it has learned from "
        "them, and calls many images by the same class.",
    )
    require(answer < 40, "So late many wrong labels have been learned, and they are kept.")
