"""Checkpoints: a real kill at three moments, damage, refusals, and the same bits afterwards."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_lib.deep import checkpoints, losses, models, train
from tests.deep import training_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def uninterrupted():
    return training_run.run(None)


def assert_same_bits(one, other):
    """Compare nested dictionaries, lists and tensors bit by bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same_bits(one[key], other[key])
    elif isinstance(one, tuple | list):
        for a, b in zip(one, other, strict=True):
            assert_same_bits(a, b)
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


# Killed


@pytest.mark.parametrize("moment", ["batch", "write", "rename"])
def test_a_killed_run_resumes_to_the_same_bits(tmp_path, moment, uninterrupted):
    path = tmp_path / "run.pt"
    command = [sys.executable, "-m", "tests.deep.training_run", str(path), moment]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    content, note = checkpoints.resume(path)
    assert note is None
    assert content["epochs done"] == training_run.KILLED_IN  # the epoch of the kill is lost
    assert path.exists()  # at every moment
    assert (tmp_path / "run.pt.partial").exists() == (moment != "batch")
    assert_same_bits(training_run.run(path), uninterrupted)


def test_it_resumes_several_times_and_returns_at_once_when_complete(tmp_path, uninterrupted):
    path = tmp_path / "run.pt"

    for epoch in (0, 1, 2, 5):
        with pytest.raises(training_run.Interrupted):
            training_run.run(path, moment=epoch)
    assert_same_bits(training_run.run(path), uninterrupted)
    before = path.read_bytes()
    assert_same_bits(training_run.run(path), uninterrupted)
    assert path.read_bytes() == before


@pytest.mark.parametrize("every", [1, 4, 100])
def test_every_so_many_epochs_and_at_the_end(tmp_path, every, uninterrupted):
    path = tmp_path / "run.pt"
    assert_same_bits(training_run.run(path, every=every), uninterrupted)
    assert checkpoints.read(path)["epochs done"] == training_run.EPOCHS
    previous = tmp_path / "run.pt.previous"
    expected = {1: training_run.EPOCHS - 1, 4: 4, 100: 0}[every]
    assert checkpoints.read(previous)["epochs done"] == expected


def test_a_checkpoint_holds_everything(tmp_path):
    path = tmp_path / "run.pt"
    training_run.run(path)
    content = torch.load(path, weights_only=True)
    wanted = {
        "settings",
        "model",
        "optimizer",
        "scaler",
        "random",
        "targets",
        "callbacks",
        "history",
    }
    assert wanted <= content.keys()
    assert {"order", "cpu"} <= content["random"][0].keys()
    assert content["targets"].shape == (47, 3)
    assert not (tmp_path / "run.pt.partial").exists()


# Each part of the state matters: leave one out, and the bits differ


@pytest.mark.parametrize("lost", ["order", "cpu", "model", "optimizer", "targets", "callbacks"])
def test_a_resumption_that_forgets_something_is_noticed(tmp_path, lost, uninterrupted):
    path = tmp_path / "run.pt"
    training_run.run(path, every=4)
    path.unlink()  # the one before it, after four epochs of six, remains
    previous = tmp_path / "run.pt.previous"
    content = checkpoints.read(previous)
    fresh = training_run.make_model()
    if lost in ("order", "cpu"):
        state = content["random"][0]
        state[lost] = torch.Generator().manual_seed(0).get_state()
    elif lost == "model":
        content["model"] = fresh.state_dict()
    elif lost == "optimizer":
        content["optimizer"] = torch.optim.Adam(fresh.parameters()).state_dict()
    elif lost == "targets":
        content["targets"] = training_run.make_data().targets
    else:
        content["callbacks"][0]["calls"] = 0
    checkpoints.save(path, content)
    with pytest.raises(AssertionError):
        assert_same_bits(training_run.run(path), uninterrupted)


# Damaged


def damage(path, *, cut=None):
    """Cut a file off, or flip some bytes; padding of the format alone would be harmless."""
    content = bytearray(path.read_bytes())
    if cut is None:
        content[::97] = bytes(byte ^ 0xFF for byte in content[::97])
    else:
        content = content[: int(cut * len(content))]
    path.write_bytes(content)


