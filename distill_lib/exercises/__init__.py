"""Self-checks of the exercises: an unfilled answer fails loudly, a wrong one gets a hint.

A chapter's exercise cell ends with ``check("ex-...", answer)``. The checkers live in one module a
chapter; each is registered under the exercise's label.

Examples
--------
>>> check("ex-no-such-exercise", 1)
Traceback (most recent call last):
    ...
ValueError: label must be one of the registered exercises, got 'ex-no-such-exercise'
"""

from __future__ import annotations

from distill_lib.exercises import (  # noqa: F401 (they register)
    deep_deviations,
    deep_noisy_labels,
    deep_rounds,
    deviations,
    equivalent,
    filters,
    mixed,
    puzzle,
    repeated,
    retrieval,
    self_labels,
    sparsification,
    stopping,
    tolerance,
    weight,
)
from distill_lib.exercises._registry import Unfilled, WrongAnswer, check, labels

__all__ = ["Unfilled", "WrongAnswer", "check", "labels"]
