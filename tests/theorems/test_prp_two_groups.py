"""Margins on the given label, of points with a clean and with a flipped label.

Statement: labels +1 and -1, a share rho < 1/2 of them flipped; one strong direction carries the
clean class and is fitted completely, all others have equal eigenvalues. With weak progress a of the
teacher and a b of the student, the margin on the given label is (1 - 2 rho) + 2 rho c on clean and
-(1 - 2 rho) + 2 (1 - rho) c on flipped points, with c = a for the teacher and c = a b for the
student. So flipped points drop (1 - rho)/rho times as much as clean ones, and the line through the
two groups has the slope (1 - a b)/(1 - a) > 1. (It needs only rho different from 1/2; rho < 1/2 is
part of the model: the strong direction then points to the clean class.)
"""

import numpy as np

from distill_lib.kernel import deviations
from tests.theorems import two_group_runs
from tests.theorems.ledger import Mutant, Result, both, equal, less


def table(x, *, swap=False, student=lambda a, b: a * b):
    """Every single point has the margin of its group."""
    rho = 1 - x.rho if swap else x.rho
    parts = []
    for got, c in zip(x.margins("given"), (x.a, student(x.a, x.b)), strict=True):
        groups = (1 - 2 * x.rho) + 2 * rho * c, -(1 - 2 * x.rho) + 2 * (1 - rho) * c
        parts.append(equal(got, np.where(x.flipped, groups[1], groups[0]), tol=1e-10, scale=1.0))
    return both(*parts)


def means(x):
    """Group means of the two models: rows teacher, student; columns clean, flipped."""
    values = x.margins("given")
    return np.column_stack([values[:, ~x.flipped].mean(1), values[:, x.flipped].mean(1)])


def consequences(x, *, factor=lambda rho: (1 - rho) / rho, slope=None, sign=1):
    teacher, student = means(x)
    drops = teacher - student
    measured = (student[0] - student[1]) / (teacher[0] - teacher[1])
    wanted = (1 - x.a * x.b) / (1 - x.a) if slope is None else slope(x.a, x.b)
    return both(
        equal(drops[1], factor(x.rho) * drops[0], tol=1e-10, scale=1.0),
        equal(measured / wanted, 1.0, tol=1e-8),
        less(0.0, sign * (measured - 1), scale=1.0),
    )


def library(x):
    given = deviations.two_group_margins(x.rho, x.a, x.b)
    by_means = deviations.group_means(deviations.Margins(*x.margins("given")), x.flipped)
    line = deviations.fit_line(*x.margins("given"))
    return both(
        equal(np.array(given), means(x), tol=1e-10, scale=1.0),
        equal(np.array(by_means), means(x), tol=1e-12, scale=1.0),
        equal(line.slope * (1 - x.a) / (1 - x.a * x.b), 1.0, tol=1e-8),
    )


def statement(x):
    return both(table(x), consequences(x), library(x))


def drawn(**changes):
    return lambda rng, i: two_group_runs.draw(rng, i, **changes)


RESULT = Result(
    label="prp-two-groups",
    assumptions=(
        "0 < rho < 1/2, the same number of flips in every run",
        "the strong direction is fitted completely by teacher and student",
        "all other directions have one eigenvalue, with progress 0 < a < 1 and 0 < b < 1",
    ),
    draw=two_group_runs.draw,
    statement=statement,
    mutants={
        "rho and 1 - rho exchanged": Mutant(lambda x: table(x, swap=True)),
        "student with b in place of a b": Mutant(lambda x: table(x, student=lambda a, b: b)),
        "drops in the ratio rho/(1 - rho)": Mutant(
            lambda x: consequences(x, factor=lambda rho: rho / (1 - rho))
        ),
        "slope (1 - a)/(1 - a b)": Mutant(
            lambda x: consequences(x, slope=lambda a, b: (1 - a) / (1 - a * b))
        ),
        "slope below 1": Mutant(lambda x: consequences(x, sign=-1)),
        "strong direction not finished": Mutant(table, draw=drawn(strong=2.0)),
        "weak directions of different sizes": Mutant(table, draw=drawn(spread=0.5)),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
