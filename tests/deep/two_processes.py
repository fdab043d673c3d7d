"""What `test_distributed.py` runs alone and under ``torchrun``: ``two_processes.py FOLDER``."""

import sys
from functools import partial
from pathlib import Path

import torch

from distill_lib.deep import distributed, losses, models, train
from tests.deep.training_run import SelfLabels


class Interrupted(Exception):
    pass


class Interrupt(train.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def settings(self):
        return {}

    def epoch_start(self, state):
        if state.epoch == self.epoch:
            raise Interrupted


def data(dtype):
    """51 points in batches of 25: a share of 13 and one of 12, and a batch of one point."""
    rng = torch.Generator().manual_seed(0)
    X = torch.randn(70, 5, generator=rng).to(dtype)
    y = torch.randint(3, (70,), generator=rng)
    return train.Data(X[:51], y[:51], validation=(X[51:], y[51:]))


def run(dtype, *, accumulate=1, dropout=False, interrupt=None, checkpoint=None):
    """Return the history and the weights."""
    model = models.mlp((5, 16, 3), seed=distributed.rank()).to(dtype)  # the first one's count
    if dropout:
        model.insert(2, torch.nn.Dropout(0.3))
        model.insert(3, torch.nn.BatchNorm1d(16).to(dtype))
    history = train.fit(
        model,
        data(dtype),
        losses.cross_entropy,
        epochs=4,
        batch_size=26 if dropout else 25,
        penalty=partial(losses.norm_penalty, weight=1e-3),
        accumulate=accumulate,
        callbacks=[SelfLabels(), Interrupt(interrupt)],
        checkpoint=checkpoint,
    )
    return history.to_dict(), {k: v.clone() for k, v in model.state_dict().items()}


def main(folder):
    with distributed.processes():
        # Everything, and an interruption in the middle, with the same result
        content = {
            "double": run(torch.float64),
            "single": run(torch.float32),
            "pieces": run(torch.float64, accumulate=2),
            "whole": run(torch.float32, dropout=True),
            "draws": distributed.gather(drawn()),
        }
        path = folder / "run.pt"
        try:
            run(torch.float32, dropout=True, interrupt=2, checkpoint=path)
        except Interrupted:
            content["resumed"] = run(torch.float32, dropout=True, checkpoint=path)
        model, X = models.mlp((5, 16, 3), seed=0).double(), data(torch.float64).X
        content["predicted together"] = train.predict(model, X)
        if distributed.rank() == 0:
            content["predicted alone"] = train.predict(model, X, share=False)
        torch.save(content, folder / f"rank{distributed.rank()}.pt")


def drawn():
    """Return what this process's dropout begins with, and its order of the data."""
    from distill_lib.deep import _setup

    with _setup.random_numbers(0, torch.device("cpu")) as order:
        return torch.rand(3), torch.randperm(9, generator=order)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
