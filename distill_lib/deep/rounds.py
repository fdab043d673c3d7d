r"""Rounds of self-distillation: every network learns from the one before, and from the labels.

Round 1 is the ordinary training on the given labels :math:`y`. In round :math:`\tau` a student
is trained on

.. math:: \alpha_\tau\,y + (1 - \alpha_\tau)\,h(z^{(\tau-1)}),

with the outputs :math:`z^{(\tau-1)}` of the round before on the training points, and their
probabilities :math:`h = \mathrm{softmax}` unless you ask for something else. The weight on the
labels is fixed, given for every round, or estimated from two trainings a round.

`self_distill` trains networks of any kind one after another and resumes where it was killed;
`stacked_self_distill` does the same for a whole stack of small ones at once.

Source: chapter 13; Mobahi et al. (2020) for alpha = 0, Borup and Andersen (2021) for the mix.
"""

from __future__ import annotations

import copy
import functools
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib.deep import _setup, checkpoints, distributed, losses, self_labels
from distill_lib.deep.ensemble import Stack, StackHistory, fit_stack
from distill_lib.deep.train import Callback, History, fit, predict
from distill_lib.kernel import mixing

__all__ = [
    "AlphaEstimate",
    "AlphaGrid",
    "Round",
    "StackRound",
    "alpha_grid",
    "ensemble",
    "estimate_alpha",
    "self_distill",
    "stacked_self_distill",
]

#: Round r (from 1) of a run with seed s uses seed s + 1000 (r - 1), for weights and order.
SEED_STEP = 1000


class Round(NamedTuple):
    """One round: its network, what the network says, and what the round cost.

    `outputs` (n, C) on the training points and `validation` (m, C), None without a validation
    set, are outputs before the softmax. `raw_alpha` is the estimate before it is clipped, None
    where alpha was given. `trainings` counts networks, `seconds` the time in epochs, that of
    earlier sittings included.
    """

    model: torch.nn.Module
    outputs: torch.Tensor
    validation: torch.Tensor | None
    history: History
    alpha: float
    raw_alpha: float | None
    trainings: int
    seconds: float

    @property
    def probabilities(self):
        """Softmax of the outputs on the training points."""
        return losses.probabilities(self.outputs)

    @property
    def validation_probabilities(self):
        """Softmax of the outputs on the validation points."""
        return losses.probabilities(self.validation)


class StackRound(NamedTuple):
    """One round of a stack: the fields of `Round` with an axis S in front, `stack` for `model`.

    `outputs` (S, n, C), `validation` (S, m, C), `history` with entries (epochs, S), `alpha` (S,)
    and `raw_alpha` (S,); `trainings` counts those of one network, `seconds` is that of all.
    """

    stack: Stack
    outputs: torch.Tensor
    validation: torch.Tensor | None
    history: StackHistory
    alpha: np.ndarray
    raw_alpha: np.ndarray | None
    trainings: int
    seconds: float

    probabilities = Round.probabilities
    validation_probabilities = Round.validation_probabilities


class AlphaEstimate(NamedTuple):
    """An estimated weight on the labels, as the formula gives it and clipped to [0, 1]."""

    raw: float
    clipped: float


class AlphaGrid(NamedTuple):
    """A student for every weight: `errors` are mean squared errors on the validation set.

    `best` is the weight of the least error, the first of equal ones.
    """

    alphas: np.ndarray
    errors: np.ndarray
    students: list[Round]
    best: float
    trainings: int
    seconds: float


# ------------------------------------------------------------------------ one after another


