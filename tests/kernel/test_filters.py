"""Every filter against 50-digit arithmetic, and the relations between filters.

A new filter gets a row in `FILTERS`; accuracy, zeros, broadcasting and refusals follow from it.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import linalg

from distill_lib.kernel import filters

EIGENVALUES = np.concatenate([[0.0], np.logspace(-14, 14, 29), [0.3, 1.7, 1e-300]])


@dataclass(frozen=True)
class Row:
    """The exact formula, a grid of settings, and the values that must be refused."""

    exact: Any  # (d, **setting) -> mpmath number
    grid: dict  # argument -> values; arguments broadcast against each other and d
    refused: dict  # argument -> values
    d: np.ndarray = field(default_factory=lambda: EIGENVALUES)

    def settings(self):
        return [dict(zip(self.grid, point, strict=True)) for point in product(*self.grid.values())]


def exact_distilled(d, lam, rounds, alpha):
    """The recursion itself, in 50 digits; the library evaluates a closed form."""
    a = b = d / (d + lam)
    for _ in range(rounds - 1):
        b = a * (alpha + (1 - alpha) * b)
    return b


NOT_POSITIVE = [0.0, -1.0, np.nan, np.inf, None, "1"]
NEGATIVE = [-1e-9, np.nan, np.inf, None, "1"]
NO_WEIGHT = [-1e-9, 1.001, np.nan, None, "1"]
NO_ROUNDS = [0, -1, 1.0, True, None]
TINY, HALF = 1e-13, 0.5

FILTERS = {
    "ridge": Row(
        exact=lambda d, lam: d / (d + lam),
        grid={"lam": [1.0, 0.37, 1e-6, 1e6]},
        refused={"lam": NOT_POSITIVE},
    ),
    "distilled": Row(
        exact=exact_distilled,
        grid={
            "lam": [1.0, 3e-5],
            "rounds": [1, 2, 3, 10, 137],
            "alpha": [0.0, 1e-300, TINY, 1e-3, 0.25, HALF, 1 - TINY, 1.0],
        },
        refused={"lam": NOT_POSITIVE, "rounds": NO_ROUNDS, "alpha": NO_WEIGHT},
    ),
    "distilled_limit": Row(
        exact=lambda d, lam, alpha: alpha * d / (alpha * d + lam),
        grid={"lam": [1.0, 3e-5], "alpha": [0.0, TINY, 0.25, HALF, 1.0]},
        refused={"lam": NOT_POSITIVE, "alpha": NO_WEIGHT},
    ),
    "gradient_flow": Row(
        exact=lambda d, time: -mpmath.expm1(-time * d),
        grid={"time": [0.0, 1.0, 1e-9, 4e7]},
        refused={"time": NEGATIVE},
    ),
    "gradient_descent": Row(
        exact=lambda d, step, steps: 1 - (1 - step * d) ** steps,
        grid={"step": [1.0, 0.83, 1e-7], "steps": [0, 1, 2, 7, 1000, 10**6]},
        refused={"step": [*NOT_POSITIVE, 2.0], "steps": [-1, 1.0, True, None]},
        d=np.concatenate([[0.0], np.logspace(-14, 0, 29), [0.3, 1 - TINY]]),
    ),
    "distilled_flow": Row(
        exact=lambda d, teacher_time, student_time: (
            mpmath.expm1(-teacher_time * d) * mpmath.expm1(-student_time * d)
        ),
        grid={"teacher_time": [0.0, 1.0, 4e7], "student_time": [0.0, 1e-9, 2.0]},
        refused={"teacher_time": NEGATIVE, "student_time": NEGATIVE},
    ),
}


@pytest.fixture(params=FILTERS)
def case(request):
    return getattr(filters, request.param), FILTERS[request.param]


def exactly(row, d, **setting):
    """Evaluate the exact formula at float inputs and round the result once."""
    with mpmath.workdps(50):
        as_mp = {k: v if isinstance(v, int) else mpmath.mpf(v) for k, v in setting.items()}
        return float(row.exact(mpmath.mpf(float(d)), **as_mp))


def assert_relative(got, expected, tolerance=1e-12):
    """Relative error; below 1e-300 numbers have no relative accuracy to ask for."""
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-300)


def test_every_filter_has_a_row():
    assert set(FILTERS) == set(filters.__all__)


def test_accuracy(case):
    function, row = case
    for setting in row.settings():
        expected = [exactly(row, d, **setting) for d in row.d]
        assert_relative(function(row.d, **setting), expected)


def test_exactly_zero_at_eigenvalue_zero(case):
    function, row = case
    for setting in row.settings():
        assert function(0.0, **setting) == 0.0


def test_values_lie_in_the_unit_interval(case):
    function, row = case
    for setting in row.settings():
        b = function(row.d, **setting)
        assert ((b >= 0) & (b <= 1)).all()


def test_arguments_broadcast(case):
    """A grid with one axis an argument equals the calls one by one."""
    function, row = case
    axes = dict(zip(row.grid, np.ix_(*row.grid.values()), strict=True))
    got = function(row.d, **{name: axis[..., None] for name, axis in axes.items()})
    expected = np.array([function(row.d, **setting) for setting in row.settings()])
    assert got.shape == (*map(len, row.grid.values()), len(row.d))
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)


def test_refusals(case):
    function, row = case
    good = row.settings()[-1]
    for d in ([-1e-9], [np.nan], [np.inf], [], ["1"], None, [1j]):
        with pytest.raises((ValueError, TypeError), match=r"\bd\b"):
            function(d, **good)
    for name, values in row.refused.items():
        for value in values:
            with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
                function([1.0, 0.5], **(good | {name: value}))


@pytest.mark.parametrize("alpha", [0.0, TINY, 1e-3, HALF, 1.0])
def test_a_thousand_rounds(alpha):
    row = FILTERS["distilled"]
    d = np.array([1e-14, 1e-3, 0.5, 1.0, 30.0, 1e3, 1e6, 1e14])
    expected = [exactly(row, x, lam=1.0, rounds=1000, alpha=alpha) for x in d]
    assert_relative(filters.distilled(d, 1.0, 1000, alpha), expected)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-3])
def test_a_billion_rounds(alpha):
    """Powers of numbers close to 1, which rounding alone would spoil."""
    d, rounds, expected = np.array([1e-3, 1e7, 1e9, 1e12]), 10**9, []
    with mpmath.workdps(50):
        for x in map(mpmath.mpf, d):
            weight = mpmath.mpf(alpha)
            a, limit = x / (x + 1), weight * x / (weight * x + 1)
            expected.append(float(limit + ((1 - weight) * a) ** rounds * (1 - limit)))
    assert_relative(filters.distilled(d, 1.0, rounds, alpha), expected)


@pytest.mark.parametrize("rounds", [1, 2, 5, 1000])
def test_one_weight_a_round(rounds):
    weights = np.random.default_rng(rounds).uniform(size=rounds)
    d = np.logspace(-14, 14, 15)
    expected = []
    with mpmath.workdps(50):
        for x in map(mpmath.mpf, d):
            a = b = x / (x + 1)
            for weight in map(mpmath.mpf, weights[1:]):
                b = a * (weight + (1 - weight) * b)
            expected.append(float(b))
    assert_relative(filters.distilled(d, 1.0, rounds, weights), expected)


def test_the_first_weight_is_unused():
    one, other = (filters.distilled([0.5, 2.0], 1.0, 3, [first, 0.2, 0.7]) for first in (0.0, 1.0))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("alpha", [0.0, TINY, 0.3, 1.0])
def test_equal_weights_agree_with_the_closed_form(alpha):
    d = np.concatenate([[0.0], np.logspace(-14, 14, 57)])
    for rounds in (1, 2, 7, 300):
        recursion = filters.distilled(d, 0.7, rounds, np.full(rounds, alpha))
        assert_relative(filters.distilled(d, 0.7, rounds, alpha), recursion)


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.4, 1.0, 1.5])
def test_brute_force_refits(alpha):
    """Solve the ridge problem over and over; no eigenvalue is used but to compare."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    K, lam = A @ A.T, 0.8
    d, U = linalg.eigh(K)
    smoother = linalg.solve(K + lam * np.eye(6), K)
    fit = np.eye(6)
    for rounds in range(1, 6):
        fit = smoother @ (alpha * np.eye(6) + (1 - alpha) * fit)
        b = filters.distilled(d, lam, rounds, alpha, unrestricted=True)
        np.testing.assert_allclose((U * b) @ U.T, fit, atol=1e-12)