@pytest.mark.parametrize("cut", [0, 0.1, 0.999, None])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, cut, uninterrupted, recwarn):
    path = tmp_path / "run.pt"
    training_run.run(path)
    damage(path, cut=cut)
    weights, history, memory = training_run.run(path)
    assert_same_bits((weights, history._replace(notes=()), memory), uninterrupted)
    assert len(history.notes) == 1
    assert "run.pt is damaged" in history.notes[0]
    assert "used run.pt.previous" in history.notes[0]
    assert (tmp_path / "run.pt.damaged").exists()
    assert checkpoints.read(path)["notes"] == list(history.notes)
    assert not recwarn.list


def test_a_damaged_file_never_replaces_the_good_one_before_it(tmp_path):
    path = tmp_path / "run.pt"
    for number in range(2):
        checkpoints.save(path, {"number": number})
    damage(path, cut=0.5)
    content, _ = checkpoints.resume(path)
    assert content == {"number": 0}
    checkpoints.save(path, {"number": 9})
    assert checkpoints.read(tmp_path / "run.pt.previous") == {"number": 0}


@pytest.mark.parametrize("cut", [0.7, None])
def test_two_damaged_checkpoints_are_refused(tmp_path, cut):
    path = tmp_path / "run.pt"
    training_run.run(path, epochs=2)
    for file in (path, tmp_path / "run.pt.previous"):
        damage(file, cut=cut)
    with pytest.raises(ValueError, match=r"no checkpoint can be read; remove the files.*run\.pt"):
        training_run.run(path, epochs=2)


def test_any_flipped_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "x.pt"
    content = {"weights": torch.arange(300.0), "name": "run"}
    checkpoints.save(path, content)
    good = path.read_bytes()
    noticed = 0
    places = np.random.default_rng(0).choice(len(good), size=300, replace=False)
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 0xFF
        path.write_bytes(bad)
        try:
            got = checkpoints.read(path)
        except ValueError:
            noticed += 1
        else:
            assert_same_bits(got, content)
    assert noticed > 100  # the rest is padding of the file format


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    path = tmp_path / "run.pt"
    torch.save({"x": Harmful()}, path)
    with pytest.raises(ValueError, match="damaged"):
        checkpoints.read(path)
    assert not (tmp_path / "harmed").exists()


def test_content_that_cannot_be_read_back_is_refused_at_once(tmp_path):
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"a": 1})
    with pytest.raises(TypeError, match="tensors, numbers, text"):
        checkpoints.save(path, {"a": np.zeros(3)})
    assert checkpoints.read(path) == {"a": 1}
    assert not (tmp_path / "run.pt.previous").exists()


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    torch.save(training_run.make_model().state_dict(), path)
    with pytest.raises(ValueError, match=r"run\.pt is not a checkpoint of fit"):
        training_run.run(path)


def test_no_checkpoint_yet(tmp_path):
    assert checkpoints.resume(tmp_path / "run.pt") == (None, None)
    with pytest.raises(FileNotFoundError):
        checkpoints.read(tmp_path / "run.pt")


# Another run


def small_fit(
    path, *, make=lambda: models.mlp((2, 3, 2), seed=0), X=0.5, targets=(0, 1, 1, 0), labels=None,
    validation=None, **changed,
):  # fmt: skip
    X = torch.full((4, 2), X)
    data = train.Data(
        X,
        torch.as_tensor(targets),
        None if labels is None else torch.tensor(labels),
        None if validation is None else (X, torch.tensor(validation)),
    )
    settings = {"epochs": 2, "batch_size": 2, "loss": losses.cross_entropy, **changed}
    return train.fit(make(), data, checkpoint=path, **settings)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.1}, r"lr \(0.05 then, 0.1 now\)"),
        ({"epochs": 3}, r"epochs \(2 then, 3 now\)"),
        ({"batch_size": 4}, "batch_size"),
        ({"seed": 1}, "seed"),
        ({"optimizer": "adam"}, "optimizer .'sgd' then, 'adam' now"),
        ({"weight_decay": 0.1}, "weight_decay"),
        ({"schedule": "constant"}, "schedule"),
        ({"accumulate": 2}, "accumulate"),
        (
            {"loss": losses.squared_error},
            "loss .'distill_lib.deep.losses.cross_entropy' then, .*squared_error' now",
        ),
        ({"penalty": losses.norm_penalty}, "penalty"),
        ({"augment": training_run.jitter}, "augment"),
        ({"callbacks": [train.Switch(1)]}, "callbacks"),
        ({"X": 0.6}, "data"),
        ({"make": lambda: models.mlp((2, 3, 2), seed=1)}, "starting weights"),
        ({"make": lambda: models.mlp((2, 4, 2), seed=0)}, "starting weights"),
    ],
)
def test_another_run_is_refused_by_name(tmp_path, changed, message):
    path = tmp_path / "run.pt"
    small_fit(path)
    with pytest.raises(ValueError, match=f"other settings: .*{message}"):
        small_fit(path, **changed)
    small_fit(path)  # still there


