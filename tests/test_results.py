"""Stored results: their provenance, that they can be made again, and the tool that makes them."""

import datetime
import importlib.util
import json
import os
import sysconfig
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib import datasets, results
from distill_lib.kernel import noisy_data
from distill_lib.kernel.real_data import METHODS, REGIMES, AgainstRidge
from experiments import sweep

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("results_tool", ROOT / "tools" / "results.py")
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


# ------------------------------------------------------------------- what is stored


def test_every_run_is_stored_and_in_the_table():
    stored = {path.stem for path in (ROOT / "results").glob("*.json")}
    assert stored == set(tool.RUNS)
    page = (ROOT / "results" / "README.md").read_text("utf8")
    assert [name for name in tool.RUNS if f"| `{name}.json` |" not in page] == []


@pytest.mark.parametrize("name", tool.RUNS)
def test_provenance(name):
    run, about = tool.RUNS[name], results.load(name).about
    assert about["name"] == name
    assert about["function"] == run.function
    assert about["settings"] == run.settings, f"run tools/results.py {name} again"
    assert isinstance(about["settings"]["seed"], int)
    assert about["data"]["name"] == run.data
    assert about["data"]["sha256 of the decompressed files"] == tool.FILES[run.data]
    assert datetime.date.fromisoformat(about["date"]) > datetime.date(2024, 1, 1)
    assert about["seconds"] > 0
    assert set(about["versions"]) == {"python", *tool.packages(run)}


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("mnist_mixing", datasets.MNIST_SHA256),
        ("mnist_energy", datasets.MNIST_SHA256),
        ("cifar10n_self_labels", datasets.CIFAR10N_SHA256),
    ],
)
def test_sums_are_those_that_the_loader_checks(name, sums):
    assert results.load(name).about["data"]["sha256 of the decompressed files"] == sums


def mnist_mixing():
    return AgainstRidge(**results.load("mnist_mixing").arrays)


def test_mnist_mixing_is_complete():
    run, settings = mnist_mixing(), tool.RUNS["mnist_mixing"].settings
    shape = (settings["splits"], len(settings["noises"]), len(REGIMES), len(METHODS))
    assert settings["splits"] >= 20
    for field in run[:-1]:
        assert field.shape == shape
        assert np.isfinite(field).all()
    ridge, refits, clipped, free = np.moveaxis(run.loo, -1, 0)
    slack = 1 + 1e-7
    assert (refits <= ridge * slack).all()
    assert (free <= clipped * slack).all()
    assert (clipped <= ridge * slack).all()
    noises = np.array(settings["noises"])
    assert_allclose(run.floor, 1 - (1 - noises) ** 2 - noises**2 / 9, rtol=1e-8)


@pytest.mark.skipif(
    not os.environ.get("DISTILL_DATA"),
    reason="set DISTILL_DATA to a folder with MNIST to run one split of mnist_mixing again",
)
def test_mnist_mixing_comes_out_again():
    """Its first split, without the regime that chooses the bandwidth too."""
    run = tool.RUNS["mnist_mixing"]
    again = tool.call(run, splits=1, bandwidths=run.settings["bandwidths"][:1])
    stored = mnist_mixing()
    for name in AgainstRidge._fields[:-1]:
        for regime in (0, 2, 3):
            got, expected = again[name][0, :, regime], getattr(stored, name)[0, :, regime]
            assert_allclose(got, expected, rtol=1e-6, err_msg=f"{name}, {REGIMES[regime]}")


# -------------------------------------------------- stored: wrong labels, kernel regime


ENERGIES = ["mnist_energy", "mnist_energy_pair"]
COMPARISONS = ["mnist_self_labels", "mnist_self_labels_rbf", "cifar10n_self_labels"]
NEEDS_DATA = pytest.mark.skipif(
    not os.environ.get("DISTILL_DATA"),
    reason="set DISTILL_DATA to a folder with the data to run one seed again",
)


@pytest.mark.parametrize("name", ENERGIES)
def test_stored_energies(name):
    settings = tool.RUNS[name].settings
    run = noisy_data.InformativeEnergy(**results.load(name).arrays)
    seeds, v, k = settings["seeds"], len(settings["rates"]), len(settings["counts"])
    assert seeds >= 10
    assert run.eigenvalues.shape == run.clean_share.shape == (seeds, k)
    assert run.noise_share.shape == run.fluctuation_share.shape == (seeds, v, k)
    assert run.error.shape == run.distance.shape == (seeds, v, len(settings["steps"]))
    for share in run[1:5]:
        assert_allclose(share[..., -1], 1)
        assert (np.diff(share, axis=-1) >= 0).all()
    assert (run.clean_share[:, None] >= run.given_share - 1e-8).all()
    rates = np.broadcast_to(settings["rates"], (seeds, v))
    assert_allclose(run.train_error[..., -1], rates, atol=1e-3)  # all noise is learned


