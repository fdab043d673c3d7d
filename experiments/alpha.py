"""The weight on the labels, estimated with two trainings against a grid (chapter 13).

Arrays of one seed, a first axis for the cases (noise, loss, weight decay): ``raw`` and ``alpha``,
the estimate and what is used; ``grid_error`` (cases, alphas), mean squared error on the
validation set; ``grid_best``, its best weight; ``estimate_error``, ``teacher_error``; the test
accuracies ``grid_test`` (cases, alphas), ``estimate_test``, ``teacher_test``; ``trainings`` and
``seconds`` (cases, 2) of estimate and grid, the teacher's training not counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distill_lib.deep import losses, rounds, train
from experiments import networks, problems
from experiments.tables import number, paired, percent, table

_TENTHS = [round(0.1 * k, 1) for k in range(11)]

SETTINGS = {
    "digits": {
        "cases": [
            [["symmetric", 0.2], "squared_error", 0.2, 0.003],
            [["symmetric", 0.4], "squared_error", 0.2, 0.001],
            [["symmetric", 0.4], "squared_error", 0.2, 0.003],
            [["symmetric", 0.4], "cross_entropy", 0.05, 0.01],
            [["symmetric", 0.0], "squared_error", 0.2, 0.003],
        ],
        "alphas": _TENTHS,
    },
    "mnist": {
        "cases": [
            [["symmetric", 0.2], "squared_error", 0.2, 0.001],
            [["symmetric", 0.4], "squared_error", 0.2, 0.001],
        ],
        "alphas": _TENTHS,
    },
    "cifar10": {
        "cases": [[["symmetric", 0.4], "squared_error", 0.1, 0.0005]],
        "alphas": [0.0, 0.25, 0.5, 0.75, 1.0],
    },
}


def run(settings, seed, device, folder):
    """Run one seed."""
    cases = [
        _case(settings, seed, case, device, Path(folder) / f"case-{k}")
        for k, case in enumerate(settings["cases"])
    ]
    return {name: np.array([case[name] for case in cases]) for name in cases[0]}


def _case(settings, seed, case, device, folder):
    """Train the teacher, the students of the estimate, and those of the grid."""
    noise, loss, lr, weight_decay = case
    (problem,) = problems.load({**settings, "noises": [noise]}, seed)
    arguments = networks.make_model(settings, problem), problem.data, networks.LOSSES[loss]
    options = {
        **{name: settings[name] for name in ("epochs", "batch_size")},
        "lr": lr, "weight_decay": weight_decay, "seed": seed, "device": device,
        "augment": networks.augment(settings),
        "folder": None if settings["model"][0] == "mlp" else folder,
    }  # fmt: skip
    teacher, student = rounds.self_distill(*arguments, rounds=2, alpha="estimate", **options)
    grid = rounds.alpha_grid(*arguments, teacher, alphas=settings["alphas"], **options)

    def error(generation):
        return losses.squared_error(generation.validation, problem.data.validation[1]).item()

    def test(generation):
        outputs = train.predict(generation.model, problem.X_test)
        return train.accuracy(outputs, problem.y_test)

    return {
        "raw": student.raw_alpha,
        "alpha": student.alpha,
        "grid_error": grid.errors,
        "grid_best": grid.best,
        "estimate_error": error(student),
        "teacher_error": error(teacher),
        "grid_test": [test(generation) for generation in grid.students],
        "estimate_test": test(student),
        "teacher_test": test(teacher),
        "trainings": [student.trainings, grid.trainings],
        "seconds": [student.seconds, grid.seconds],
    }


def summary(settings, arrays):
    """Return a table with a line a case."""
    header = [
        "case", "raw estimate", "clipped", "grid", "test: estimate", "grid", "teacher",
        "estimate - grid", "trainings", "seconds",
    ]  # fmt: skip
    rows = []
    for k, (noise, loss, _, decay) in enumerate(settings["cases"]):
        a = {name: values[:, k] for name, values in arrays.items()}
        best = a["grid_test"][np.arange(len(a["raw"])), a["grid_error"].argmin(1)]
        rows.append(
            [
                f"{noise[0]} {noise[1]}, {loss}, {decay}",
                *(number(a[name]) for name in ("raw", "alpha", "grid_best")),
                *map(percent, (a["estimate_test"], best, a["teacher_test"])),
                paired(a["estimate_test"], best),
                " against ".join(f"{t:.1f}" for t in a["trainings"].mean(0)),
                " against ".join(f"{t:.1f}" for t in a["seconds"].mean(0)),
            ]
        )
    return table(header, rows)