def test_settings_of_callbacks_and_bound_arguments_count(tmp_path):
    path = tmp_path / "run.pt"
    hot = partial(losses.cross_entropy, temperature=4.0)
    small_fit(path, loss=hot, callbacks=[train.Switch(1, targets=torch.tensor([1, 0, 0, 1]))])
    for loss, epoch, targets in [
        (partial(losses.cross_entropy, temperature=2.0), 1, [1, 0, 0, 1]),
        (hot, 0, [1, 0, 0, 1]),
        (hot, 1, [1, 0, 0, 0]),
    ]:
        with pytest.raises(ValueError, match="other settings"):
            small_fit(
                path, loss=loss, callbacks=[train.Switch(epoch, targets=torch.tensor(targets))]
            )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.zeros(3), torch.zeros(4)),
        (torch.zeros(4), torch.zeros(2, 2)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
        (torch.zeros(2), torch.tensor([0.0, -0.0])),
        (None, torch.zeros(0)),
    ],
)
def test_fingerprints_differ(one, other):
    assert checkpoints.digest(one) != checkpoints.digest(other)
    assert checkpoints.digest(one) == checkpoints.digest(one if one is None else one.clone())


def test_fingerprints_see_the_order_in_memory_as_the_values():
    X = torch.arange(6.0).reshape(2, 3)
    assert checkpoints.digest(X.T.contiguous()) == checkpoints.digest(X.T)
    assert checkpoints.digest(X.T) != checkpoints.digest(X)
    assert checkpoints.digest(torch.tensor(3)) != checkpoints.digest(torch.tensor(4))


# What a setting is


def penalty_of(anchor, model):
    """Half the squared distance of the weights to those of a model or to a vector."""
    if isinstance(anchor, torch.nn.Module):
        anchor = torch.nn.utils.parameters_to_vector(anchor.parameters()).detach()
    own = torch.nn.utils.parameters_to_vector(model.parameters())
    return 0.5 * (own - torch.as_tensor(anchor)[: len(own)]).square().sum()


def tail(changed):
    return torch.cat([torch.zeros(1999), torch.tensor([float(changed)])])


def mlp_with(*layers):
    start = models.mlp((2, 3, 2), seed=0)
    return torch.nn.Sequential(start[0], *layers, start[2])


class Weighted(train.Callback):
    """Mixes nothing; only what it was made with matters here."""

    def __init__(self, alpha, targets=None):
        self.alpha, self.targets = alpha, targets