def test_stored_burn_in_map():
    settings = tool.RUNS["mnist_burn_in"].settings
    run = noisy_data.BurnInMap(**results.load("mnist_burn_in").arrays)
    shape = settings["seeds"], len(settings["burn_ins"]), len(settings["decays"])
    assert settings["seeds"] >= 10
    for field in run[:4]:
        assert field.shape == shape
    for field in run[4:]:
        assert field.shape == shape[:2]
    assert all(np.isfinite(field).all() for field in run)


@pytest.mark.parametrize("name", COMPARISONS)
def test_stored_comparisons(name):
    settings = tool.RUNS[name].settings
    run = noisy_data.SelfLabels(**results.load(name).arrays)
    methods, choices = noisy_data.METHODS, noisy_data.CHOICES
    shape = settings["seeds"], len(settings["noises"]), len(choices), len(methods)
    assert settings["seeds"] >= 10
    for field in run[:-1]:
        assert field.shape == shape
    for field in run[:5]:
        assert np.isfinite(field).all()
    by = dict(zip(methods, np.moveaxis(run.validation, -1, 0), strict=True))
    assert (by["geometric, stopped"] <= by["geometric"]).all()
    assert (by["geometric, ridge"] <= by["geometric"]).all()
    assert (by["hard refit, ridge"] <= by["hard refit"]).all()
    assert_allclose(run.train_error[..., 0], np.repeat(run.wrong[..., None], 2, axis=-1))
    assert_allclose(run.distance[..., 0] ** 2, 2 * run.train_error[..., 0], rtol=1e-6)


def again(name, **changes):
    """Run a part again; its fields, and those that are stored."""
    return tool.call(tool.RUNS[name], seeds=1, **changes), results.load(name).arrays


@NEEDS_DATA
def test_mnist_energy_comes_out_again():
    got, stored = again("mnist_energy")
    for name, field in got.items():
        assert_allclose(field, stored[name][:1], rtol=1e-6, atol=1e-7, err_msg=name)


@NEEDS_DATA
def test_mnist_energy_pair_comes_out_again():
    got, stored = again("mnist_energy_pair")
    for name, field in got.items():
        assert_allclose(field, stored[name][:1], rtol=1e-6, atol=1e-7, err_msg=name)


@NEEDS_DATA
def test_mnist_burn_in_comes_out_again():
    got, stored = again("mnist_burn_in", burn_ins=[1, 2], decays=[0.0, 0.5, 0.8])
    for name, field in got.items():
        expected = stored[name][:1, :2]
        expected = expected if name.startswith("stopped") else expected[..., :3]
        assert_allclose(field, expected, rtol=1e-6, err_msg=name)


@NEEDS_DATA
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_come_out_again(name):
    """The first seed and noise: rivals with all settings, self-labels as they were chosen."""
    stored, first = results.load(name).arrays, (0, 0, 0)  # the last 0: chosen by noisy labels
    geometric = noisy_data.METHODS.index("geometric")
    got, _ = again(
        name,
        noises=tool.RUNS[name].settings["noises"][:1],
        burn_ins=[int(stored["burn_in"][*first, geometric])],
        decays=[stored["decay"][*first, geometric]],
    )
    for field in noisy_data.SelfLabels._fields[:7]:
        for method in (0, 1, 2):  # to the end, stopped, ridge
            expected = stored[field][:1, :1, :, method]
            assert_allclose(got[field][..., method], expected, rtol=1e-6, err_msg=field)
    for field in ("error", "train_error", "distance", "fitted", "validation"):
        expected = stored[field][*first, geometric]
        assert_allclose(got[field][*first, geometric], expected, rtol=1e-6, err_msg=field)
    assert_allclose(got["wrong"], stored["wrong"][:1, :1])


def test_long_chains_come_out_again():
    """Two rounds of the first seed, at one weight decay."""
    pytest.importorskip("torch")
    got, stored = again("digits_long_chains", rounds=2, weight_decays=[0.001])
    for name, field in got.items():
        assert_allclose(field, stored[name][:2, 1:2, :1], rtol=1e-6, err_msg=name)


# ------------------------------------------------------------------------ the loader


def test_an_unknown_name_says_where_results_come_from():
    with pytest.raises(FileNotFoundError, match=r"no stored result 'nothing'.*tools/results.py"):
        results.load("nothing")


