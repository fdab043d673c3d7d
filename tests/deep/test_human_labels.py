"""Networks on labels that people gave, on small files in the format of the real ones."""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib import datasets, results
from distill_lib.deep.human_labels import METHODS, HumanLabels, human_labels
from tests.cifar_files import FIRST, FIRST_IMAGES, HUMAN, SmallCifar

SETTINGS = {
    "n_train": 6, "n_validation": 3, "n_test": FIRST_IMAGES - 9, "size": 8, "epochs": 4,
    "burn_in": 2, "short": 0, "q": 0.5, "batch_size": 3,
}  # fmt: skip


@pytest.fixture
def small(tmp_path, monkeypatch):
    files = SmallCifar(tmp_path, monkeypatch)
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    files.write(FIRST, HUMAN)
    return files


def test_shapes_and_first_seeds(small):
    found = human_labels(**SETTINGS, weight_decays=[0.0, 0.1], seeds=2, seed=5)
    for field in found[:-1]:
        assert field.shape == (2, 2, len(METHODS), 4)
        assert ((field >= 0) & (field <= 1)).all()
    assert_array_equal(found.wrong, [1.0, 1.0])  # the small files are wrong everywhere
    alone = human_labels(**SETTINGS, weight_decays=[0.0, 0.1], seeds=1, seed=5)
    assert_array_equal(alone.test[0], found.test[0])


def test_methods_are_one_network_until_the_burn_in_ends(small):
    found = human_labels(**SETTINGS | {"epochs": 8}, lr=0.01)
    given, refit, soft, hard, short = np.moveaxis(found.given[0, 0], 0, 0)
    for method in (soft, hard):
        assert_array_equal(method[:2], given[:2])
    assert not np.array_equal(short, given)
    assert not np.array_equal(refit, given)


def test_the_first_method_fits_the_given_labels_and_knows_the_true_ones(small):
    found = human_labels(**SETTINGS | {"epochs": 60}, lr=0.01)
    assert found.given[0, 0, 0, -1] == 1.0
    assert found.repaired[0, 0, 0, -1] == 0.0  # all of them are wrong


def test_each_part_is_counted_on_its_own_labels(small, monkeypatch):
    """With the training images in all three parts, their accuracies have to agree."""
    load = datasets.cifar10n

    def three_times(*sizes, **settings):
        X, y, clean, *_ = load(*sizes, **settings)
        return datasets.NoisySplit(X, y, clean, X, y, clean, X, clean)

    monkeypatch.setattr(datasets, "cifar10n", three_times)
    found = human_labels(**SETTINGS | {"epochs": 20}, lr=0.01)
    assert_array_equal(found.validation, found.given)
    assert_array_equal(found.clean_validation, found.repaired)
    assert_array_equal(found.test, found.repaired)
    assert found.given.max() > 0.5


def test_bad_input_is_named(small):
    with pytest.raises(ValueError, match="weight_decays must"):
        human_labels(**SETTINGS, weight_decays=[-1.0])
    with pytest.raises(ValueError, match="seeds must"):
        human_labels(**SETTINGS, seeds=0)


def test_stored_result_is_complete():
    stored = results.load("cifar10n_networks")
    settings, people = stored.about["settings"], HumanLabels(**stored.arrays)
    shape = (settings["seeds"], len(settings["weight_decays"]), len(METHODS), settings["epochs"])
    for field in people[:-1]:
        assert field.shape == shape
        assert np.isfinite(field).all()
    assert_allclose(people.wrong, 0.42, atol=0.01)
    first, hard = METHODS.index("given labels"), METHODS.index("hard")
    burn_in = settings["burn_in"]
    assert_array_equal(people.test[:, :, hard, :burn_in], people.test[:, :, first, :burn_in])


@pytest.mark.skipif(
    not os.environ.get("DISTILL_DATA"),
    reason="set DISTILL_DATA to a folder with CIFAR-10N to train one network again",
)
def test_stored_result_comes_out_again():
    """Two epochs of the first seed: the same split, the same labels, nearly the same network."""
    stored = results.load("cifar10n_networks")
    settings = stored.about["settings"] | {"epochs": 2, "seeds": 1, "weight_decays": [0.0]}
    try:
        again = human_labels(**settings)
    except FileNotFoundError as error:
        pytest.skip(str(error).splitlines()[0])
    assert again.wrong[0] == pytest.approx(stored.arrays["wrong"][0])
    before = stored.arrays["test"][0, 0, 0, :2]
    assert_allclose(again.test[0, 0, 0], before, atol=0.02)
