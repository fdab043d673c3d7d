"""The experiments with networks: tiny runs of all, exact checks of their parts, and resumption."""

import itertools
import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional as F

from distill_lib import results
from distill_lib.deep import losses, models, train
from experiments import __main__ as command
from experiments import networks, noisy_labels, problems, sweep, switching, tables

ROOT = Path(__file__).parents[1]

#: Settings that end in a second; with a network that is trained alone in all that have one.
TINY = {
    "n_train": 40, "n_validation": 30, "n_test": 50, "epochs": 3, "batch_size": 20,
    "model": ["mlp", 8],
}  # fmt: skip
NOISES = [["symmetric", 0.0], ["pairs", 0.4]]
CASE = {
    "temperature": 2.0, "teacher_epochs": 3, "student_epochs": [1, 2], "weight_decay": 0.001,
    "lr": 0.05, "student_lr": 0.02,
}  # fmt: skip
OWN = {
    "rounds": {"noises": NOISES, "weight_decays": [0.0, 0.01], "rounds": 2},
    "alpha": {"cases": [[["symmetric", 0.2], "squared_error", 0.2, 0.001]], "alphas": [0, 1]},
    "deviations": {"noises": NOISES, "cases": [CASE], "bootstrap": 5},
    "switching": {"noises": NOISES, "teacher_epochs": [1, 2], "switch": 1},
    "noisy_labels": {"noises": NOISES, "weight_decays": [0.0, 0.01], "burn_in": 1},
}
#: Fewer of what is trained alone.
FEW = {
    "rounds": {"noises": NOISES[1:], "losses": [["squared_error", 0.2]], "epochs": 1},
    "switching": {"teacher_epochs": [1], "noises": NOISES[1:], "epochs": 1},
    "noisy_labels": {"noises": NOISES[1:], "weight_decays": [0.0], "epochs": 2},
}


def tiny(name, **changes):
    return {**TINY, **OWN[name], **changes}


def one(name, folder, **changes):
    """Run one seed."""
    settings = sweep.settings_of(name, "digits", tiny(name, **changes))
    return settings, import_module(f"experiments.{name}").run(settings, 0, "cpu", folder)


# ---------------------------------------------------------------------------- tiny runs


@pytest.mark.parametrize("name", sweep.NAMES)
def test_a_tiny_run_is_stored(name, tmp_path):
    changes = [f"{k}={json.dumps(v)}" for k, v in tiny(name).items()]
    arguments = [name, "--seeds", "2", "--out", str(tmp_path), "--set", *changes]
    assert command.main(arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}_digits.json"]  # no parts left
    path = tmp_path / f"{name}_digits.json"
    json.loads(path.read_text("utf8"), parse_constant=pytest.fail)  # strict JSON
    stored = results.read(path)
    assert stored.about["settings"] == sweep.settings_of(name, "digits", tiny(name))
    assert stored.about["seeds"] == [0, 1]
    assert {"python", "torch", "numpy", "distill-lib"} <= stored.about["versions"].keys()
    assert stored.about["hardware"]["device"] == "cpu"
    assert stored.about["seconds"] >= 0
    for array in stored.arrays.values():
        assert len(array) == 2
        assert np.isfinite(array).all()
        assert array.ndim == 1 or not np.array_equal(array[0], array[1]) or array.size < 9
    module = import_module(f"experiments.{name}")
    assert all(f"``{key}``" in module.__doc__ for key in stored.arrays)  # all are explained


@pytest.mark.parametrize("name", sweep.NAMES)
def test_networks_trained_alone_go_the_same_way(name, tmp_path, monkeypatch):
    """A convolutional network is not stacked; everything comes out in the same shapes."""
    monkeypatch.setitem(OWN, name, {**OWN[name], **FEW.get(name, {})})
    _, stacked = one(name, tmp_path / "stack")
    _, alone = one(name, tmp_path / "alone", model=["cnn", 2], n_train=20, size=8)
    assert {k: np.shape(v) for k, v in alone.items()} == {
        k: np.shape(v) for k, v in stacked.items()
    }
    assert list(tmp_path.glob("alone/**/*.pt"))


