"""Wrong labels: what a network forgets, and who remembers the clean ones (chapter 15).

Methods, each with every weight decay: "standard" with a falling ("cosine") and with a constant
learning rate; refits on the soft and the hard labels of the standard network whose weight decay
the validation set chooses ("tuned") or of the one without weight decay at its best validation
epoch ("stopped"); sequential targets, soft and hard, with geometric weights after a burn-in, and
with adaptive weights. A "short" burn-in counts epochs: with a factor near 1 the given labels lead
for many more, and it is not short in effect (chapter 15).

Arrays of one seed, axes (noises, methods, weight decays): ``test``, ``validation`` (given labels),
``clean_validation``, ``train`` (given) and ``clean_train``, accuracies after the last epoch;
``distance``, root mean squared distance of the training probabilities from the clean one-hot
labels; ``stopped_test`` and ``clean_stopped_test``, accuracies in the epoch that the given, or the
clean, validation labels choose, with ``stopped_validation`` of the former. ``test_curve`` and
``train_curve`` (noises, methods, epochs) belong to the first weight decay.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from distill_lib.deep import losses
from distill_lib.deep.self_labels import SequentialTargets, own_labels
from distill_lib.kernel.self_labels import Adaptive, geometric_weights
from experiments import networks, problems
from experiments.tables import chosen, paired, percent, table

_SYMMETRIC = [["symmetric", 0.2], ["symmetric", 0.4]]
_BASE = {"lr": 0.05, "optimizer": "sgd"}
_GRID = [0.0, 0.001, 0.002, 0.004, 0.006, 0.009, 0.013, 0.018]

SETTINGS = {
    "digits": {
        **_BASE, "n_train": 600, "model": ["mlp", 256], "noises": [*_SYMMETRIC, ["pairs", 0.4]],
        "weight_decays": _GRID, "burn_in": 15, "decay": 0.97, "short_burn_in": 1,
    },
    "mnist": {
        **_BASE, "noises": [*_SYMMETRIC, ["pairs", 0.4]], "weight_decays": _GRID[:6],
        "burn_in": 5, "decay": 0.9, "short_burn_in": 1,
    },
    "cifar10": {
        **_BASE, "noises": [*_SYMMETRIC, ["pairs", 0.4]], "weight_decays": [0.0, 0.0005],
        "burn_in": 15, "decay": 0.95, "short_burn_in": 2,
    },
    "cifar10n": {
        "lr": 0.001, "optimizer": "adam", "noises": [["human", "worse"], ["human", "random1"]],
        "weight_decays": [0.0, 0.0001, 0.0003, 0.001], "burn_in": 11, "decay": 0.8,
        "short_burn_in": 4,
    },
}  # fmt: skip

#: Name of each method in the order of the arrays.
METHODS = (
    "standard", "standard, constant", "soft refit, tuned", "hard refit, tuned",
    "soft refit, stopped", "hard refit, stopped", "soft, geometric", "hard, geometric",
    "hard, short burn-in", "hard, adaptive",
)  # fmt: skip
_ARRAYS = ("test", "validation", "clean_validation", "train", "clean_train")


def run(settings, seed, device, folder):
    """Run one seed."""
    noisy, decays = problems.load(settings, seed), settings["weight_decays"]
    tasks = [problem for problem in noisy for _ in decays]
    fit = functools.partial(
        networks.fit_all, tasks, settings, losses.cross_entropy, device=device, folder=folder,
        weight_decay=np.tile(decays, len(noisy)),
    )  # fmt: skip
    fits = {"standard": fit(seed=seed, name="standard")}
    for name, targets in _refits(fits["standard"], len(noisy), len(decays)).items():
        fits[name] = fit(seed=seed + 1000, targets=targets, name=name)
    for name, options in _sequences(settings).items():
        fits[name] = fit(
            seed=seed, schedule="constant", name=name,
            callbacks=lambda s, o=options: [SequentialTargets(o["weights"], target=o["target"])],
        )  # fmt: skip
    fits["standard, constant"] = fit(seed=seed, schedule="constant", name="constant")
    shape = len(noisy), len(METHODS), len(decays)
    arrays = [_scores(fits[name], tasks) for name in METHODS]
    found = {
        name: np.stack([a[name].reshape(shape[0], shape[2]) for a in arrays], axis=1)
        for name in arrays[0]
    }
    return found | {
        f"{name}_curve": np.stack(
            [fits[m].curves[name].reshape(shape[0], shape[2], -1)[:, 0] for m in METHODS], axis=1
        )
        for name in ("test", "train")
    }


def _sequences(settings):
    """Return weights and target of every sequential method."""
    epochs, burn_in, q = settings["epochs"], settings["burn_in"], settings["decay"]
    geometric = geometric_weights(epochs, q, burn_in=burn_in)
    short = geometric_weights(epochs, q, burn_in=settings["short_burn_in"])
    return {
        "soft, geometric": {"weights": geometric, "target": "soft"},
        "hard, geometric": {"weights": geometric, "target": "hard"},
        "hard, short burn-in": {"weights": short, "target": "hard"},
        "hard, adaptive": {"weights": Adaptive(epochs, burn_in), "target": "hard"},
    }


def _refits(standard, noises, decays):
    """Return the targets of the refits: of one teacher a noise, for all weight decays."""
    best = standard.last("validation").reshape(noises, decays).argmax(1)
    rows = np.arange(noises) * decays
    teachers = {"tuned": standard.outputs[rows + best], "stopped": standard.chosen[rows]}
    return {
        f"{target} refit, {name}": own_labels(outputs, target).repeat_interleave(decays, 0)
        for name, outputs in teachers.items()
        for target in ("soft", "hard")
    }


def _scores(fitted, tasks):
    """Return the numbers of one method, (S,)."""
    clean = torch.stack([networks.one_hot(problem.clean) for problem in tasks])
    gaps = (losses.probabilities(fitted.outputs) - clean).square().sum(-1).mean(-1).sqrt()
    return {
        **{name: fitted.last(name) for name in _ARRAYS},
        "distance": gaps.numpy(),
        "stopped_test": fitted.at_best("test"),
        "stopped_validation": fitted.at_best("validation"),
        "clean_stopped_test": fitted.at_best("test", by="clean_validation"),
    }


def summary(settings, arrays):
    """Return a table with a line a method: weight decay chosen on given validation labels."""
    blocks = []
    for v, noise in enumerate(settings["noises"]):
        a = {name: values[:, v] for name, values in arrays.items()}
        tuned = chosen(a["test"][:, 0], a["validation"][:, 0])
        header = [
            f"{noise[0]} {noise[1]}", "no weight decay", "tuned weight decay", "less standard",
            "no weight decay, stopped", "stopped on clean", "distance",
        ]  # fmt: skip
        rows = []
        for m, name in enumerate(METHODS):
            ours = chosen(a["test"][:, m], a["validation"][:, m])
            rows.append(
                [name, percent(a["test"][:, m, 0]), percent(ours), paired(ours, tuned)]
                + [percent(a[k][:, m, 0]) for k in ("stopped_test", "clean_stopped_test")]
                + [f"{chosen(a['distance'][:, m], a['validation'][:, m]).mean():.3f}"]
            )
        blocks.append(table(header, rows))
    return "\n\n".join(blocks)
