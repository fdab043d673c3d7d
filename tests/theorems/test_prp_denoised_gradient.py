"""A teacher as target takes noise out of the gradient exactly where it is closer than a label.

Statement: the gradient of the softmax cross-entropy with respect to the logits, for the target q,
is p - q. With labels y drawn from p*, the mean squared distance to the Bayes gradient p - p* is
1 - |p*|^2; with a fixed teacher p_te as target it is |p_te - p*|^2. So a teacher denoises at x
exactly if |p_te - p*|^2 < 1 - |p*|^2: never where p* is one-hot, and by at most 1 - 1/C with C
classes, which it reaches where p* is flat and the teacher knows it.

Saturated instances, with the two sides within 1e-9 of each other, are skipped.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import deviations
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less


class Instance(NamedTuple):
    p: np.ndarray
    p_star: np.ndarray
    teacher: np.ndarray
    by_label: np.ndarray  # (classes,) squared distance to the Bayes gradient for each label
    by_teacher: float


def gradient(logits, target, h=1e-30):
    """Gradient of -sum_c target_c log softmax_c by complex steps: exact to rounding."""
    size = len(logits)
    moved = logits + 1j * h * np.eye(size)
    loss = np.log(np.exp(moved).sum(1)) * target.sum() - moved @ target
    return loss.imag / h


def draw(rng, i, *, not_summing=False):
    classes = 2 + i % 9
    logits = rng.normal(scale=3, size=classes)
    kinds = [
        rng.dirichlet(np.ones(classes)),
        np.eye(classes)[rng.integers(classes)],  # one-hot: no noise in the label
        np.full(classes, 1 / classes),
        rng.dirichlet(np.full(classes, 0.05)),
        rng.dirichlet(np.full(classes, 30.0)),
    ]
    p_star = kinds[i % 5]
    teacher = [
        rng.dirichlet(np.ones(classes)),
        0.9 * p_star + 0.1 * rng.dirichlet(np.ones(classes)),
        rng.dirichlet(np.full(classes, 0.05)),
        p_star,
    ][i // 5 % 4]
    if not_summing:
        teacher = 1.5 * teacher
    bayes = gradient(logits, p_star)
    by_label = [((gradient(logits, e) - bayes) ** 2).sum() for e in np.eye(classes)]
    by_teacher = float(((gradient(logits, teacher) - bayes) ** 2).sum())
    p = np.exp(logits) / np.exp(logits).sum()
    return Instance(p, p_star, teacher, np.array(by_label), by_teacher)


def distances(x, *, labels=lambda x: 1 - x.p_star @ x.p_star, power=2, drawn=None):
    """Both distances, the first as a sum over the labels."""
    by_label = (x.p_star if drawn is None else drawn(x)) @ x.by_label
    gap = np.linalg.norm(x.teacher - x.p_star) ** power
    return both(
        equal(by_label, labels(x), tol=1e-12, scale=1.0),
        equal(x.by_teacher, gap, tol=1e-12, scale=1.0),
    )


def denoises(x, *, noise=lambda x: 1 - x.p_star @ x.p_star):
    """The two ways to decide agree: by the measured gradients, and by the condition."""
    gain = x.p_star @ x.by_label - x.by_teacher
    by_condition = noise(x) - ((x.teacher - x.p_star) ** 2).sum()
    if min(abs(gain), abs(by_condition)) < 1e-9:
        return None
    return less(0.0, gain * np.sign(by_condition), scale=1.0)


def range_of_gain(x, *, one_hot=False, largest=lambda classes: 1 - 1 / classes):
    """Never positive for a one-hot p*; at most 1 - 1/C, and that if the teacher knows a flat p*."""
    gain, bound = x.p_star @ x.by_label - x.by_teacher, largest(len(x.p))
    if x.p_star.max() == 1:
        return less(0.0, gain) if one_hot else at_most(gain, 0.0, tol=1e-12, scale=1.0)
    if np.ptp(x.p_star) == 0 and np.array_equal(x.teacher, x.p_star):
        return equal(gain, bound, tol=1e-12, scale=1.0)
    return at_most(gain, bound, tol=1e-12, scale=1.0)


def library(x):
    got = deviations.gradient_noise([x.p_star], [x.teacher])
    return equal(np.ravel(got), [x.p_star @ x.by_label, x.by_teacher], tol=1e-12, scale=1.0)


def statement(x):
    decided = denoises(x)
    if decided is None:
        return None
    return both(decided, distances(x), range_of_gain(x), library(x))


RESULT = Result(
    label="prp-denoised-gradient",
    assumptions=(
        "softmax cross-entropy, gradient with respect to the logits",
        "labels drawn from p*; the expectation is over the label only",
        "the teacher is fixed at x, and a probability vector",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "1 - |p|^2 of the model": Mutant(lambda x: distances(x, labels=lambda x: 1 - x.p @ x.p)),
        "|p*|^2 for 1 - |p*|^2": Mutant(
            lambda x: distances(x, labels=lambda x: x.p_star @ x.p_star)
        ),
        "distance of the teacher not squared": Mutant(lambda x: distances(x, power=1)),
        "labels drawn from the teacher": Mutant(lambda x: distances(x, drawn=lambda x: x.teacher)),
        "every teacher denoises": Mutant(lambda x: denoises(x, noise=lambda x: 10.0)),
        "no teacher denoises": Mutant(lambda x: denoises(x, noise=lambda x: -1.0)),
        "condition with the model for p*": Mutant(
            lambda x: denoises(x, noise=lambda x: 1 - x.p @ x.p)
        ),
        "gain at most 1 - 2/C": Mutant(
            lambda x: range_of_gain(x, largest=lambda classes: 1 - 2 / classes)
        ),
        "a teacher that knows a flat p* gains 1": Mutant(
            lambda x: range_of_gain(x, largest=lambda classes: 1.0)
        ),
        "gain where p* is one-hot": Mutant(lambda x: range_of_gain(x, one_hot=True)),
        "a teacher that does not sum to 1": Mutant(
            distances, draw=lambda r, i: draw(r, i, not_summing=True)
        ),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
