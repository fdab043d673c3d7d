"""Self-checks of chapter 13."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from distill_lib import results
from distill_lib.exercises._registry import exercise, require

#: Least gain, in points, that counts as faked; the gain below which there is nearly none; least
#: step between places of a coarse grid.
FAKED, NONE, STEP = 1.0, 0.5, 3


@exercise("ex-deep-rounds-gradient")
def gradient(answer):
    """Try ``answer(z, q)`` on outputs and target rows of one point."""
    rng = np.random.default_rng(13)
    for shift in (0, 0, 1000):
        z, q = rng.normal(size=4) + shift, rng.dirichlet(np.ones(4))
        with np.errstate(over="ignore", invalid="ignore"):
            got = np.asarray(answer(z.copy(), q.copy()), float)
        require(
            not np.isnan(got).any() or not shift,
            "Right for small outputs. At 1,000 your exponential overflows: subtract the largest "
            "output first.",
        )
        require(got.shape == z.shape, f"Return one number an output, shape {z.shape}.")
        p = softmax(z)
        right = 2 * (np.diag(p) - np.outer(p, p)) @ (p - q)
        require(not np.allclose(got, p - q), "This is the gradient of the cross-entropy.")
        require(
            not np.allclose(got, 2 * (p - q)),
            "This is the gradient with respect to the probabilities. The chain rule brings in the "
            "derivative of the softmax, diag(p) - p p^T.",
        )
        require(not np.allclose(got, right / 2), "The square brings down a factor 2.")
        require(not np.allclose(got, -right), "The sign: the gradient points uphill.")
        require(
            not np.allclose(got, 2 * p * (p - q)),
            "diag(p) is only a part of the softmax's derivative: every output moves all "
            "probabilities, hence - p p^T.",
        )
        require(
            np.allclose(got, right, rtol=1e-8),
            "Not right yet. Write p = softmax(z); the loss is |p - q|^2, and dp/dz = diag(p) - "
            "p p^T.",
        )


@exercise("ex-deep-rounds-gain")
def gain(answer):
    """Try ``answer(validation, test)``, arrays over rounds, weight decays and seeds."""
    rng = np.random.default_rng(14)
    validation, test = rng.uniform(size=(2, 4, 5, 6))
    got = np.asarray(answer(validation.copy(), test.copy()), float)
    seeds = np.arange(6)
    require(got.shape == (6,), f"Return one gain a seed, shape (6,); yours is {got.shape}.")

    def chosen(score):
        flat = score.reshape(-1, 6).argmax(0), seeds
        return test.reshape(-1, 6)[flat] - test[0, score[0].argmax(0), seeds]

    require(
        not np.allclose(got, chosen(test)),
        "You chose on the test set. Choose by validation, then look up the test accuracy.",
    )
    tuned = test[0, validation[0].argmax(0), seeds]
    require(
        not np.allclose(got, test[:, validation[0].argmax(0), seeds].max(0) - tuned),
        "The round was chosen on the test set, and the weight decay of the rounds must be free.",
    )
    flat = validation.reshape(-1, 6).argmax(0)
    decay = flat % 5
    require(
        not np.allclose(got, test.reshape(-1, 6)[flat, seeds] - test[0, decay, seeds]),
        "You compare with round 1 at the rounds' own weight decay. The rival is the best weight "
        "decay of round 1.",
    )
    require(not np.allclose(got, -chosen(validation)), "The sign: rounds minus tuned weight decay.")
    later = validation[1:].reshape(-1, 6).argmax(0), seeds
    require(
        not np.allclose(got, test[1:].reshape(-1, 6)[later] - tuned),
        "You left round 1 out. It counts among the pairs: a chain of rounds may stop after one.",
    )
    require(
        not np.allclose(got, 100 * chosen(validation)),
        "You return points. Return the difference of the accuracies, without the factor 100.",
    )
    mean = validation.mean(-1)
    one = np.unravel_index(mean.argmax(), mean.shape)
    require(
        not np.allclose(got, test[one] - test[0, mean[0].argmax()]),
        "You chose one setting for all seeds. Here each seed chooses its own.",
    )
    require(
        not np.allclose(got, validation.max((0, 1)) - validation[0].max(0)),
        "This is the gain in validation accuracy. Choose by it, then look up the test accuracy.",
    )
    require(
        np.allclose(got, chosen(validation)),
        "Not right yet. For each seed: the pair (round, decay) with the highest validation "
        "accuracy, against the decay with the highest validation accuracy in round 1.",
    )


@exercise("ex-deep-rounds-noisy-score")
def noisy_score(answer):
    """Try ``answer(accuracy, rate, classes)``."""
    for accuracy, rate, classes in ((0.9, 0.4, 10), (0.5, 0.2, 3), (1.0, 0.3, 2)):
        got = float(np.squeeze(answer(accuracy, rate, classes)))
        right = (1 - rate) * accuracy + rate * (1 - accuracy) / (classes - 1)
        require(
            accuracy == 1 or not np.isclose(got, (1 - rate) * accuracy),
            "A prediction that is wrong can agree with a wrong label: this has a chance too.",
        )
        require(
            accuracy == 1
            or not np.isclose(got, (1 - rate) * accuracy + rate * (1 - accuracy) / classes),
            "A wrong label is one of the other classes: there are classes - 1 of them.",
        )
        require(
            accuracy == 1
            or classes == 2
            or not np.isclose(got, (1 - rate) * accuracy + rate * (1 - accuracy)),
            "A wrong prediction agrees with a wrong label only if it is the same class.",
        )
        require(
            np.isclose(got, right),
            f"At accuracy {accuracy}, rate {rate}, {classes} classes you say {got:.4f}. Add two "
            "cases: right prediction and right label; wrong prediction and the same wrong label.",
        )


@exercise("ex-deep-rounds-flat")
def flat_target(answer):
    """Try ``answer(classes, rate)``: probabilities of the true class first."""
    for classes, rate in ((10, 0.4), (3, 0.25), (2, 0.1)):
        got = np.asarray(answer(classes, rate), float)
        require(got.shape == (classes,), f"Return one probability a class, shape ({classes},).")
        right = np.full(classes, rate / (classes - 1))
        right[0] = 1 - rate
        require(
            not np.allclose(got, np.eye(classes)[0]),
            "This is best on clean labels. Squared error on noisy ones is least elsewhere.",
        )
        require(np.isclose(got.sum(), 1), f"Probabilities add up to 1, yours to {got.sum():.3f}.")
        require(
            not np.isclose(got[0], 1 - rate + rate / classes),
            "The wrong label is never the true class here.",
        )
        require(
            np.allclose(got, right),
            "Expected squared error is least at the mean of the target rows. How often is the "
            "label the true class, how often each of the others?",
        )


@exercise("ex-deep-rounds-fake")
def fake(answer):
    """Try two triples of places in the stored grid of weight decays: a large gain, a small one."""
    found = results.load("digits_rounds").arrays
    n_decays = found["validation"].shape[2]
    shape = "Give a pair of triples of whole numbers: (large, small), places from 0."
    try:
        triples = np.asarray(answer)
    except ValueError:  # triples of different lengths
        triples = np.zeros(0)
    require(triples.shape == (2, 3) and np.issubdtype(triples.dtype, np.integer), shape)
    triples = np.sort(triples, axis=1)
    require(
        triples.min() >= 0 and triples.max() < n_decays, f"The places run from 0 to {n_decays - 1}."
    )
    require(
        (np.diff(triples) >= STEP).all(),
        f"That is not coarse: leave at least {STEP} steps of the grid between the values.",
    )
    require(
        not (np.diff(triples) == STEP + 1).all(1).any(),
        "The grids with four steps between all values are those of the text. Find others.",
    )
    large, small = (100 * mean_gain(found, places) for places in triples)
    require(
        large > FAKED,
        f"On the first grid the rounds gain {large:.1f} points. Where must the values of a grid "
        "lie, so that none of them is good for a single training?",
    )
    require(
        small < NONE,
        f"On the second grid the rounds gain {small:.1f} points. Which weight decay must it hold, "
        "so that a single training is as good as it can be?",
    )


def mean_gain(found, places):
    """Mean test gain of rounds over tuned weight decay, chosen by noisy validation."""
    validation, test = (found[name][:, 0][:, places] for name in ("validation", "test"))
    seeds = np.arange(test.shape[-1])
    best = validation.reshape(-1, len(seeds)).argmax(0)
    tuned = test[0, validation[0].argmax(0), seeds]
    return float((test.reshape(-1, len(seeds))[best, seeds] - tuned).mean())