def self_distill(
    make_model, data, loss, *, rounds, alpha=0.0, unrestricted=False, target="soft",
    temperature=1.0, warm_start=False, seed=0, folder=None, callbacks=None, **settings,
):  # fmt: skip
    r"""Train `rounds` networks, each on a mix of the labels and the one before.

    Parameters
    ----------
    make_model : callable
        ``make_model(seed)`` returns a network with fresh weights.
    data : train.Data
        The targets are the given labels; they may be rows.
    loss : callable
        As for `train.fit`.
    rounds : int
        Number of fits; 1 is the ordinary training.
    alpha : float, sequence of `rounds` floats, or "estimate", default 0
        Weight on the given labels in [0, 1]; 0 learns from the teacher only. The first entry of a
        sequence is not used: round 1 has no teacher, and weight 1. "estimate" trains one more
        student a round, on the teacher alone, and takes the weight of `estimate_alpha` from its
        predictions and those of round 1 on the validation set.
    unrestricted : bool, default False
        Allow any real weights, and do not clip the estimate.
    target : {"soft", "hard", "outputs"}, default "soft"
        What the teacher hands on, see `self_labels.own_labels`; "outputs" for
        ``losses.squared_error_on_outputs``.
    temperature : float, default 1
        T > 0. From round 2 on the teacher's probabilities are softened with T, and the loss is
        called with ``temperature=T``. For "soft" only. Labels that are mixed in then meet the
        softened student too.
    warm_start : bool, default False
        Start every student from its teacher's weights instead of fresh ones.
    seed : int, default 0
        Round r (from 1) uses ``seed + 1000 * (r - 1)`` for the weights and for the order of the
        data. The students of one round share it.
    folder : path-like, optional
        Where to keep checkpoints. The same call goes on in the round, and the epoch, in which it
        was killed; other settings are refused by name.
    callbacks : callable, optional
        ``callbacks(round)`` returns the callbacks of a training, called once a training.
    **settings
        Of `train.fit`: ``epochs``, ``batch_size``, ``lr`` and so on.

    Returns
    -------
    list of Round

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, alpha is to be estimated without a validation set, or
        there are two predictions that coincide; and as `train.fit`.

    Notes
    -----
    If the estimated weight is 0, the student trained for the estimate is the student wanted: the
    round costs one training, not two.

    Source: chapter 13; Borup and Andersen (2021).

    Examples
    --------
    >>> from distill_lib.deep import models
    >>> from distill_lib.deep.train import Data
    >>> data = Data(torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> make = functools.partial(models.mlp, (4, 8, 2))
    >>> found = self_distill(lambda seed: make(seed=seed), data, losses.cross_entropy, rounds=3,
    ...                      alpha=0.5, epochs=2, batch_size=2)
    >>> [generation.alpha for generation in found]
    [1.0, 0.5, 0.5]
    """
    plan = _plan(alpha, rounds, unrestricted, ())
    _check(data, plan, target, temperature)
    train_one = functools.partial(
        _train_one, make_model, data, folder=folder, callbacks=callbacks, settings=settings
    )
    found = [train_one(loss, data.targets, None, 1.0, seed, "round-1", 1)]
    soft_loss = _softened(loss, temperature)
    for number in range(2, rounds + 1):
        student = functools.partial(
            _student, train_one, soft_loss, data, found, target, temperature, warm_start,
            seed + SEED_STEP * (number - 1),
        )  # fmt: skip
        if plan is None:
            found.append(_estimated(student, data, found[0], number, target, unrestricted))
        else:
            found.append(student(plan[number - 1], f"round-{number}"))
    return found


def _student(
    train_one, loss, data, found, target, temperature, warm_start, seed, alpha, name
):  # fmt: skip
    """Train a student of the last round."""
    teacher = found[-1]
    own = _handed_on(teacher.outputs, target, temperature)
    targets = losses.mixed(data.targets, own, float(alpha), unrestricted=True)
    start = teacher.model if warm_start else None
    return train_one(loss, targets, start, float(alpha), seed, name, len(found) + 1)


def _estimated(student, data, first, number, target, unrestricted):
    """Train the student that is needed to estimate alpha, and the one with this alpha."""
    pure = student(0.0, f"round-{number}-teacher-only")
    raw, clipped = estimate_alpha(
        data.validation[1], _predictions(first, target), _predictions(pure, target)
    )
    alpha = raw if unrestricted else clipped
    if alpha == 0:
        return pure._replace(raw_alpha=raw)
    mixed = student(alpha, f"round-{number}")
    return mixed._replace(
        raw_alpha=raw, trainings=2, seconds=pure.seconds + mixed.seconds
    )  # fmt: skip


def _train_one(
    make_model, data, loss, targets, start, alpha, seed, name, number, *, folder, callbacks,
    settings,
):  # fmt: skip
    """Train one network on given targets, or read it from its checkpoint."""
    model = make_model(seed) if start is None else copy.deepcopy(start)
    clock = _Clock()
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        settings = {**settings, "checkpoint": Path(folder) / f"{name}.pt"}
    own = [*(callbacks(number) if callbacks else ()), clock]
    history = fit(
        model, _with_targets(data, targets), loss, seed=seed, callbacks=own, **settings
    )  # fmt: skip
    outputs, validation = _say(model, data, folder and Path(folder) / f"{name}-outputs.pt")
    return Round(model, outputs, validation, history, alpha, None, 1, clock.seconds)


