"""Filters and remainders at equal training error: both keep their digits."""

import numpy as np
import pytest

from distill_lib.kernel import _equal_error as equal_error


def test_filter_and_remainder_add_up_to_one():
    d = np.array([1e6, 1.0, 1e-6, 1e-12, 0.0])
    pairs = [
        equal_error.ridge(d, 0.3),
        equal_error.flow(d, 2.0),
        equal_error.distilled(d, 0.3, 5, 0.0),
        equal_error.distilled(d, 1e-9, 5, 0.4),
        equal_error.distilled(d, 0.3, 5, 1.0),
        equal_error.with_strength("ridge", d, np.inf),
        equal_error.with_strength("flow", d, np.inf),
    ]
    for keep, rest in pairs:
        np.testing.assert_allclose(keep + rest, 1, rtol=0, atol=1e-15)
    # A remainder far below 1 keeps its digits: 1 - (1 - x)^5 is 5x to first order.
    tiny = equal_error.distilled(np.array([1.0]), 1e-20, 5, 0.0).rest
    np.testing.assert_allclose(tiny, 5e-20, rtol=1e-12)


@pytest.mark.parametrize("wanted", [1e-200, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("measure", [equal_error.loss, equal_error.gain])
def test_solve_finds_tiny_errors_and_tiny_gains(measure, wanted):
    d, energy = np.array([3.0, 1.0, 1e-3]), np.array([1.0, 2.0, 0.5])
    for family in (equal_error.ridge, equal_error.flow):
        s = equal_error.solve(lambda s, f=family: f(d, np.exp(s)), energy, measure, wanted)
        assert measure(family(d, np.exp(s)), energy) == pytest.approx(wanted, rel=1e-8)