@pytest.mark.parametrize(("name", "data"), [*itertools.product(sweep.NAMES, problems.COMMON)])
def test_settings(name, data):
    known = import_module(f"experiments.{name}").SETTINGS
    assert {"digits", "mnist", "cifar10"} <= known.keys()
    if data not in known:
        with pytest.raises(ValueError, match=f"not for '{data}'"):
            sweep.settings_of(name, data)
        return
    settings = sweep.settings_of(name, data)
    assert json.loads(json.dumps(settings)) == settings  # so that stored ones can be compared
    with pytest.raises(ValueError, match="no setting 'epoch'"):
        sweep.settings_of(name, data, {"epoch": 3})


# ------------------------------------------------------------------- the parts: problems


def test_problems_share_their_split_and_only_labels_are_wrong():
    settings = sweep.settings_of("rounds", "digits", {"noises": [*NOISES, ["symmetric", 0.2]]})
    clean, pairs, symmetric = problems.load(settings, seed=4)
    for problem, rate in ((clean, 0), (pairs, 0.4), (symmetric, 0.2)):
        assert torch.equal(problem.data.X, clean.data.X)
        assert torch.equal(problem.clean, clean.data.targets)
        wrong = (problem.data.targets != problem.clean).double().mean()
        assert wrong == pytest.approx(rate, abs=0.01)
        V, y = problem.data.validation
        assert (y != problem.clean_validation).double().mean() == pytest.approx(rate, abs=0.02)
        assert len(V) == 300
        assert len(problem.X_test) == 1797 - 700
    moved = pairs.data.targets != pairs.clean
    assert torch.equal(pairs.data.targets[moved], (pairs.clean[moved] + 1) % 10)
    assert not torch.equal(problems.load(settings, seed=5)[0].data.X, clean.data.X)
    with pytest.raises(ValueError, match=r"got \['uniform', 0.1\]"):
        problems.load({**settings, "noises": [["uniform", 0.1]]}, seed=0)


def test_images_keep_their_pixels_in_place():
    settings = sweep.settings_of("rounds", "digits", {"model": ["cnn", 2]})
    image = problems.load(settings, 0)[0].data.X
    row = problems.load({**settings, "model": ["mlp", 2]}, 0)[0].data.X
    assert image.shape == (400, 1, 8, 8)
    assert torch.equal(image[:, 0].reshape(400, 64), row)
    colours = np.arange(2 * 2 * 2 * 3.0).reshape(2, 12)
    assert_array_equal(
        problems._images(colours, (3, 2, 2), ["cnn"])[1, 2], [[14, 17], [20, 23]]
    )  # fmt: skip


@pytest.mark.skipif(
    not os.environ.get("DISTILL_DATA"), reason="set DISTILL_DATA to a folder with the data"
)
@pytest.mark.parametrize("data", ["mnist", "cifar10n"])
def test_real_images(data):
    settings = sweep.settings_of("noisy_labels", data, {"n_train": 50, "n_validation": 20})
    problem = problems.load(settings, 0)[-1]
    assert len(problem.data.X) == len(problem.clean) == 50
    assert 0 < (problem.data.targets != problem.clean).sum() < 40
    assert 0 <= problem.data.X.min() < problem.data.X.max() <= 1


# ------------------------------------------------------------------- the parts: networks


@pytest.fixture(scope="module")
def fitted():
    """Two noises in a stack, and everything needed to do it again."""
    settings = {**sweep.settings_of("rounds", "digits", tiny("rounds")), "epochs": 4}
    noisy = problems.load(settings, 3)
    run = networks.fit_all(
        noisy, settings, losses.cross_entropy, seed=3, keep=[2], lr=0.1, weight_decay=[0, 0.01]
    )
    return settings, noisy, run


def test_a_stack_is_trained_like_single_networks(fitted):
    _, noisy, run = fitted
    for s, problem in enumerate(noisy):
        model = models.mlp((64, 8, 10), seed=3)
        history = train.fit(
            model, problem.data, losses.cross_entropy, epochs=4, batch_size=20, lr=0.1, seed=3,
            weight_decay=(0, 0.01)[s],
        )  # fmt: skip
        z, test = model(problem.data.X).detach(), model(problem.X_test).detach()
        assert_allclose(run.outputs[s], z, atol=1e-5)
        assert_allclose(run.test[s], test, atol=1e-5)
        assert_allclose(run.curves["train"][s], history.train_accuracy)
        assert_allclose(run.curves["validation"][s], history.validation_accuracy)
        assert run.last("test")[s] == train.accuracy(test, problem.y_test)
        assert run.last("clean_train")[s] == train.accuracy(z, problem.clean)
        best = history.validation_accuracy.argmax()
        assert run.at_best("test")[s] == run.curves["test"][s][best]