def _say(model, data, path):
    """Return what a trained network says; read it if this network has said it before.

    On a GPU the same network may say something else in the last digit, and the next round would
    be one of other targets.
    """
    weights = checkpoints.digest(*model.state_dict().values())
    saved = checkpoints.resume(path)[0] if path and distributed.rank() == 0 else None
    saved = distributed.broadcast(saved) if path else None
    if saved and saved["weights"] == weights:
        return saved["outputs"], saved["validation"]
    outputs = predict(model, data.X)
    validation = None if data.validation is None else predict(model, data.validation[0])
    if path and distributed.rank() == 0:
        content = {"weights": weights, "outputs": outputs, "validation": validation}
        checkpoints.save(path, content)
    return outputs, validation


class _Clock(Callback):
    """Seconds spent in epochs, those before a kill included."""

    def __init__(self):
        self.seconds, self.start = 0.0, None

    def epoch_start(self, state):
        self.start = time.perf_counter()

    def epoch_end(self, state):
        self.seconds += time.perf_counter() - self.start

    def state_dict(self):
        return {"seconds": self.seconds}

    def load_state_dict(self, content):
        self.seconds = content["seconds"]


# ---------------------------------------------------------------------------- weights


def estimate_alpha(y, truth_prediction, teacher_prediction):
    r"""Estimate the best weight on the labels from the predictions of two trained networks.

    .. math:: \hat\alpha = \frac{\langle y - g,\ f - g\rangle}{\|f - g\|^2}

    on validation points: one-hot labels :math:`y`, probabilities :math:`f` of the network that
    learned from the labels (round 1) and :math:`g` of the student that learned from its teacher
    alone. Exact for ridge regression, whose predictions are affine in alpha; for networks a guess,
    for two trainings instead of a grid.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (m,) or (m, C)
        Validation labels: class numbers, or rows.
    truth_prediction : array_like or torch.Tensor, shape (m, C)
        :math:`f`.
    teacher_prediction : array_like or torch.Tensor, shape (m, C)
        :math:`g`.

    Returns
    -------
    AlphaEstimate
        The value of the formula, and the nearest one in [0, 1]. For ridge regression a student is
        to first order a step of length 1 - alpha towards more regularization. So below 1 the raw
        value asks for more of it, below 0 for more than one round gives, and above 1 for less, all
        measured by squared error on `y`.

    Raises
    ------
    ValueError
        If shapes differ or the two predictions coincide.

    Notes
    -----
    The criterion is squared error on *these* labels: with wrong labels in the validation set it
    asks for something else than with clean ones. The two networks differ by their starting weights
    too; where they differ by little else, the estimate says nothing. Source: chapter 13; Borup and
    Andersen (2021).

    Examples
    --------
    >>> y = np.array([0, 1])
    >>> estimate_alpha(y, [[0.9, 0.1], [0.3, 0.7]], [[0.5, 0.5], [0.5, 0.5]])
    AlphaEstimate(raw=1.5, clipped=1.0)
    """
    f, g, y = (_array(v) for v in (truth_prediction, teacher_prediction, y))
    if np.issubdtype(y.dtype, np.integer):
        if f.ndim != 2 or y.max() >= f.shape[1] or y.min() < 0:
            raise ValueError(
                f"y holds class {y.max()}, truth_prediction has shape {f.shape}; a column a class"
            )
        y = np.eye(f.shape[1])[y]
    raw = mixing.optimal_alpha(y, f, g)
    return AlphaEstimate(raw, min(max(raw, 0.0), 1.0))


def alpha_grid(
    make_model, data, loss, teacher, *, alphas, target="soft", temperature=1.0, warm_start=False,
    seed=0, folder=None, callbacks=None, **settings,
):  # fmt: skip
    """Train one student of round 2 for every weight: what `estimate_alpha` saves.

    Parameters
    ----------
    make_model, data, loss
        As for `self_distill`; with a validation set.
    teacher : Round
        Round 1, the first entry of what `self_distill` returns.
    alphas : sequence of float
        The weights on the labels; any real numbers.
    target, temperature, warm_start, seed, folder, callbacks, **settings
        As for `self_distill`. With the same seed the student of weight alpha is that of round 2.

    Returns
    -------
    AlphaGrid

    Raises
    ------
    TypeError, ValueError
        As `self_distill`.

    Notes
    -----
    Source: chapter 13.
    """
    alphas = np.atleast_1d(check.weight("alphas", alphas, unrestricted=True))
    _check(data, None, target, temperature)
    train_one = functools.partial(
        _train_one, make_model, data, folder=folder, callbacks=callbacks, settings=settings
    )
    students = [
        _student(
            train_one, _softened(loss, temperature), data, [teacher], target, temperature,
            warm_start, seed + SEED_STEP, alpha, f"grid-{alpha:g}",
        )
        for alpha in alphas
    ]  # fmt: skip
    errors = np.array([_validation_error(student, data, target) for student in students])
    return AlphaGrid(
        alphas, errors, students, float(alphas[errors.argmin()]), len(students),
        sum(student.seconds for student in students),
    )  # fmt: skip


