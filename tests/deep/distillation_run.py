"""Two runs for the tests: rounds with an estimated weight, and sequential targets.

``python -m tests.deep.distillation_run KIND FOLDER`` kills itself in the middle of an epoch:
KIND "rounds" in the last training of round 2, "labels" after the burn-in.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from distill_lib.deep import losses, models, rounds, self_labels, train
from distill_lib.kernel.self_labels import Adaptive

EPOCHS = 6


class Kill(train.Callback):
    """End the process as a power cut would, in batch 2 of an epoch; never for None."""

    def __init__(self, epoch):
        self.epoch, self.batches = epoch, 0

    def settings(self):
        return {}

    def epoch_start(self, state):
        self.batches = 0

    def batch_end(self, state):
        self.batches += 1
        if state.epoch == self.epoch and self.batches == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def make_model(seed):
    return models.mlp((5, 12, 3), seed=seed)


def make_data():
    rng = torch.Generator().manual_seed(1)
    X = torch.randn(70, 5, generator=rng)
    wrong = torch.rand(70, generator=rng) < 0.3
    y = torch.where(wrong, torch.randint(3, (70,), generator=rng), X[:, :3].argmax(1))
    return train.Data(X[:40], y[:40], validation=(X[40:], y[40:]))


def run_rounds(folder, *, killed=False, **settings):
    trainings = []

    def callbacks(number):
        trainings.append(number)
        return [Kill(3 if killed and trainings.count(2) == 2 else None)]

    settings = {"epochs": EPOCHS, "batch_size": 10, "lr": 0.1, "seed": 5, **settings}
    return rounds.self_distill(
        make_model, make_data(), losses.squared_error, rounds=3, alpha="estimate",
        unrestricted=True, folder=folder, callbacks=callbacks, **settings,
    )  # fmt: skip


def run_labels(folder, *, killed=False):
    model, labels = make_model(3), self_labels.SequentialTargets(Adaptive(EPOCHS, burn_in=2))
    history = train.fit(
        model, make_data(), losses.cross_entropy, epochs=EPOCHS, batch_size=10,
        callbacks=[labels, Kill(4 if killed else None)],
        checkpoint=None if folder is None else Path(folder) / "labels.pt",
    )  # fmt: skip
    return model.state_dict(), history, labels.used


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"rounds": run_rounds, "labels": run_labels}[sys.argv[1]](sys.argv[2], killed=True)
