"""Train several networks on the inputs of one split: a stack if they are perceptrons.

Whatever trains S networks returns one `Fitted` with an axis S in front of everything.
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from distill_lib.deep import losses, models, rounds, train
from distill_lib.deep.ensemble import Stack, accuracies, fit_stack
from experiments.problems import CLASSES

#: Curves of accuracy: on the given and the clean labels of two parts, and on the test part.
CURVES = ("train", "clean_train", "validation", "clean_validation", "test")
LOSSES = {"squared_error": losses.squared_error, "cross_entropy": losses.cross_entropy}


@dataclass
class Fitted:
    """What S networks said: curves (S, epochs), and outputs (S, n, C) on training and test points.

    `outputs` and `test` belong to the last epoch, `chosen` (on the training points) to the epoch
    of the best validation accuracy on given labels, `kept` to the epochs asked for.
    """

    curves: dict[str, np.ndarray]
    outputs: torch.Tensor
    test: torch.Tensor
    chosen: torch.Tensor
    kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)

    def last(self, name):
        """Accuracy after the last epoch, (S,)."""
        return self.curves[name][:, -1]

    def at_best(self, name, by="validation"):
        """Accuracy in the epoch of the best validation accuracy, the first of equal ones, (S,)."""
        best = self.curves[by].argmax(1)
        return self.curves[name][np.arange(len(best)), best]


class Record(train.Callback):
    """Keep accuracies after every epoch, and the outputs of some of them."""

    def __init__(self, problems, keep=()):
        self.problems, self.keep = problems, keep
        self.curves = {name: [] for name in CURVES}
        self.outputs = self.test = self.chosen = self.best = None
        self.kept = {}

    def settings(self):
        """Return the epochs to keep."""
        return {"keep": list(self.keep)}

    def epoch_end(self, state):
        """Measure."""
        first = self.problems[0]
        on = functools.partial(_outputs, state.model)
        self.outputs, self.test = _axis(state.outputs).cpu(), on(first.X_test)
        validation = on(first.data.validation[0])
        said = dict(zip(CURVES, [self.outputs] * 2 + [validation] * 2 + [self.test], strict=True))
        for name, labels in _labels(self.problems).items():
            self.curves[name].append(accuracies(said[name], labels).tolist())
        now = torch.tensor(self.curves["validation"][-1])
        if self.best is None:
            self.best, self.chosen = now, self.outputs.clone()
        better = now > self.best
        self.best, self.chosen[better] = torch.maximum(now, self.best), self.outputs[better]
        if state.epoch + 1 in self.keep:
            self.kept[state.epoch + 1] = [self.outputs, self.test]

    def state_dict(self):
        """Return everything measured."""
        names = ("curves", "outputs", "test", "chosen", "best", "kept")
        return {name: copy.copy(getattr(self, name)) for name in names}

    def load_state_dict(self, content):
        """Take it up again."""
        for name, value in content.items():
            setattr(self, name, value)

    def fitted(self):
        """Return it."""
        curves = {name: np.array(rows).T for name, rows in self.curves.items()}
        kept = {epoch: tuple(pair) for epoch, pair in self.kept.items()}
        return Fitted(curves, self.outputs, self.test, self.chosen, kept)


def fit_all(
    problems, settings, loss, *, seed, targets=None, keep=(), callbacks=None, device="cpu",
    folder=None, name="fit", weight_decay=0.0, **changes,
):  # fmt: skip
    """Train one network a problem; all start from the same weights.

    `targets` (S, n, C) take the place of the given labels. ``callbacks(s)`` returns callbacks, s a
    number or, for a stack, the slice of all. `changes` replace settings of the training.
    """
    size = len(problems)
    options = _options(settings, changes)
    decays = np.broadcast_to(weight_decay, size)
    if settings["model"][0] == "mlp":
        stack = Stack(_sizes(settings, problems), seeds=[seed] * size).to(device)
        record = Record(problems, keep)
        own = callbacks(slice(None)) if callbacks else []
        data = _together(problems, targets)
        fit_stack(
            stack, data, loss, seeds=seed, callbacks=[*own, record], weight_decay=decays, **options
        )  # fmt: skip
        return record.fitted()
    parts = []
    for s, problem in enumerate(problems):
        record = Record([problem], keep)
        data = _together([problem], None if targets is None else targets[s : s + 1])
        train.fit(
            make_model(settings, problem)(seed), _alone(data), loss, seed=seed, device=device,
            callbacks=[*(callbacks(s) if callbacks else []), record], augment=augment(settings),
            weight_decay=float(decays[s]), checkpoint=_file(folder, f"{name}-{s}"), **options,
        )  # fmt: skip
        parts.append(record.fitted())
    return _joined(parts)


def distil_all(
    problems, settings, loss, *, seed, rounds_, alpha=0.0, device="cpu", folder=None, name="rounds",
    weight_decay=0.0, **changes,
):  # fmt: skip
    """Self-distil one network a problem; return one `Fitted` a round."""
    options = _options(settings, changes)
    decays = np.broadcast_to(weight_decay, len(problems))
    if settings["model"][0] == "mlp":
        records = {}

        def recording(number):
            records[number] = Record(problems)
            return [records[number]]

        rounds.stacked_self_distill(
            _sizes(settings, problems), _together(problems), loss, rounds=rounds_, alpha=alpha,
            seeds=[seed] * len(problems), callbacks=recording, device=device, weight_decay=decays,
            **options,
        )  # fmt: skip
        return [records[number].fitted() for number in sorted(records)]
    parts = []
    for s, problem in enumerate(problems):
        alone = {}

        def recording(number, problem=problem, alone=alone):
            alone[number] = Record([problem])
            return [alone[number]]

        rounds.self_distill(
            make_model(settings, problem), problem.data, loss, rounds=rounds_, alpha=alpha,
            seed=seed, callbacks=recording, device=device, weight_decay=float(decays[s]),
            augment=augment(settings), folder=folder and Path(folder) / f"{name}-{s}", **options,
        )  # fmt: skip
        parts.append([alone[number].fitted() for number in sorted(alone)])
    return [_joined(generation) for generation in zip(*parts, strict=True)]


def make_model(settings, problem):
    """Return ``make(seed)``."""
    kind, *widths = settings["model"]
    if kind == "mlp":
        sizes = _sizes(settings, [problem])
        return lambda seed: models.mlp(sizes, seed=seed)
    shape = tuple(problem.data.X.shape[1:])
    if kind == "cnn":
        return lambda seed: models.small_cnn(shape, CLASSES, channels=widths, seed=seed)
    build = getattr(models, kind)
    return lambda seed: build(CLASSES, in_channels=shape[0], seed=seed)


def augment(settings):
    """Return the augmentation of colour photographs, None for others."""
    photographs = settings["data"] == "cifar10" and settings["model"][0] != "mlp"
    return train.crop_and_flip if photographs else None


def one_hot(labels):
    """Return class numbers as rows."""
    return torch.nn.functional.one_hot(labels, CLASSES).float()


def given_rows(problems):
    """Return the given labels as rows (S, n, C)."""
    return torch.stack([one_hot(problem.data.targets) for problem in problems])


def _options(settings, changes):
    """Return the settings of the training."""
    names = ("epochs", "batch_size", "lr", "optimizer", "schedule")
    return {name: settings[name] for name in names if name in settings} | changes


def _sizes(settings, problems):
    return (math.prod(problems[0].data.X.shape[1:]), *settings["model"][1:], CLASSES)


def _together(problems, targets=None):
    """Return the data of all problems, whose inputs are the same."""
    X, V = problems[0].data.X, problems[0].data.validation[0]
    labels = torch.stack([problem.data.targets for problem in problems])
    y = torch.stack([problem.data.validation[1] for problem in problems])
    return train.Data(X, labels if targets is None else targets, labels, (V, y))


def _alone(data):
    """Return the data of one problem without the axis."""
    V, y = data.validation
    return train.Data(data.X, data.targets[0], data.labels[0], (V, y[0]))


def _labels(problems):
    """Return the labels (S, n) that belong to each curve."""
    columns = zip(
        *(
            (p.data.targets, p.clean, p.data.validation[1], p.clean_validation, p.y_test)
            for p in problems
        ),
        strict=True,
    )
    return {name: torch.stack(column) for name, column in zip(CURVES, columns, strict=True)}


def _outputs(model, X):
    said = model.predict(X) if isinstance(model, Stack) else train.predict(model, X)
    return _axis(said).cpu()


def _axis(outputs):
    return outputs if outputs.ndim == 3 else outputs[None]


def _joined(parts):
    """Return one `Fitted` of several."""

    def join(get):
        return torch.cat([get(part) for part in parts])

    kept = {
        epoch: tuple(torch.cat([part.kept[epoch][k] for part in parts]) for k in (0, 1))
        for epoch in parts[0].kept
    }
    curves = {name: np.concatenate([part.curves[name] for part in parts]) for name in CURVES}
    return Fitted(
        curves, join(lambda p: p.outputs), join(lambda p: p.test), join(lambda p: p.chosen), kept
    )  # fmt: skip


def _file(folder, name):
    """Return where a network is saved, None if it is not."""
    if folder is None:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{name}.pt"
