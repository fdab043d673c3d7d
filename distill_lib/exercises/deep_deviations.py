"""Self-checks of chapter 14."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require


def _numbers(value, size, hint):
    """Return an answer that must be `size` numbers as an array."""
    require(np.size(value) == size, hint)
    return np.asarray(value, float).ravel()


def _slope(x, y):
    centred = x - x.mean()
    return (centred @ y) / (centred @ centred)


@exercise("ex-deep-deviations-bootstrap")
def bootstrap_interval(answer):
    """Try ``answer(x, y, rows)``: the middle 95 % of the slopes on the given rows of indices."""
    rng = np.random.default_rng(14)
    for n in (12, 40):
        x = rng.standard_normal(n)
        y = 1.3 * x + rng.standard_normal(n)
        rows = rng.integers(n, size=(200, n))
        got = _numbers(answer(x, y, rows), 2, "Return two numbers, (low, high).")
        slopes = np.array([_slope(x[row], y[row]) for row in rows])
        exact = np.allclose(got, np.quantile(slopes, [0.025, 0.975]), rtol=1e-6)
        require(got[0] < got[1], "Give the lower end first.")
        require(
            not np.allclose(got, np.quantile(slopes, [0.05, 0.95])),
            "This holds 90 % of the slopes. Leave out 2.5 % on each side.",
        )
        apart = np.array([_slope(x[a], y[b]) for a, b in zip(rows, rows[::-1], strict=True)])
        only_y = np.array([_slope(x, y[row]) for row in rows])
        require(
            not any(np.allclose(got, np.quantile(s, [0.025, 0.975])) for s in (apart, only_y)),
            "Draw points, not numbers: x and y of a point stay together.",
        )
        swapped = np.array([_slope(y[row], x[row]) for row in rows])
        require(
            not np.allclose(got, np.quantile(swapped, [0.025, 0.975])),
            "These are slopes of x over y. Fit y over x.",
        )
        require(
            not np.allclose(got, np.quantile(slopes, [0.25, 0.75])),
            "This holds half of the slopes. Leave out 2.5 % on each side.",
        )
        spread = 1.96 * slopes.std() * np.array([-1, 1])
        require(
            exact or not np.allclose(got, _slope(x, y) + spread, rtol=0.01),
            "This is the slope plus and minus 1.96 standard deviations; take the quantiles.",
        )
        require(
            exact,
            "Fit the line on x[row], y[row] for each row, one row for both; take the 2.5 % and "
            "97.5 % quantiles.",
        )


@exercise("ex-deep-deviations-sharpen")
def sharpened(answer):
    """Try ``answer(p, s)``: probabilities of a binary student with slope s and no other change."""
    p = np.array([0.01, 0.3, 0.5, 0.6, 0.9, 0.999])
    for s in (0.5, 1.3, 2.0):
        got = _numbers(answer(p, s), len(p), "Return one probability for each entry of p.")
        require(((got >= 0) & (got <= 1)).all(), "Probabilities lie between 0 and 1.")
        require(
            not np.allclose(got, p**s),
            "p**s alone: the two classes no longer sum to 1. Divide by p**s + (1 - p)**s.",
        )
        require(
            not np.allclose(got, p ** (1 / s) / (p ** (1 / s) + (1 - p) ** (1 / s))),
            "This divides the logits by s; a slope of s multiplies them.",
        )
        right = p**s / (p**s + (1 - p) ** s)
        require(
            np.allclose(got, right, rtol=1e-9),
            "The student's logit is s times log(p / (1 - p)); turn it back into a probability.",
        )


@exercise("ex-deep-deviations-agreement")
def agreement_bounds(answer):
    """Try ``answer(a, b)``: the range of the agreement of two classifiers, two classes."""
    for a, b in ((0.79, 0.83), (0.6, 0.3), (1.0, 0.7), (0.5, 0.5)):
        got = _numbers(answer(a, b), 2, "Return two numbers, (lowest, highest).")
        low, high = abs(a + b - 1), 1 - abs(a - b)
        require(got[0] <= got[1], "Give the lowest first.")
        require(
            not np.allclose(got, [low, 1.0]) or np.isclose(high, 1),
            "Where one is right and the other wrong they disagree: at least |a - b| of the points.",
        )
        require(
            np.isclose(low, max(0.0, a + b - 1)) or not np.isclose(got[0], max(0.0, a + b - 1)),
            "With two classes, points on which both are wrong count as agreement too.",
        )
        require(
            a + b >= 1 or not np.isclose(got[0], a + b - 1),
            "a + b may be below 1, and a share is not negative.",
        )
        require(
            not np.isclose(got[0], a * b + (1 - a) * (1 - b)) or np.isclose(got[0], low),
            "That is the agreement of independent errors. Errors may also avoid each other.",
        )
        require(
            np.allclose(got, [low, high], atol=1e-9),
            "Let r be the share on which both are right. Then both are wrong on 1 - a - b + r; "
            "which r are possible?",
        )


@exercise("ex-deep-deviations-clock")
def clock(answer):
    """Try ``answer(M, T, gap)``: when a student of one logit is within `gap` of its teacher."""
    for M, T, gap in ((8.0, 1.0, 1.0), (8.0, 4.0, 1.0), (3.0, 2.0, 0.5)):
        got = _numbers(answer(M, T, gap), 1, "Return one number.")[0]

        def reach(M, v, E):
            return (1 + 1 / E) * (v + (1 + E) * np.log((E - 1) / (E - np.exp(v))))

        right = reach(M, (M - gap) / T, np.exp(M / T))
        require(
            T == 1 or not np.isclose(got, reach(M, M - gap, np.exp(M))),
            "This is the time at temperature 1. Divide M and the level by T.",
        )
        require(
            T == 1 or not np.isclose(got, T * right),
            "The logit is multiplied by T, the time is not.",
        )
        require(
            T == 1 or not np.isclose(got, reach(M, M / T - gap, np.exp(M / T))),
            "The gap is in logits of the student; in units of T it is gap / T.",
        )
        E, v = np.exp(M / T), (M - gap) / T
        shortened = -E * np.log1p(-np.exp(-gap / T)), E * np.log((E - 1) / (E - np.exp(v)))
        require(
            not np.isclose(got, shortened).any(),
            "This is what remains for large E. Use the full formula.",
        )
        require(
            np.isclose(got, right, rtol=1e-6),
            "Put V = M / T and v = (M - gap) / T into the formula for the time.",
        )


@exercise("ex-deep-deviations-flattest")
def flattest(answer):
    """Try the smallest whole temperature for which the student's line is nearly the teacher's."""
    got = _numbers(answer, 1, "Give one whole number.")[0]
    require(got == int(got) and got >= 1, "Give a whole number, at least 1.")
    M, time = np.linspace(1, 10, 10), 20.0

    def slope(T):
        return _slope(M, np.array([T * _level(m / T, time) for m in M]))

    right = next(T for T in range(1, 100) if slope(T) > 0.9)
    require(
        got == right,
        f"At T = {got:.0f} the slope is {slope(got):.3f}, at T = {max(got - 1, 1):.0f} it is "
        f"{slope(max(got - 1, 1)):.3f}.",
    )


def _level(V, time):
    """Return v(time; V) by bisection on the formula for the time."""
    low, high = 0.0, V
    for _ in range(200):
        v = (low + high) / 2
        rest = -np.expm1(v - V)
        t = (
            (1 + np.exp(-V)) * (v + (1 + np.exp(V)) * np.log(-np.expm1(-V) / rest))
            if rest
            else 1e99
        )
        low, high = (v, high) if t < time else (low, v)
    return v
