"""Loss switching: one-hot labels first and the teacher later, and the other way round (chapter 14).

Arrays of one seed: ``test`` and ``train`` (noises, modes, epochs), accuracies on test data and on
the given labels; ``teacher_test`` and ``teacher_train`` (noises, teachers). The modes: "one-hot",
then for every teacher "teacher", "one-hot, then teacher" and "teacher, then one-hot".
"""

from __future__ import annotations

import numpy as np
import torch

from distill_lib.deep import losses, train
from experiments import networks, problems
from experiments.tables import paired, percent, table

_NOISES = [["symmetric", 0.0], ["symmetric", 0.2], ["symmetric", 0.4]]

SETTINGS = {
    "digits": {
        "noises": _NOISES, "model": ["mlp", 256], "optimizer": "adam", "lr": 0.003,
        "schedule": "constant", "weight_decay": 0.0, "teacher_epochs": [10, 100], "epochs": 60,
        "switch": 30,
    },
    "mnist": {
        "noises": _NOISES, "model": ["mlp", 128], "optimizer": "adam", "lr": 0.001,
        "schedule": "constant", "weight_decay": 0.0, "teacher_epochs": [5, 40], "epochs": 40,
        "switch": 20,
    },
    "cifar10": {
        "noises": [["symmetric", 0.0], ["symmetric", 0.4]], "optimizer": "adam", "lr": 0.001,
        "schedule": "constant", "weight_decay": 0.0, "teacher_epochs": [10, 60], "epochs": 60,
        "switch": 30,
    },
}  # fmt: skip


def modes(settings):
    """Return the names of the modes."""
    found = ["one-hot"]
    for epochs in settings["teacher_epochs"]:
        name = f"teacher of {epochs} epochs"
        found += [name, f"one-hot, then {name}", f"{name}, then one-hot"]
    return found


def run(settings, seed, device, folder):
    """Run one seed."""
    noisy, wanted = problems.load(settings, seed), settings["teacher_epochs"]
    common = {"device": device, "folder": folder, "weight_decay": settings["weight_decay"]}
    teacher = networks.fit_all(
        noisy, settings, losses.cross_entropy, seed=seed, keep=wanted, epochs=max(wanted),
        name="teacher", **common,
    )  # fmt: skip
    first, second = _targets(noisy, teacher, wanted)
    number = len(modes(settings))
    students = networks.fit_all(
        [problem for problem in noisy for _ in range(number)], settings, losses.cross_entropy,
        seed=seed + 1000, targets=first, name="student", **common,
        callbacks=lambda s: [train.Switch(settings["switch"], targets=second[s])],
    )  # fmt: skip
    at = [epoch - 1 for epoch in wanted]
    return {
        **{name: _curves(students, name, len(noisy)) for name in ("test", "train")},
        "teacher_test": teacher.curves["test"][:, at],
        "teacher_train": teacher.curves["train"][:, at],
    }


def _targets(noisy, teacher, wanted):
    """Return the targets of all modes, (noises * modes, n, C), before and after the switch."""
    given, before, after = networks.given_rows(noisy), [], []
    for v, rows in enumerate(given):
        before.append(rows)
        after.append(rows)
        for epochs in wanted:
            own = losses.probabilities(teacher.kept[epochs][0][v])
            before += [own, rows, own]
            after += [own, own, rows]
    return torch.stack(before), torch.stack(after)


def _curves(students, name, noises):
    """Return accuracies (noises, modes, epochs)."""
    curves = students.curves[name]
    return curves.reshape(noises, -1, curves.shape[-1])


def summary(settings, arrays):
    """Return a table with a line a mode."""
    rows = []
    for v, noise in enumerate(settings["noises"]):
        end = np.moveaxis(arrays["test"][:, v, :, -1], 1, 0)
        for k, (name, ours) in enumerate(zip(modes(settings), end, strict=True)):
            pure = end[k - (k - 1) % 3] if k else ours
            gaps = paired(ours, end[0]), paired(ours, pure)
            rows.append([f"{noise[0]} {noise[1]}", name, percent(ours), *gaps])
    header = ["noise", "mode", "test at the end", "less one-hot", "less the same teacher all along"]
    return table(header, rows)
