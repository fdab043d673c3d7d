"""One fit with ten rounds against scikit-learn's ordinary fit."""

from __future__ import annotations

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from benchmarks.grid import GAMMA, problem
from benchmarks.measure import Result, assert_same, seconds
from distill_lib.kernel import SelfDistilledKernelRidge

LAM, ROUNDS, TARGET = 0.1, 10, 1.2


def refits(p):
    """Predict with the same ten rounds by scikit-learn."""
    targets = p.y
    for _ in range(ROUNDS):
        model = KernelRidge(kernel="rbf", gamma=GAMMA, alpha=LAM).fit(p.X, targets)
        targets = model.predict(p.X)
    return model.predict(p.X_new)


def run(sizes, repeats=15):
    """Alternate the two fits; the ratio is the median over pairs."""
    for n in sizes:
        p = problem(n)
        ours = SelfDistilledKernelRidge(gamma=GAMMA, lam=LAM, rounds=ROUNDS)
        theirs = KernelRidge(kernel="rbf", gamma=GAMMA, alpha=LAM)
        assert_same(ours.fit(p.X, p.y).predict(p.X_new), refits(p))
        pairs = np.array(
            [
                [seconds(lambda m=model, p=p: m.fit(p.X, p.y))[0] for model in (ours, theirs)]
                for _ in range(repeats)
            ]
        )
        ratios = pairs[:, 0] / pairs[:, 1]
        value = float(np.median(ratios))
        yield Result(
            task=f"one fit, {ROUNDS} rounds",
            size=f"n = {n:,}",
            seconds=float(np.median(pairs[:, 0])),
            baseline="`KernelRidge.fit`, one round",
            baseline_seconds=float(np.median(pairs[:, 1])),
            value=value,
            spread=(float(ratios.min()), float(ratios.max())),
            unit="of its time",
            target=f"<= {TARGET}",
            met=value <= TARGET,
            note=f"{repeats} pairs",
        )
