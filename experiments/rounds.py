"""Rounds of self-distillation against weight decay and early stopping (chapter 13).

Arrays of one seed, axes (losses, noises, weight decays, rounds): ``train``, ``validation`` (given
labels), ``clean_validation`` and ``test``, accuracies after the last epoch; ``chosen_test``, the
accuracy on test data in the epoch that the validation accuracy chooses. Round 1 with weight decay
0 at that epoch is early stopping.
"""

from __future__ import annotations

import numpy as np

from experiments import networks, problems
from experiments.tables import chosen, paired, percent, table

#: A coarse grid, or one that ends too early, would be beaten by self-distillation.
_GRID = [0.0, 0.001, 0.002, 0.003, 0.004, 0.0055, 0.0075, 0.01, 0.013, 0.018, 0.025]
_BOTH = [["squared_error", 0.2], ["cross_entropy", 0.05]]
_NOISES = [["symmetric", 0.0], ["symmetric", 0.2], ["symmetric", 0.4]]
_FEW = {"noises": _NOISES, "losses": _BOTH, "rounds": 7, "alpha": 0.0}

SETTINGS = {
    "digits": {**_FEW, "weight_decays": _GRID},
    "mnist": {**_FEW, "weight_decays": [0.0, 0.0002, 0.0005, *_GRID[1:8]]},
    "cifar10": {
        "noises": [["symmetric", 0.0], ["symmetric", 0.4]],
        "losses": [["squared_error", 0.1]],
        "weight_decays": [0.0, 0.0005],
        "rounds": 6,
        "alpha": 0.0,
    },
}
_ARRAYS = ("train", "validation", "clean_validation", "test")


def run(settings, seed, device, folder):
    """Run one seed."""
    noises, decays = problems.load(settings, seed), settings["weight_decays"]
    tasks = [problem for problem in noises for _ in decays]
    found = {name: [] for name in (*_ARRAYS, "chosen_test")}
    for loss, lr in settings["losses"]:
        generations = networks.distil_all(
            tasks, settings, networks.LOSSES[loss], seed=seed, rounds_=settings["rounds"],
            alpha=settings["alpha"], weight_decay=np.tile(decays, len(noises)), lr=lr,
            device=device, folder=folder, name=loss,
        )  # fmt: skip
        columns = {name: [g.last(name) for g in generations] for name in _ARRAYS}
        columns["chosen_test"] = [g.at_best("test") for g in generations]
        for name, column in columns.items():
            found[name].append(np.transpose(column).reshape(len(noises), len(decays), -1))
    return {name: np.array(parts) for name, parts in found.items()}


def summary(settings, arrays):
    """Return accuracy per round, and the comparison with the baselines."""
    blocks = []
    for i, (loss, _) in enumerate(settings["losses"]):
        for v, kind in enumerate(settings["noises"]):
            part = {name: a[:, i, v] for name, a in arrays.items()}
            blocks.append(f"{loss}, {kind[0]} {kind[1]}\n{_per_round(settings, part)}\n")
            blocks.append(_comparison(part) + "\n")
    return "\n".join(blocks)


def _per_round(settings, part):
    """Return a table: a line a weight decay, test accuracy in every round."""
    header = ["weight decay", *range(1, settings["rounds"] + 1), "train, first", "train, last"]
    rows = [
        [decay, *(percent(column) for column in part["test"][:, w].T)]
        + [percent(part["train"][:, w, r]) for r in (0, -1)]
        for w, decay in enumerate(settings["weight_decays"])
    ]
    return table(header, rows)


def _comparison(part):
    """Return what the validation accuracy on given labels chooses."""
    tuned = chosen(part["test"][:, :, 0], part["validation"][:, :, 0])
    rounds = chosen(part["test"], part["validation"])
    stopped = part["chosen_test"][:, 0, 0]
    return (
        f"early stopping {percent(stopped)}, tuned weight decay {percent(tuned)}, "
        f"rounds and weight decay tuned {percent(rounds)}: {paired(rounds, tuned)} against tuned "
        f"weight decay, {paired(rounds, stopped)} against early stopping"
    )