def test_kept_and_chosen_outputs(fitted):
    settings, noisy, run = fitted
    again = networks.fit_all(
        noisy, settings, losses.cross_entropy, seed=3, keep=[1, 2, 3, 4], lr=0.1,
        weight_decay=[0, 0.01],
    )  # fmt: skip
    assert torch.equal(run.kept[2][0], again.kept[2][0])
    assert torch.equal(again.kept[4][1], run.test)
    best = run.curves["validation"].argmax(1) + 1
    for s, epoch in enumerate(best):
        assert torch.equal(run.chosen[s], again.kept[int(epoch)][0][s])


def test_single_networks_resume_with_their_records(tmp_path):
    settings = sweep.settings_of("rounds", "digits", tiny("rounds", model=["cnn", 2]))
    noisy = problems.load(settings, 0)

    def fit(folder, callbacks=None):
        return networks.fit_all(
            noisy, settings, losses.cross_entropy, seed=0, keep=[1], lr=0.1, folder=folder,
            callbacks=callbacks,
        )  # fmt: skip

    class Stop(train.Callback):
        armed = True

        def epoch_start(self, state):
            if state.epoch == 2 and Stop.armed:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, lambda s: [Stop()])
    Stop.armed = False
    got, expected = fit(tmp_path, lambda s: [Stop()]), fit(None)
    for name in networks.CURVES:
        assert_array_equal(got.curves[name], expected.curves[name])
    assert torch.equal(got.outputs, expected.outputs)
    assert torch.equal(got.chosen, expected.chosen)
    assert torch.equal(got.kept[1][0], expected.kept[1][0])


# ------------------------------------------------------------------- the parts: targets


def test_targets_of_switching():
    settings = sweep.settings_of("switching", "digits", tiny("switching"))
    noisy = problems.load(settings, 0)
    z = {epoch: torch.randn(2, 40, 10) for epoch in (1, 2)}
    teacher = networks.Fitted({}, None, None, None, {e: (z[e], None) for e in z})
    first, second = switching._targets(noisy, teacher, [1, 2])
    assert len(switching.modes(settings)) == 7
    y = F.one_hot(noisy[1].data.targets, 10)
    p = {e: z[e][1].softmax(1) for e in z}
    for k, (before, after) in enumerate(
        [(y, y), (p[1], p[1]), (y, p[1]), (p[1], y), (p[2], p[2]), (y, p[2]), (p[2], y)]
    ):
        assert_allclose(first[7 + k], before)
        assert_allclose(second[7 + k], after)


def test_targets_of_refits():
    z, chosen = torch.randn(2, 6, 5, 10)
    curves = {"validation": np.array([[0.0], [2], [1], [2], [0], [1]])}
    standard = networks.Fitted(curves, z, None, chosen)
    found = noisy_labels._refits(standard, noises=2, decays=3)
    for v, best in enumerate([1, 3]):  # the best of each three
        for k in range(3):
            row = 3 * v + k
            assert torch.equal(found["soft refit, tuned"][row], z[best].softmax(1))
            expected = F.one_hot(chosen[3 * v].argmax(1), 10)
            assert_array_equal(found["hard refit, stopped"][row], expected)


def test_switching_before_the_start_is_the_other_training(tmp_path):
    """With a switch that never comes, "teacher, then one-hot" is "teacher"."""
    _, a = one("switching", tmp_path, switch=99)
    assert_array_equal(a["test"][:, 3], a["test"][:, 1])
    assert_array_equal(a["test"][:, 2], a["test"][:, 0])
    _, b = one("switching", tmp_path, switch=0)
    assert_array_equal(b["test"][:, 3], b["test"][:, 0])
    assert_array_equal(b["test"][:, 2], b["test"][:, 1])
    assert not np.array_equal(a["test"][:, 1], a["test"][:, 0])


def test_rounds_begin_with_the_ordinary_training(tmp_path, fitted):
    settings, found = one("rounds", tmp_path, losses=[["cross_entropy", 0.1]])
    noisy = problems.load(settings, 0)
    run = networks.fit_all(noisy, settings, losses.cross_entropy, seed=0, lr=0.1, weight_decay=0.01)
    for name in ("train", "validation", "clean_validation", "test"):
        assert_allclose(found[name][0, :, 1, 0], run.last(name))
    assert_allclose(found["chosen_test"][0, :, 1, 0], run.at_best("test"))


