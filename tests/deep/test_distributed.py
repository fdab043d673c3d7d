"""Two real processes with gloo: the same losses and weights as one with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_lib.deep import _setup, distributed, train
from tests.deep import two_processes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What each of the two processes saved."""
    folder = tmp_path_factory.mktemp("pair")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "tests.deep.two_processes", str(folder),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def assert_close(got, expected, tolerance):
    for name in train.MEASURED:
        np.testing.assert_allclose(got[0][name], expected[0][name], rtol=tolerance, err_msg=name)
    for name, weights in expected[1].items():
        torch.testing.assert_close(got[1][name], weights, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [("double", torch.float64, 1e-12), ("pieces", torch.float64, 1e-12),
     ("single", torch.float32, 1e-6)],
)  # fmt: skip
def test_two_processes_train_as_one_with_the_whole_batch(pair, name, dtype, tolerance):
    alone = two_processes.run(dtype)
    for got in pair:
        assert_close(got[name], alone, tolerance)
    assert alone[0]["loss"][0] != alone[0]["loss"][-1]


def test_both_processes_end_with_the_same_weights_and_statistics(pair):
    for name in ("double", "single", "pieces", "whole"):
        assert_close(pair[0][name], pair[1][name], 0)
    assert "3.running_mean" in pair[0]["whole"][1]


def test_an_interrupted_pair_resumes_to_the_same_bits(pair):
    for got in pair:
        assert_close(got["resumed"], got["whole"], 0)


def test_the_order_is_shared_and_dropout_is_not(pair):
    (dropout, order), (other_dropout, other_order) = pair[0]["draws"]
    assert torch.equal(order, other_order)
    assert not torch.equal(dropout, other_dropout)


def test_alone_nothing_happens():
    model, X = torch.nn.Linear(2, 1), torch.rand(5, 2)
    assert (distributed.rank(), distributed.world()) == (0, 1)
    assert distributed.wrap(model, torch.device("cpu")) is model
    assert torch.equal(distributed.join(distributed.share(X), 5), X)
    assert distributed.broadcast({"a": 1}) == {"a": 1}
    assert distributed.gather(3) == [3]
    distributed.same_buffers(model)
    with distributed.sync(model, last=False):
        pass


def test_gradients_are_averaged_once_a_batch(monkeypatch):
    class Wrapped(torch.nn.Module):
        def no_sync(self):
            return "not yet"

    monkeypatch.setattr(distributed, "DistributedDataParallel", Wrapped)
    assert distributed.sync(Wrapped(), last=False) == "not yet"
    assert distributed.sync(Wrapped(), last=True) != "not yet"


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
@pytest.mark.parametrize("accumulate", [1, 2, 5])
def test_pieces_cover_a_batch_once_and_weights_average_to_one(monkeypatch, world, size, accumulate):
    monkeypatch.setattr(distributed, "world", lambda: world)
    batch, rows, values = torch.randperm(size), [], []
    for rank in range(world):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        got = distributed.pieces(batch, accumulate)
        assert 1 <= len(got) <= accumulate
        rows += [piece for piece, weight in got if weight]
        values.append(sum(weight * piece.double().mean().item() for piece, weight in got))
    assert sorted(torch.cat(rows).tolist()) == list(range(size))
    assert np.mean(values) == pytest.approx(batch.double().mean().item())


def test_outside_torchrun_the_message_says_how_to_start(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --nproc_per_node=2"), distributed.processes():
        pass


def test_more_processes_than_points_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    data = train.Data(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match="2 processes need as many points, got 1"):
        train.fit(torch.nn.Linear(2, 2), data, torch.nn.CrossEntropyLoss(), epochs=1, batch_size=1)


def test_a_share_too_small_to_normalize_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "gather", lambda thing: [thing] * 2)
    data = train.Data(torch.randn(22, 2), torch.zeros(22, dtype=torch.int64))
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    message = "batch_size 20 leaves a last batch of 2 of 22 points for 2 processes.*'1'"
    with pytest.raises(ValueError, match=message):
        train.fit(model, data, torch.nn.CrossEntropyLoss(), epochs=1, batch_size=20)
    for batch_size, network in ((22, model), (18, model), (50, model), (20, model[0])):
        _setup._check_processes(network, data, batch_size)


def test_other_data_in_another_process_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "gather", lambda thing: [thing, "other"])
    data = train.Data(torch.randn(4, 2), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="data must be the same in all processes"):
        train.fit(torch.nn.Linear(2, 2), data, torch.nn.CrossEntropyLoss(), epochs=1, batch_size=4)


def test_one_process_may_predict_alone(pair):
    assert torch.equal(pair[0]["predicted alone"], pair[0]["predicted together"])
    assert "predicted alone" not in pair[1]