def _validation_error(generation, data, target):
    """Mean squared error on the validation set, summed over the classes."""
    predictions = _predictions(generation, target)
    return losses.squared_error_on_outputs(predictions, data.validation[1]).item()


def _predictions(generation, target):
    """Return what is compared with the validation labels: probabilities, or the outputs."""
    return generation.validation if target == "outputs" else generation.validation_probabilities


def ensemble(generations, X):
    r"""Average the probabilities of several rounds: :math:`\frac1k\sum_r\mathrm{softmax}(z^{(r)})`.

    Parameters
    ----------
    generations : sequence of Round or StackRound
        At least one.
    X : torch.Tensor, shape (n, ...)
        Inputs.

    Returns
    -------
    torch.Tensor, shape (n, C) or (S, n, C)

    Raises
    ------
    ValueError
        If there is no round.

    Notes
    -----
    Source: chapter 13; Furlanello et al. (2018) average the generations of born-again networks.
    """
    generations = list(generations)
    if not generations:
        raise ValueError("generations is empty; an ensemble needs at least one round")

    def outputs(g):
        return g.stack.predict(X) if isinstance(g, StackRound) else predict(g.model, X)

    return torch.stack([losses.probabilities(outputs(g)) for g in generations]).mean(0)


# ------------------------------------------------------------------------------- stacks


def stacked_self_distill(
    sizes, data, loss, *, rounds, alpha=0.0, unrestricted=False, target="soft", temperature=1.0,
    warm_start=False, seeds, callbacks=None, device="cpu", **settings,
):  # fmt: skip
    """Distil S multilayer perceptrons at once, as `self_distill` would one after another.

    Parameters
    ----------
    sizes : sequence of int
        Of ``models.mlp``.
    data : train.Data
        As for `ensemble.fit_stack`: shared, or with an axis S in front.
    loss : callable
        As for `ensemble.fit_stack`.
    rounds : int
        As for `self_distill`.
    alpha : float, sequence of `rounds` floats, array (rounds, S), or "estimate", default 0
        As for `self_distill`; with two axes, one weight a network. "estimate" gives each network
        its own.
    unrestricted, target, temperature, warm_start
        As for `self_distill`.
    seeds : sequence of S ints
        One a network, with the meaning of `seed` there. Equal seeds give equal weights and order.
    callbacks : callable, optional
        As for `self_distill`.
    device : str, default "cpu"
        "cpu", "cuda" or "mps".
    **settings
        Of `ensemble.fit_stack`: ``epochs``, ``batch_size``, ``lr``, ``weight_decay`` and so on.

    Returns
    -------
    list of StackRound

    Raises
    ------
    TypeError, ValueError
        As `self_distill` and `ensemble.fit_stack`.

    Notes
    -----
    Where only some estimates are 0, all networks are trained once more. There are no checkpoints.
    Source: chapter 13.

    Examples
    --------
    >>> from distill_lib.deep.train import Data
    >>> data = Data(torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> found = stacked_self_distill((4, 8, 2), data, losses.cross_entropy, rounds=2,
    ...                              alpha=[[1, 1], [0.2, 0.7]], seeds=[0, 1], epochs=2,
    ...                              batch_size=2)
    >>> found[1].alpha
    array([0.2, 0.7])
    """
    seeds = np.atleast_1d(check.whole("seeds", seeds, minimum=0))
    plan = _plan(alpha, rounds, unrestricted, (len(seeds),))
    _check(data, plan, target, temperature)
    device = _setup.choose_device(device, False)

    def train_stack(loss, targets, start, weight, number):
        own = seeds + SEED_STEP * (number - 1)
        stack = (
            copy.deepcopy(start)
            if start is not None
            else Stack(sizes, seeds=own.tolist()).to(device)
        )
        clock = _Clock()
        history = fit_stack(
            stack, _with_targets(data, targets), loss, seeds=own.tolist(),
            callbacks=[*(callbacks(number) if callbacks else ()), clock], **settings,
        )  # fmt: skip
        outputs = stack.predict(data.X)
        validation = None if data.validation is None else stack.predict(data.validation[0])
        return StackRound(stack, outputs, validation, history, weight, None, 1, clock.seconds)

    def student(weight, number):
        teacher = found[-1]
        own = _handed_on(teacher.outputs, target, temperature)
        targets = _mix(data.targets.to(own.device), own, weight)
        start = teacher.stack if warm_start else None
        return train_stack(soft_loss, targets, start, weight, number)

    found = [train_stack(loss, data.targets, None, np.ones(len(seeds)), 1)]
    soft_loss = _softened(loss, temperature)
    for number in range(2, rounds + 1):
        if plan is not None:
            found.append(student(plan[number - 1], number))
            continue
        pure = student(np.zeros(len(seeds)), number)
        raw, clipped = _estimates(data.validation[1], found[0], pure, target)
        weight = raw if unrestricted else clipped
        mixed = student(weight, number) if weight.any() else pure
        trainings = 2 if weight.any() else 1
        seconds = pure.seconds + (mixed.seconds if weight.any() else 0)
        found.append(mixed._replace(raw_alpha=raw, trainings=trainings, seconds=seconds))
    return found


