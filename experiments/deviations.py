"""How students deviate from their teachers: slopes, fidelity, calibration (chapter 14).

Arrays of one seed, axes (cases, noises, students): ``slope``, ``low`` and ``high`` with a last
axis (train, test), the slope of the confidence plot and its bootstrap interval over points;
``gain``, test accuracy of the student less the teacher's; ``agreement`` and ``divergence`` from
the teacher on test points; ``calibration`` on test points. ``teacher_train`` and ``teacher_test``,
accuracies, and ``teacher_calibration`` have axes (cases, noises).
"""

from __future__ import annotations

import functools

import numpy as np

from distill_lib.deep import deviations, losses
from experiments import networks, problems
from experiments.tables import number, percent, table

_LONG = {
    "temperature": 4.0, "teacher_epochs": 200, "student_epochs": [50, 200],
    "weight_decay": 0.001, "lr": 0.05, "student_lr": 0.02,
}  # fmt: skip
_NOISES = [["symmetric", 0.0], ["symmetric", 0.2], ["symmetric", 0.4]]

SETTINGS = {
    "digits": {
        "noises": _NOISES,
        "cases": [
            _LONG,
            {**_LONG, "temperature": 1.0, "student_lr": 0.05},
            {**_LONG, "teacher_epochs": 20},
            {**_LONG, "weight_decay": 0.003},
            {**_LONG, "weight_decay": 0.0},
        ],
        "clip": 1e-6,
        "bootstrap": 500,
    },
    "mnist": {
        "noises": _NOISES,
        "cases": [
            {**_LONG, "teacher_epochs": 60, "student_epochs": [15, 60]},
            {**_LONG, "temperature": 1.0, "student_lr": 0.05, "teacher_epochs": 60,
             "student_epochs": [15, 60]},
        ],
        "clip": 1e-6,
        "bootstrap": 500,
    },
    "cifar10": {
        "noises": [["symmetric", 0.0], ["symmetric", 0.4]],
        "cases": [{**_LONG, "teacher_epochs": 75, "student_epochs": [20, 75],
                   "weight_decay": 0.0005, "lr": 0.1}],
        "clip": 1e-6,
        "bootstrap": 500,
    },
}  # fmt: skip


def run(settings, seed, device, folder):
    """Run one seed."""
    cases = [
        _case(settings, case, seed, device, folder, f"case-{k}")
        for k, case in enumerate(settings["cases"])
    ]
    return {name: np.array([case[name] for case in cases]) for name in cases[0]}


def _case(settings, case, seed, device, folder, name):
    """Train the teachers of all noises, and their students."""
    noisy, T = problems.load(settings, seed), case["temperature"]
    fit = functools.partial(
        networks.fit_all, noisy, settings, device=device, folder=folder,
        weight_decay=case["weight_decay"], schedule="constant",
    )  # fmt: skip
    teacher = fit(
        losses.cross_entropy, seed=seed, epochs=case["teacher_epochs"], lr=case["lr"],
        name=f"{name}-teacher",
    )  # fmt: skip
    students = fit(
        functools.partial(losses.cross_entropy, temperature=T), seed=seed + 1000,
        targets=losses.probabilities(teacher.outputs, T), epochs=max(case["student_epochs"]),
        keep=case["student_epochs"], lr=case["student_lr"], name=f"{name}-student",
    )  # fmt: skip
    said = [
        [_compare(settings, noisy[v], teacher, students.kept[e], v) for e in case["student_epochs"]]
        for v in range(len(noisy))
    ]
    found = {key: [[s[key] for s in row] for row in said] for key in said[0][0]}
    rows = range(len(noisy))
    return found | {
        "teacher_train": teacher.last("train"),
        "teacher_test": teacher.last("test"),
        "teacher_calibration": [_calibration(teacher.test[v], noisy[v]) for v in rows],
    }


def _compare(settings, problem, teacher, student, v):
    """Compare the student of noise v with its teacher."""
    lines = []
    for ours, theirs in zip((teacher.outputs[v], teacher.test[v]), student, strict=True):
        said = (losses.probabilities(z.double()).numpy() for z in (ours, theirs[v]))
        plot = deviations.confidence_logits(*said, clip=settings["clip"])
        lines.append(
            deviations.slope_interval(
                plot.teacher, plot.student, n_bootstrap=settings["bootstrap"],
                rng=np.random.default_rng(0),
            )
        )  # fmt: skip
    p, q = (losses.probabilities(z.double()).numpy() for z in (teacher.test[v], student[1][v]))
    right = [(rows.argmax(1) == problem.y_test.numpy()).mean() for rows in (p, q)]
    return {
        **{name: [getattr(line, name) for line in lines] for name in ("slope", "low", "high")},
        "gain": right[1] - right[0],
        "agreement": deviations.agreement(p, q),
        "divergence": deviations.mean_kl(p, q, clip=1e-12),
        "calibration": _calibration(student[1][v], problem),
    }


def _calibration(outputs, problem):
    said = losses.probabilities(outputs.double()).numpy()
    return deviations.calibration_error(said, problem.y_test.numpy())


def summary(settings, arrays):
    """Return a table with a line a case, noise and student."""
    header = [
        "T, weight decay, teacher", "noise", "student", "slope, train", "> 1", "interval, seed 0",
        "slope, test", "> 1", "gain", "agreement", "divergence",
    ]  # fmt: skip
    rows = []
    for k, case in enumerate(settings["cases"]):
        for v, noise in enumerate(settings["noises"]):
            for e, epochs in enumerate(case["student_epochs"]):
                a = {name: x[:, k, v, e] for name, x in arrays.items() if x.ndim > 3}
                slopes = a["slope"].T
                rows.append(
                    [
                        f"{case['temperature']:g}, {case['weight_decay']}, "
                        f"{case['teacher_epochs']} epochs",
                        f"{noise[0]} {noise[1]}",
                        f"{epochs} epochs",
                        number(slopes[0]),
                        f"{(slopes[0] > 1).sum()}/{len(slopes[0])}",
                        f"{a['low'][0, 0]:.2f} to {a['high'][0, 0]:.2f}",
                        number(slopes[1]),
                        f"{(slopes[1] > 1).sum()}/{len(slopes[1])}",
                        *(percent(a[name]) for name in ("gain", "agreement")),
                        number(a["divergence"]),
                    ]
                )
    return table(header, rows)
