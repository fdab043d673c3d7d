"""Bad input is refused with the argument's name, the value and what is allowed."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from distill_lib import _validation as check


@pytest.mark.parametrize(
    "value", [1, [1, 2], (1.0,), np.ones((2, 3), np.float32), pd.Series([1, 2]), [True, False]]
)
def test_real_numbers_become_float64(value):
    array = check.finite_array("a", value)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, np.asarray(value, dtype=float))


def test_a_float64_array_is_not_copied():
    a = np.ones(3)
    assert check.finite_array("a", a) is a


@pytest.mark.parametrize(
    "value",
    ["1", ["1", "2"], None, [1, None], 1j, np.array([1j]), [[1], [1, 2]], object(), {}, b"1",
     sparse.eye(2, format="csr"), np.array(["2020-01-01"], "M8[D]"), pd.Series([1, pd.NA])],
)  # fmt: skip
def test_anything_else_is_a_type_error(value):
    with pytest.raises(TypeError, match="arg must be an array of real numbers, got "):
        check.finite_array("arg", value)
    with pytest.raises(TypeError, match=r"arg must be a whole number \(int\), got "):
        check.whole("arg", value, minimum=0)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ([], {}, r"arg is empty \(shape \(0,\)\)"),
        (np.empty((3, 0)), {}, r"arg is empty \(shape \(3, 0\)\)"),
        ([1, np.nan], {}, "arg contains nan; all values must be finite"),
        ([1, -np.inf], {}, "arg contains -inf; all values must be finite"),
        ([1, 2], {"ndim": 2}, r"arg must be 2-dimensional, got shape \(2,\)"),
        (1.0, {"ndim": (1, 2)}, r"arg must be 1-dimensional or 2-dimensional, got shape \(\)"),
    ],
)
def test_finite_array_refuses(value, options, message):
    with pytest.raises(ValueError, match=message):
        check.finite_array("arg", value, **options)


def test_long_values_are_cut_in_the_message():
    with pytest.raises(TypeError) as error:
        check.finite_array("arg", ["x" * 1000])
    assert len(str(error.value)) < 150


def test_positive_and_non_negative():
    np.testing.assert_array_equal(check.positive("a", [1e-300, 2]), [1e-300, 2])
    np.testing.assert_array_equal(check.non_negative("a", [0, 2]), [0, 2])
    with pytest.raises(ValueError, match=r"arg must be > 0, got 0.0"):
        check.positive("arg", [1, 0])
    with pytest.raises(ValueError, match=r"arg must be >= 0, got -1.0"):
        check.non_negative("arg", [1, -1])
    for function in (check.positive, check.non_negative, check.weight):
        with pytest.raises(TypeError, match="arg must be a number, got True"):
            function("arg", True)


@pytest.mark.parametrize("value", [0, [0, 3], np.uint8(7), np.arange(3, dtype=np.int32)])
def test_whole_numbers_become_int64(value):
    array = check.whole("a", value, minimum=0)
    assert array.dtype == np.int64
    np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize("value", [1.0, [1, 2.0], True, [False], np.nan])
def test_whole_refuses_floats_and_booleans(value):
    with pytest.raises(TypeError, match="arg must be a whole number"):
        check.whole("arg", value, minimum=0)
    with pytest.raises(TypeError, match="arg must be a whole number"):
        check.scalar_whole("arg", value, minimum=0)


def test_whole_refuses_small_ones():
    with pytest.raises(ValueError, match="arg must be >= 1, got 0"):
        check.whole("arg", [3, 0], minimum=1)
    with pytest.raises(ValueError, match="arg must be >= 1, got 0"):
        check.scalar_whole("arg", 0, minimum=1)
    with pytest.raises(ValueError, match="arg is empty"):
        check.whole("arg", np.empty(0, int), minimum=1)


@pytest.mark.parametrize("value", [np.int32(4), 4])
def test_scalar_whole_returns_an_int(value):
    got = check.scalar_whole("a", value, minimum=1)
    assert got == 4
    assert type(got) is int


def test_scalar_whole_refuses_arrays():
    with pytest.raises(TypeError, match=r"arg must be a whole number \(int\), got \[4\]"):
        check.scalar_whole("arg", [4], minimum=1)


def test_weights():
    np.testing.assert_array_equal(check.weight("a", [0, 0.5, 1]), [0, 0.5, 1])
    np.testing.assert_array_equal(check.weight("a", [-3, 4], unrestricted=True), [-3, 4])
    with pytest.raises(ValueError, match=r"arg must lie in \[0, 1\], got 1.5$"):
        check.weight("arg", [0.5, 1.5])
    with pytest.raises(ValueError, match=r"got -0.5; pass unrestricted=True to allow any real"):
        check.weight("arg", -0.5, unrestricted=False)
    with pytest.raises(ValueError, match="arg contains nan"):
        check.weight("arg", np.nan, unrestricted=True)