PAIRS = {
    "module loss": (
        {"loss": torch.nn.CrossEntropyLoss()},
        {"loss": torch.nn.CrossEntropyLoss(label_smoothing=0.5)},
    ),
    "same name": (
        {"loss": torch.nn.functional.cross_entropy},
        {"loss": losses.cross_entropy},
    ),
    "bound module": tuple(
        {"penalty": partial(penalty_of, models.mlp((2, 3, 2), seed=seed))} for seed in (1, 2)
    ),
    "bound tensor": tuple({"penalty": partial(penalty_of, tail(k))} for k in (0, 1)),
    "bound array": tuple({"penalty": partial(penalty_of, tail(k).numpy())} for k in (0, 1)),
    "layers": tuple(
        {"make": make}
        for make in (
            lambda: mlp_with(torch.nn.Dropout(0.1), torch.nn.ReLU()),
            lambda: mlp_with(torch.nn.Dropout(0.9), torch.nn.Tanh()),
        )
    ),
    "numpy": ({"accumulate": np.int64(1)}, {"accumulate": np.int64(4)}),
    "callback": ({"callbacks": [Weighted(0.1)]}, {"callbacks": [Weighted(0.9)]}),
    "callback's tensor": tuple(
        {"callbacks": [Weighted(0.1, targets=tail(k))]} for k in (0, 1)
    ),
    "targets": ({"targets": [0, 1, 1, 0]}, {"targets": [0, 1, 1, 1]}),
    "labels": ({"labels": [0, 1, 1, 0]}, {"labels": [0, 1, 1, 1]}),
    "validation": ({"validation": [0, 1, 1, 0]}, {"validation": [0, 1, 1, 1]}),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_other_settings_are_told_apart_and_equal_ones_are_not(tmp_path, name):
    one, other = PAIRS[name]
    path = tmp_path / "run.pt"
    small_fit(path, **one)
    small_fit(path, **one)
    with pytest.raises(ValueError, match="other settings"):
        small_fit(path, **other)


def test_device_precision_and_processes_are_settings(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    small_fit(path)
    settings = checkpoints.read(path)["settings"]
    assert (settings["device"], settings["amp"], settings["processes"]) == ("cpu", False, 1)
    for name, value in [("device", "cuda"), ("amp", True), ("processes", 2)]:
        content = checkpoints.read(path)
        content["settings"][name] = value
        checkpoints.save(tmp_path / f"{name}.pt", content)
        with pytest.raises(ValueError, match=f"other settings: {name} "):
            small_fit(tmp_path / f"{name}.pt")


def test_settings_are_the_same_in_the_next_process():
    code = (
        "from functools import partial; from distill_lib.deep import checkpoints, losses; "
        "print(checkpoints.fingerprint(partial(losses.mixed, f=losses.cross_entropy, T=[1, 2])))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    here = checkpoints.fingerprint(partial(losses.mixed, f=losses.cross_entropy, T=[1, 2]))
    assert run.stdout.strip() == str(here)
    assert " at 0x" not in run.stdout


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": lambda z, y: losses.cross_entropy(z, y)}, "loss cannot be compared.*<lambda>"),
        (
            {"penalty": partial(lambda m, k: 0, k=1)},
            "penalty cannot be compared.*functools.partial",
        ),
        ({"callbacks": [Weighted(object())]}, "callback Weighted cannot be compared"),
        ({"callbacks": [print]}, "callbacks must be Callback objects"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(tmp_path, changed, message):
    with pytest.raises(TypeError, match=message):
        small_fit(tmp_path / "run.pt", **changed)
    if "loss" in changed:
        small_fit(None, **changed)  # without a checkpoint it is welcome
    assert not any(tmp_path.iterdir())


def test_the_first_difference_inside_a_setting_is_named():
    then, now = {"a": [1, {"b": 2, "c": 3}]}, {"a": [1, {"b": 2, "c": 4}]}
    assert checkpoints.differences(then, now) == ["a[1]['c'] (3 then, 4 now)"]
    assert checkpoints.differences({"a": [1]}, {"a": [1, 2]}) == ["a ([1] then, [1, 2] now)"]


# Before the training, not after it


class Never(train.Callback):
    def batch_end(self, state):
        raise AssertionError("refused too late")


class Unsaveable(Never):
    def state_dict(self):
        return {"path": Path()}


def test_a_checkpoint_that_cannot_be_written_stops_the_run_before_it_begins(tmp_path):
    with pytest.raises(FileNotFoundError):
        small_fit(tmp_path / "no" / "run.pt", callbacks=[Never()], every=50)
    with pytest.raises(TypeError, match="a checkpoint holds tensors"):
        small_fit(tmp_path / "run.pt", callbacks=[Unsaveable()], every=50)


def test_numbers_from_a_grid_can_be_saved_and_resumed(tmp_path):
    numbers = {
        "lr": np.geomspace(0.01, 0.1, 3)[0], "weight_decay": np.float32(0.5), "seed": np.int64(1),
        "epochs": np.int32(2), "batch_size": np.int64(2), "every": np.int64(1),
    }  # fmt: skip
    plain = {k: v.item() for k, v in numbers.items()}
    one = small_fit(tmp_path / "run.pt", **numbers)
    assert_same_bits(small_fit(tmp_path / "run.pt", **plain), one)
    assert_same_bits(small_fit(None, **plain), one)


def test_a_run_that_ended_in_its_first_epoch_binds_nobody(tmp_path):
    with pytest.raises(AssertionError, match="too late"):
        small_fit(tmp_path / "run.pt", callbacks=[Never()])
    assert_same_bits(small_fit(tmp_path / "run.pt", lr=0.1), small_fit(None, lr=0.1))


# What callbacks change


class Relabel(training_run.Kill):
    """Change the targets in place."""

    def epoch_end(self, state):
        if state.epoch == 0:
            state.targets[:2] = 1 - state.targets[:2]


class ForgetfulSwitch(training_run.Kill):
    def epoch_end(self, state):
        if state.epoch == 0:
            state.loss = losses.squared_error


def test_targets_changed_in_place_are_resumed_and_are_the_runs_own(tmp_path):
    path, targets = tmp_path / "run.pt", torch.tensor([0, 1, 1, 0])
    whole = small_fit(None, callbacks=[Relabel(None)], targets=targets, epochs=4)
    assert targets.tolist() == [0, 1, 1, 0]
    with pytest.raises(training_run.Interrupted):
        small_fit(path, callbacks=[Relabel(2)], epochs=4)
    assert checkpoints.read(path)["targets"].tolist() == [1, 0, 1, 0]
    assert_same_bits(small_fit(path, callbacks=[Relabel(None)], epochs=4), whole)
    assert whole.loss[1] > whole.loss[0]  # two labels of four are wrong now


def test_a_loss_that_would_be_forgotten_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(training_run.Interrupted):
        small_fit(path, callbacks=[ForgetfulSwitch(2)], epochs=4)
    with pytest.raises(ValueError, match=r"loss was 'squared_error' .* set it in epoch_start"):
        small_fit(path, callbacks=[ForgetfulSwitch(None)], epochs=4)


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_switched_loss_is_resumed(tmp_path, killed):
    def run(path, moment):
        switch = train.Switch(2, loss=losses.squared_error)
        return small_fit(path, callbacks=[switch, training_run.Kill(moment)], epochs=4)

    with pytest.raises(training_run.Interrupted):
        run(tmp_path / "run.pt", killed)
    assert_same_bits(run(tmp_path / "run.pt", None), run(None, None))


# The disk


@pytest.mark.parametrize("error", [MemoryError("no memory"), PermissionError("not yours")])
def test_trouble_with_the_machine_is_no_damage(tmp_path, monkeypatch, error):
    path = tmp_path / "run.pt"
    small_fit(path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*args, **keywords):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(
            *((torch, "load") if isinstance(error, MemoryError) else (Path, "read_bytes")), fail
        )
        with pytest.raises(type(error)):
            small_fit(path)
        with pytest.raises(type(error)):
            checkpoints.save(tmp_path / "new.pt", {"a": 1})
    assert {p: p.read_bytes() for p in before} == before


def test_a_checkpoint_that_was_taken_away_is_not_replaced_in_silence(tmp_path):
    path = tmp_path / "run.pt"
    small_fit(path)
    path.unlink()
    with pytest.raises(
        ValueError, match=r"run\.pt is gone, but run\.pt\.previous is there: remove"
    ):
        small_fit(path)
    (tmp_path / "run.pt.previous").unlink()
    small_fit(path, lr=0.1)


@pytest.mark.parametrize("links", [True, False])
def test_saving_never_leaves_a_moment_without_a_checkpoint(tmp_path, monkeypatch, links):
    path, replace, there = tmp_path / "run.pt", checkpoints.os.replace, []
    checkpoints.save(path, {"number": 0})

    def and_look(source, target):
        replace(source, target)
        there.append(checkpoints.read(path))

    def no_links(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(checkpoints.os, "replace", and_look)
    if not links:
        monkeypatch.setattr(checkpoints.os, "link", no_links)
    checkpoints.save(path, {"number": 1})
    assert there == [{"number": 0}, {"number": 1}]
    assert checkpoints.read(tmp_path / "run.pt.previous") == {"number": 0}
    assert {p.name for p in tmp_path.iterdir()} == {"run.pt", "run.pt.previous"}


def test_file_and_folder_are_flushed(tmp_path, monkeypatch):
    flushed, fsync = [], checkpoints.os.fsync

    def and_note(handle):
        flushed.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        fsync(handle)

    monkeypatch.setattr(checkpoints.os, "fsync", and_note)
    checkpoints.save(tmp_path / "run.pt", {"a": 1})
    if Path("/proc/self/fd").exists():
        assert flushed == ["run.pt.partial", tmp_path.name]


def test_a_second_run_on_the_same_file_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    with checkpoints.alone(path), pytest.raises(RuntimeError, match="another run is using"):
        small_fit(path)
    small_fit(path)
    assert not (tmp_path / "run.pt.lock").exists()
