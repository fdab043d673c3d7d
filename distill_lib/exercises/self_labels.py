"""Self-checks of chapter 12."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require


def _one_number(value):
    require(np.size(value) == 1, "Return one number.")
    return float(np.squeeze(value))


@exercise("ex-self-filter")
def soft_filter(answer):
    """Try ``answer(d, weights, step)``: the filter of soft self-labels."""
    d, step = np.array([2.0, 0.5, 0.1, 0.0]), 0.4
    for weights in (np.array([1.0, 1.0, 0.5, 0.25]), np.array([0.3, 0.9])):
        got = np.asarray(answer(d, weights, step), dtype=float)
        require(got.shape == d.shape, "Return one filter value for each eigenvalue.")
        left = np.prod(1 - np.multiply.outer(weights, step * d), axis=0)
        mean = 1 - (1 - weights.mean() * step * d) ** len(weights)
        require(
            not np.allclose(got, left),
            "This is the share that is missing. The filter is the share that is there.",
        )
        require(
            not np.allclose(got, 1 - (1 - step * d) ** len(weights)),
            "The weights are not in it: this is descent with full steps.",
        )
        require(
            not np.allclose(got, 1 - np.prod(1 - np.multiply.outer(1 - weights, step * d), axis=0)),
            "The step on the given labels is alpha times step, not (1 - alpha) times step.",
        )
        require(
            not np.allclose(got, mean),
            "Steps of different length do not act like as many of their mean length.",
        )
        require(
            not np.allclose(got, -np.expm1(-weights.sum() * step * d)),
            "This is the filter of a flow; for steps it is a product.",
        )
        require(
            np.allclose(got, 1 - left, rtol=1e-9),
            "What is missing shrinks by 1 - alpha_t step d in step t. Multiply.",
        )


@exercise("ex-self-lag")
def lagged_rate(answer):
    """Try ``answer(x, alpha)``: the slow root of a target that is one step old, x = step * w."""
    for x, alpha in ((0.5, 0.2), (0.1, 0.7), (0.9, 0.5)):
        got = _one_number(answer(x, alpha))
        root = np.sqrt((1 - x) ** 2 + 4 * x * (1 - alpha))
        right = (1 - x + root) / 2
        require(
            not np.isclose(got, 1 - x * alpha),
            "That is the rate without a lag. Put e_t = r^t into the recursion with e_{t-1}.",
        )
        require(not np.isclose(got, (1 - x - root) / 2), "That is the small root. Take the other.")
        wrong = (1 - x + np.sqrt((1 - x) ** 2 + 4 * x * alpha)) / 2
        require(
            alpha == 0.5 or not np.isclose(got, wrong),
            "The old prediction has the weight 1 - alpha; the given label has alpha.",
        )
        require(
            np.isclose(got, right, rtol=1e-9),
            "With e_t = r^t the recursion is r^2 = (1 - x) r + x (1 - alpha). Solve for r.",
        )


@exercise("ex-self-well")
def wrong_well(answer):
    """Try ``answer(rho)``: below which alpha one cluster has a well on the wrong side."""
    for rho in (0.05, 0.2, 0.4):
        got = _one_number(answer(rho))
        right = 1 / (2 - 2 * rho)
        require(
            not np.isclose(got, 1 - right),
            "This is the weight on the own label. Which weight has the given label?",
        )
        require(
            not np.isclose(got, 1 - 2 * rho),
            "This is the mean of the labels. At the wrong well the target is alpha times it, "
            "minus 1 - alpha.",
        )
        require(
            not np.isclose(got, 0.5),
            "That would be the threshold for rho = 0, or for rates that do not matter. They do.",
        )
        require(
            np.isclose(got, right, rtol=1e-9),
            "At the wrong well u = alpha (1 - 2 rho) - (1 - alpha), and this must be negative.",
        )


@exercise("ex-self-limit")
def adaptive_limit(answer):
    """Try ``answer(sizes, rates)``: where adaptive weights end if all signs stay right."""
    for sizes, rates in (
        (np.array([40, 60]), np.array([0.1, 0.3])),
        (np.array([5, 20, 75]), np.array([0.4, 0.2, 0.0])),
    ):
        got = _one_number(answer(sizes, rates))
        noise = np.sqrt((sizes * rates**2).sum())
        mean = (sizes * rates).sum() / sizes.sum()
        require(
            not np.isclose(got, 2 * noise),
            "This is where plain descent ends. The given labels have less than full weight.",
        )
        require(
            not np.isclose(got, 2 * (1 - mean) * noise),
            "The agreement is the weight of the own label. The given label has the rest.",
        )
        require(
            not np.isclose(got, 2 * mean**2 * np.sqrt(sizes.sum())),
            "That holds for equal rates. Here they differ.",
        )
        require(
            not np.isclose(got, 2 * rates.mean() * noise),
            "Disagreement is counted over points, so larger clusters count more.",
        )
        require(
            not np.isclose(got, mean * noise),
            "A flipped label is 2 away from the clean one, not 1.",
        )
        require(
            np.isclose(got, 2 * mean * noise, rtol=1e-9),
            "The weight settles at the share of flipped labels; put it into the limit of a "
            "constant weight.",
        )


@exercise("ex-self-explore")
def smallest_decay(answer):
    """Try the smallest decay q, on a grid of 0.01, with which the 10:90 data are recovered."""
    got = _one_number(answer)
    require(0 <= got <= 1, "q lies between 0 and 1.")
    require(
        not np.isclose(got, 0.9993, atol=2e-4),
        "That is what the theorem asks for. Search: the run itself may allow less.",
    )
    require(np.isclose(100 * got, round(100 * got)), "Give a multiple of 0.01.")
    require(
        got > SMALLEST_DECAY - 0.005,
        f"With q = {got:.2f} the small cluster changes sign. Look at the signs at the end.",
    )
    require(got < SMALLEST_DECAY + 0.005, f"q = {got:.2f} works, but a smaller one does as well.")


#: Of the 10:90 data, found by search; a test finds it again.
SMALLEST_DECAY = 0.97