def _mix(targets, own, weight):
    """Mix labels and teacher, with one weight a network."""
    shared = targets.ndim == (2 if _setup.is_rows(targets) else 1)
    given = [targets] * len(own) if shared else targets
    rows = [
        losses.mixed(y, q, float(a), unrestricted=True)
        for y, q, a in zip(given, own, weight, strict=True)
    ]
    return torch.stack(rows)


def _estimates(y, first, pure, target):
    """Return the raw and the clipped estimates of all networks."""
    shared = y.ndim == (2 if _setup.is_rows(y) else 1)
    given = [y] * len(pure.validation) if shared else y
    pairs = _predictions(first, target), _predictions(pure, target)
    found = [estimate_alpha(*one) for one in zip(given, *pairs, strict=True)]
    return tuple(np.array(column) for column in zip(*found, strict=True))


# ------------------------------------------------------------------------------- the pieces


def _plan(alpha, rounds, unrestricted, networks):
    """Return one weight a round, with an axis for the networks; None if it is estimated."""
    rounds = check.scalar_whole("rounds", rounds, minimum=1)
    if isinstance(alpha, str):
        if alpha != "estimate":
            raise ValueError(f"alpha must be numbers or 'estimate', got {alpha!r}")
        return None
    alpha = check.weight("alpha", alpha, unrestricted=unrestricted)
    shape = (rounds, *networks)
    if alpha.shape not in ((), (rounds,), shape):
        raise ValueError(
            f"alpha must be one number or one weight a round, shape {(rounds,)}"
            f"{f' or {shape}' if networks else ''}, got shape {alpha.shape}"
        )
    if alpha.ndim == 1 and networks:
        alpha = alpha[:, None]
    return np.broadcast_to(alpha, shape)


def _check(data, plan, target, temperature):
    """Refuse what would only be noticed after the first training."""
    if target not in ("soft", "hard", "outputs"):
        raise ValueError(f"target must be 'soft', 'hard' or 'outputs', got {target!r}")
    temperature = check.single("temperature", check.positive("temperature", temperature))
    if target != "soft" and temperature != 1:
        raise ValueError(f"temperature goes with target='soft' only, got {temperature}")
    if plan is None and data.validation is None:
        raise ValueError("alpha can only be estimated with a validation set in data")


def _softened(loss, temperature):
    """Return the loss of students, which are softened like their teacher."""
    return loss if temperature == 1 else functools.partial(loss, temperature=float(temperature))


def _handed_on(outputs, target, temperature):
    """Return what a teacher hands on."""
    if temperature != 1:
        return self_labels.own_labels(outputs, "sharpened", temperature)
    return self_labels.own_labels(outputs, target)


def _with_targets(data, targets):
    """Return the data with new targets; accuracy is still measured on the given labels."""
    labels = data.targets if data.labels is None else data.labels
    return data._replace(targets=targets, labels=None if _setup.is_rows(labels) else labels)


def _array(values):
    """Return a tensor as an array."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
