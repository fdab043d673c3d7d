"""The registry of exercises: label -> checker."""

from __future__ import annotations

import functools

_CHECKERS = {}


class Unfilled(Exception):
    """The answer is still the placeholder."""


class WrongAnswer(Exception):
    """The answer was tried and is not right; the message is a hint."""


def exercise(label):
    """Register a checker ``f(answer)`` for the exercise `label`.

    The checker tries the answer and raises `WrongAnswer` with a hint, one hint for each mistake
    that it can name; see `require`.
    """

    def register(checker):
        if label in _CHECKERS:
            raise ValueError(f"label {label!r} is registered twice")
        _CHECKERS[label] = checker
        return checker

    return register


def require(condition, hint):
    """Raise `WrongAnswer` with the hint unless the condition holds."""
    if not condition:
        raise WrongAnswer(hint)


def labels():
    """Return the labels of all registered exercises, sorted."""
    return sorted(_CHECKERS)


def check(label, answer):
    """Try an answer; print that it is right, or raise.

    Parameters
    ----------
    label : str
        Label of the exercise, such as ``"ex-ridge-filter"``.
    answer : object
        A value or a function, as the exercise asks.

    Raises
    ------
    Unfilled
        If the answer is still the placeholder ``...`` or a function that returns it.
    WrongAnswer
        If the answer is wrong; the message is a hint.
    ValueError
        If no exercise has this label.
    """
    if label not in _CHECKERS:
        raise ValueError(f"label must be one of the registered exercises, got {label!r}")
    if answer is ... or answer is None:
        raise Unfilled(f"{label} is not filled in yet: replace the dots by your answer")
    if callable(answer):
        answer = _loud(label, answer)
    _CHECKERS[label](answer)
    print(f"{label}: correct")


def _loud(label, function):
    """Wrap a function so that a placeholder inside it is reported as unfilled."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        try:
            value = function(*args, **kwargs)
        except NotImplementedError:
            value = ...
        if value is ... or value is None:
            raise Unfilled(f"{label} is not filled in yet: your function returns nothing")
        return value

    return wrapped