def test_unrestricted_weights_broadcast_too():
    d, alphas, rounds = np.array([0.0, 0.3, 2.0]), np.array([-0.5, 0.5, 1.5]), np.array([1, 2, 6])
    got = filters.distilled(d, 1.0, rounds[:, None], alphas[:, None, None], unrestricted=True)
    expected = [
        [filters.distilled(d, 1.0, t, np.full(t, alpha), unrestricted=True) for t in rounds]
        for alpha in alphas
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_weights_outside_the_unit_interval_need_to_be_asked_for():
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1.5.*unrestricted=True"):
        filters.distilled(1.0, 1.0, 2, 1.5)
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got -0.1$"):
        filters.distilled_limit(1.0, 1.0, -0.1)


@pytest.mark.parametrize(("rounds", "alpha"), [(3, [0.1, 0.2]), (1, []), ([2, 2], [0.1, 0.2])])
def test_one_dimensional_alpha_must_hold_one_weight_a_round(rounds, alpha):
    with pytest.raises(ValueError, match="alpha"):
        filters.distilled(1.0, 1.0, rounds, alpha)


def test_the_limit_is_reached_and_is_a_ridge_with_a_larger_lam():
    d = np.concatenate([[0.0], np.logspace(-6, 6, 13)])
    limit = filters.distilled_limit(d, 0.5, 0.2)
    np.testing.assert_allclose(filters.distilled(d, 0.5, 10_000, 0.2), limit, rtol=1e-12)
    np.testing.assert_allclose(filters.ridge(d, 0.5 / 0.2), limit, rtol=1e-14)


def test_overshooting_descent_oscillates():
    """Steps with step * d in (1, 2): the error factor 1 - step * d is negative."""
    row = FILTERS["gradient_descent"]
    d = np.array([1.1, 1.5, 1.9])
    for steps in (0, 1, 2, 3, 10, 11, 1000):
        expected = [exactly(row, x, step=1.0, steps=steps) for x in d]
        assert_relative(filters.gradient_descent(d, 1.0, steps), expected)
    assert filters.gradient_descent(1.5, 1.0, 1) == 1.5


def test_unstable_descent_is_refused():
    with pytest.raises(ValueError, match=r"step \* d must be < 2 .* got 2.5"):
        filters.gradient_descent([1.0, 5.0], 0.5, 3)


def test_small_steps_follow_the_flow():
    d = np.linspace(0, 3, 7)
    flow = filters.gradient_flow(d, 2.0)
    errors = [np.abs(filters.gradient_descent(d, 2.0 / m, m) - flow).max() for m in (100, 1000)]
    assert errors[1] < 1e-3
    assert 9 < errors[0] / errors[1] < 11  # Euler's method: first order


def test_the_flow_student_needs_its_teacher():
    d = np.array([0.1, 1.0, 4.0])
    student = filters.distilled_flow(d, 0.7, 2.0)
    np.testing.assert_allclose(student / filters.gradient_flow(d, 0.7), -np.expm1(-2.0 * d))
    assert (filters.distilled_flow(d, 0.0, 2.0) == 0).all()