# ---------------------------------------------------------------------- the parts: tables


def test_tables():
    assert tables.percent([0.5, 0.52]) == "51.00±1.41"
    assert tables.percent([0.5]) == "50.00"
    assert tables.number([1.0, 3.0]) == "2.00±1.41"
    assert tables.paired([0.5, 0.6], [0.4, 0.7]) == "+0.00±10.00 (1/2)"
    values = np.arange(12).reshape(2, 2, 3)
    by = np.zeros((2, 2, 3))
    by[0, 1, 2] = by[1, 0, 1] = 1
    assert_array_equal(tables.chosen(values, by), [5, 7])
    assert tables.table(["a", "b"], [[1, 2]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


# ---------------------------------------------------------------------------- the sweep


def test_seeds_do_not_depend_on_how_many_there_are_or_who_runs_them(tmp_path):
    changes = tiny("switching")
    alone = results.read(sweep.run("switching", "digits", seeds=1, out=tmp_path, changes=changes))
    more = results.read(
        sweep.run("switching", "digits", seeds=2, out=tmp_path, jobs=2, changes=changes)
    )
    assert_array_equal(more.arrays["test"][:1], alone.arrays["test"])


def test_what_is_stored_is_not_run_again(tmp_path, monkeypatch):
    changes = tiny("switching")
    path = sweep.run("switching", "digits", seeds=1, out=tmp_path, changes=changes)
    before = path.read_bytes()
    monkeypatch.setattr(sweep, "one_seed", lambda *_: pytest.fail("run again"))
    assert sweep.run("switching", "digits", seeds=1, out=tmp_path, changes=changes) == path
    assert path.read_bytes() == before
    with pytest.raises(pytest.fail.Exception, match="run again"):
        sweep.run("switching", "digits", seeds=1, out=tmp_path, changes={**changes, "lr": 0.1})


#: A process that ends as in a power cut when seed 1 is trained and not yet written.
DIES = """
import os, signal
from experiments import sweep, switching

run = switching.run

def and_die(settings, seed, device, folder):
    arrays = run(settings, seed, device, folder)
    if seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return arrays

switching.run = and_die
sweep.run("switching", "digits", seeds=3, out={out!r}, changes={changes!r})
"""


def test_a_killed_sweep_goes_on(tmp_path):
    changes = tiny("switching")
    expected = sweep.run("switching", "digits", seeds=3, out=tmp_path / "whole", changes=changes)
    out = tmp_path / "killed"
    code = DIES.format(out=str(out), changes=changes)
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    first = out / "switching_digits.parts" / "seed-0.json"
    written = first.stat().st_mtime_ns
    assert not first.with_name("seed-1.json").exists()
    assert not (out / "switching_digits.json").exists()
    with pytest.raises(ValueError, match=r"other settings: lr \(.*Remove the folder"):
        sweep.run("switching", "digits", seeds=3, out=out, changes={**changes, "lr": 0.5})
    assert first.stat().st_mtime_ns == written  # refused, and left alone
    path = sweep.run("switching", "digits", seeds=3, out=out, changes=changes)
    for name, array in results.read(expected).arrays.items():
        assert_array_equal(results.read(path).arrays[name], array)


# --------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rounds", "--set", "epochs"], "--set takes NAME=JSON"),
        (["rounds", "--set", "epochs=many"], "--set takes NAME=JSON"),
        (["rounds", "--set", "epoch=3"], "no setting 'epoch'"),
        (["rounds", "--data", "cifar10n"], "not for 'cifar10n'"),
        (["rounds", "--device", "abacus"], "device must be one of"),
    ],
)
def test_what_the_command_refuses(arguments, message, tmp_path, capsys):
    assert command.main([*arguments, "--out", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_missing_data_are_a_message(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert command.main(["rounds", "--data", "mnist", "--out", str(tmp_path)]) == 1
    assert "rounds: train-images-idx3-ubyte.gz is not on this machine" in capsys.readouterr().err


def test_the_command_names_what_it_knows(capsys):
    for arguments in (["unheard"], ["rounds", "--seeds", "0"]):
        with pytest.raises(SystemExit):
            command.main(arguments)
    shown = capsys.readouterr().err
    assert "noisy_labels" in shown
    assert "--seeds must be >= 1" in shown