@pytest.mark.parametrize("name", ["elsewhere", "deep/elsewhere"])
def test_an_installed_library_brings_its_results_along(tmp_path, monkeypatch, name):
    """The package index has no checkout: the files go to the data folder of the installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    targets = project["tool"]["setuptools"]["data-files"]
    assert targets == {
        f"share/distill-lib/{files.rpartition('/')[0]}": [files]
        for files in ("results/*.json", "results/deep/*.json")
    }
    monkeypatch.setattr(sysconfig, "get_path", lambda name, scheme: str(tmp_path / scheme / name))
    scheme = sysconfig.get_preferred_scheme("user")
    path = tmp_path / scheme / "data" / next(iter(targets)) / f"{name}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"about": {"name": "x"}, "arrays": {"a": [1, null]}}')
    stored = results.load(name)
    assert stored.about == {"name": "x"}
    assert_array_equal(stored.arrays["a"], [1, np.nan])


# -------------------------------------------------------------------------- the tool


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A registry with one quick run, and a folder for its result."""
    settings = {"data": "diabetes", "noises": [0.0], "lams": [1.0], "bandwidths": [1.0],
                "n_train": 20, "splits": 2, "seed": 0}  # fmt: skip
    run = tool.Run("distill_lib.kernel.real_data.against_ridge", settings, "mnist")
    monkeypatch.setattr(tool, "RUNS", {"small": run})
    monkeypatch.setattr(results, "_folders", lambda: [tmp_path])
    return run, tmp_path


def test_what_is_stored_is_what_was_returned(small):
    run, folder = small
    path = tool.store("small", run, folder)
    assert [p.name for p in folder.iterdir()] == [path.name] == ["small.json"]
    stored = results.load("small")
    for name, array in tool.call(run).items():
        assert_allclose(stored.arrays[name], array, rtol=1e-8)
        assert stored.arrays[name].shape == array.shape
    assert np.isnan(stored.arrays["accuracy"]).all()  # a regression has none
    assert stored.about["settings"] == run.settings
    assert stored.about["date"] == datetime.datetime.now(datetime.UTC).date().isoformat()
    assert stored.about["versions"]["numpy"] == np.__version__
    json.loads(path.read_text("utf8"), parse_constant=pytest.fail)  # strict JSON, no NaN


def test_settings_can_be_replaced(small):
    run, _ = small
    assert tool.call(run, splits=1)["error"].shape[0] == 1
    assert run.settings["splits"] == 2


def test_a_run_that_fails_leaves_the_stored_result(small):
    run, folder = small
    before = tool.store("small", run, folder).read_bytes()
    broken = run._replace(settings=run.settings | {"lams": [-1.0]})
    with pytest.raises(ValueError, match="lams"):
        tool.store("small", broken, folder)
    assert (folder / "small.json").read_bytes() == before
    assert len(list(folder.iterdir())) == 1


def test_the_command(small, capsys, monkeypatch):
    monkeypatch.setattr(tool, "store", lambda name, run: f"stored {name}")
    assert tool.main(["small"]) == 0
    assert capsys.readouterr().out == "stored small\n"
    assert tool.main([]) == 0
    assert capsys.readouterr().out.startswith("small: distill_lib.kernel.real_data.against_ridge")
    with pytest.raises(SystemExit):
        tool.main(["small", "unheard of"])
    assert "unknown run 'unheard of'; there are: small" in capsys.readouterr().err


def test_missing_data_are_a_message_and_no_result(small, capsys, monkeypatch):
    run, folder = small
    monkeypatch.delenv("DISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    settings = run.settings | {"data": "mnist", "n_test": 5}
    monkeypatch.setitem(tool.RUNS, "small", run._replace(settings=settings))
    monkeypatch.setattr(tool, "FOLDER", folder)
    assert tool.main(["small"]) == 1
    assert "small: train-images-idx3-ubyte.gz is not on this machine" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


# ------------------------------------------------------------- stored: results/deep


DEEP = sorted((ROOT / "results" / "deep").glob("*.json"))


@pytest.mark.parametrize("path", DEEP, ids=lambda path: path.stem)
def test_full_size_results_are_those_of_the_settings(path):
    name, _, data = path.stem.rpartition("_")
    stored = results.read(path)
    assert stored.about["settings"] == sweep.settings_of(name, data), f"run {name} again"
    assert len(stored.about["seeds"]) == {len(values) for values in stored.arrays.values()}.pop()
    assert {"hardware", "date", "seconds", "versions"} <= set(stored.about)
    assert all(np.isfinite(values).all() for values in stored.arrays.values())
    assert f"| `deep/{path.name}` |" in (ROOT / "results" / "README.md").read_text("utf8")


def test_full_size_results_are_there():
    assert {"deviations_digits", "switching_digits"} <= {path.stem for path in DEEP}
