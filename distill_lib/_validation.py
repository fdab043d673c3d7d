"""Refuse bad input with a message that names the argument, the value and what is allowed."""

from __future__ import annotations

import numbers

import numpy as np


def _array(name, value, what):
    """Return `value` as an array of real numbers; text, None and complex ones are refused."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise TypeError(f"{name} must be {what}, got {value!r:.80}") from error
    numeric = array.dtype.kind in "biuf" or (
        array.dtype.kind == "O" and all(isinstance(v, numbers.Real) for v in array.flat)
    )
    if not numeric:
        raise TypeError(f"{name} must be {what}, got {value!r:.80}")
    return array


def finite_array(name, value, *, ndim=None):
    """Return `value` as a float64 array; refuse empty, non-numeric, NaN or infinite ones."""
    array = _array(name, value, "an array of real numbers").astype(np.float64, copy=False)
    if ndim is not None and array.ndim not in np.atleast_1d(ndim):
        allowed = " or ".join(f"{k}-dimensional" for k in np.atleast_1d(ndim))
        raise ValueError(f"{name} must be {allowed}, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); at least one value is needed")
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)].flat[0]
        raise ValueError(f"{name} contains {bad}; all values must be finite")
    return array


def _numbers(name, value):
    """Return a finite float64 array; True and False are no numbers here."""
    array = finite_array(name, value)
    if np.asarray(value).dtype == bool:
        raise TypeError(f"{name} must be a number, got {value!r:.80}")
    return array


def positive(name, value):
    """Return a finite float64 array whose entries are all > 0."""
    array = _numbers(name, value)
    if (array <= 0).any():
        raise ValueError(f"{name} must be > 0, got {array.min()}")
    return array


def non_negative(name, value):
    """Return a finite float64 array whose entries are all >= 0."""
    array = _numbers(name, value)
    if (array < 0).any():
        raise ValueError(f"{name} must be >= 0, got {array.min()}")
    return array


def whole(name, value, *, minimum):
    """Return an int64 array of whole numbers >= `minimum`; refuse floats and booleans."""
    array = _array(name, value, "a whole number (int)")
    if array.size == 0:
        raise ValueError(f"{name} is empty; at least one whole number is needed")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be a whole number (int), got {value!r:.80}")
    if (array < minimum).any():
        raise ValueError(f"{name} must be >= {minimum}, got {array.min()}")
    return array.astype(np.int64)


def weight(name, value, *, unrestricted=None):
    """Return a finite float64 array in [0, 1], or of any real numbers if `unrestricted`.

    A caller that has an argument `unrestricted` passes it on; then the message mentions it.
    """
    array = _numbers(name, value)
    outside = array[(array < 0) | (array > 1)]
    if outside.size and not unrestricted:
        hint = "" if unrestricted is None else "; pass unrestricted=True to allow any real weight"
        raise ValueError(f"{name} must lie in [0, 1], got {outside.flat[0]}{hint}")
    return array


def scalar_whole(name, value, *, minimum):
    """Return one int >= `minimum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number (int), got {value!r:.80}")
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}, got {value}")
    return int(value)


def single(name, array):
    """Return the float in a checked array of one number; refuse a sequence."""
    if array.ndim:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    return float(array)
