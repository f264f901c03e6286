"""The classifier: repeatable, learns real digits, survives a round trip to disk."""

import numpy as np
import pytest
import torch

from latent_transport.datasets.sources import fetch
from latent_transport.datasets.subsets import make_subset
from latent_transport.evidence.measures.classifiers import (
    MAX_SHIFT,
    Classifier,
    evaluate_classifier,
    load_classifier,
    save_classifier,
    shift_images,
    train_classifier,
)
from latent_transport.models.loop import Schedule
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

torch.set_num_threads(1)

SIDE = 28
HISTORY = [
    *("epoch", "train_loss", "validation_loss", "validation_accuracy"),
    *("learning_rate", "seconds"),
]


def make_part(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, SIDE**2), generator=generator, dtype=torch.uint8)
    return images, torch.randint(0, 10, (count,), generator=generator, dtype=torch.uint8)


def train_small(seed=0, **options):
    schedule = Schedule(**{"epochs": 2, "batch_size": 16, "learning_rate": 0.01} | options)
    return train_classifier(make_part(), make_part(20, seed=1), schedule=schedule, seed=seed)


def same_weights(a, b):
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Real digits: images and labels by split."""
    raw = tmp_path_factory.mktemp("raw")
    fetch(raw, source="sample")
    subset = make_subset(raw, range(10), 0.05, seed=0)
    return [
        (torch.from_numpy(subset.images[rows]), torch.from_numpy(subset.labels[rows]))
        for rows in (subset.split == split for split in range(3))
    ]


@pytest.fixture(scope="module")
def trained(sample):
    schedule = Schedule(epochs=3, batch_size=64, learning_rate=0.01, patience=None)
    return train_classifier(*sample[:2], schedule=schedule, seed=0)


# --- It learns ---


def test_it_tells_real_digits_apart(trained, sample):
    classifier, history = trained
    rows = history.rows
    found = evaluate_classifier(classifier, *sample[2])
    assert found["accuracy"] > 0.93
    assert found["loss"] < 0.3
    assert [list(row) for row in rows] == [HISTORY] * 3
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert rows[-1]["learning_rate"] < 1e-3 * rows[0]["learning_rate"]
    last = evaluate_classifier(classifier, *sample[1])
    assert rows[-1]["validation_loss"] == last["loss"]
    assert rows[-1]["validation_accuracy"] == last["accuracy"]


def test_features_part_the_digits(trained, sample):
    classifier, _ = trained
    images, labels = sample[2][0][:200], sample[2][1][:200]
    features = classifier.features(images)
    torch.testing.assert_close(classifier.head(features), classifier(images))
    distances = torch.cdist(features, features)
    same = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)
    assert distances[same].mean() < 0.7 * distances[labels[:, None] != labels].mean()


def test_it_comes_back_ready_for_use(trained):
    classifier, _ = trained
    assert not classifier.training
    assert not any(weight.requires_grad for weight in classifier.parameters())


# --- Repeatable ---


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    torch.manual_seed(0)
    first, first_history = train_small(seed=5)
    torch.manual_seed(1)
    second, second_history = train_small(seed=5)
    assert same_weights(first, second)
    for row, other in zip(first_history.rows, second_history.rows, strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}
    other, _ = train_small(seed=6)
    assert not same_weights(first, other)


def test_global_random_state_is_untouched():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    train_small()
    assert torch.equal(torch.get_rng_state(), state)


# --- Images ---


def test_levels_count_and_their_dtype_does_not():
    classifier = Classifier().eval()
    images, _ = make_part()
    for dtype in (torch.float32, torch.float64, torch.int64):
        torch.testing.assert_close(classifier(images.to(dtype)), classifier(images))
    assert not torch.allclose(classifier(images / 255), classifier(images))


def test_leading_shapes_are_kept_and_images_judged_alone():
    classifier = Classifier().eval()
    images, _ = make_part(24)
    scores, features = classifier(images), classifier.features(images)
    torch.testing.assert_close(classifier(images.reshape(2, 3, 4, -1)).flatten(0, 2), scores)
    assert classifier.features(images.reshape(2, 3, 4, -1)).shape == (2, 3, 4, features.shape[1])
    torch.testing.assert_close(classifier(images[3]), scores[3])
    assert (features >= 0).all()


@pytest.mark.parametrize("shape", [(), (5,), (3, 28, 28)])
def test_images_of_another_size_are_refused(shape):
    with pytest.raises(ValueError, match=r"images have shape .*expected \(\.\.\., 784\)"):
        Classifier()(torch.zeros(shape))


def test_images_of_any_side_and_number_of_classes(tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (26, 10 * 10), generator=generator, dtype=torch.uint8)
    part = images, torch.arange(26, dtype=torch.uint8) % 13
    schedule = Schedule(epochs=1, batch_size=13, learning_rate=0.01)
    classifier, _ = train_classifier(part, part, schedule=schedule, seed=0)
    assert classifier(images).shape == (26, 13)
    save_classifier(classifier, tmp_path / "c.safetensors", {})
    loaded = load_classifier(tmp_path / "c.safetensors")
    torch.testing.assert_close(loaded(images), classifier(images), rtol=0, atol=0)
    with pytest.raises(ValueError, match="7 pixels a side; expected at least 8"):
        Classifier(side=7)


def test_shifts_move_images_whole():
    # A dot far from the border, one an image: it moves by every shift alike often.
    images = torch.zeros(5000, SIDE, SIDE, dtype=torch.uint8)
    images[:, 10, 14] = 200
    copy = images.clone()
    shifted = shift_images(images.flatten(1), torch.Generator().manual_seed(0))
    assert shifted.dtype == torch.uint8
    assert torch.equal(images, copy)
    which, rows, columns = shifted.unflatten(1, (SIDE, SIDE)).nonzero(as_tuple=True)
    assert torch.equal(which, torch.arange(5000))
    assert (shifted.amax(1) == 200).all()
    counts = torch.zeros(5, 5)
    counts.index_put_(
        (rows - 10 + MAX_SHIFT, columns - 14 + MAX_SHIFT), torch.ones(5000), accumulate=True
    )
    assert counts.min() > 130  # of 200 expected
    assert counts.sum() == 5000


def test_what_leaves_the_image_is_gone_and_black_comes_in():
    images = torch.full((300, SIDE**2), 9.0)
    shifted = shift_images(images, torch.Generator().manual_seed(0)).unflatten(1, (SIDE, SIDE))
    side = SIDE - torch.arange(MAX_SHIFT + 1)
    areas = set((side[:, None] * side).flatten().tolist())
    assert set((shifted == 9).sum((1, 2)).tolist()) == areas
    assert ((shifted == 9) | (shifted == 0)).all()


# --- Evaluation ---


def test_accuracy_and_loss_are_means_over_all_images():
    classifier = Classifier().eval()
    images, labels = make_part(30)
    logits = classifier(images).detach().double()
    found = evaluate_classifier(classifier, images, labels, batch_size=7)
    assert found["accuracy"] == (logits.argmax(1) == labels).double().mean()
    expected = -logits.log_softmax(1)[torch.arange(30), labels.long()].mean()
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)


# --- On disk ---


def test_a_round_trip_changes_nothing(trained, sample, tmp_path):
    classifier, _ = trained
    path = tmp_path / "classifier.safetensors"
    save_classifier(classifier, path, {"seed": "0"})
    assert load_metadata(path)["seed"] == "0"
    loaded = load_classifier(path)
    assert same_weights(classifier, loaded)
    images = sample[2][0][:50]
    torch.testing.assert_close(loaded(images), classifier(images))
    assert not loaded.training


def test_other_files_are_refused(trained, tmp_path):
    classifier, _ = trained
    path = tmp_path / "classifier.safetensors"
    with pytest.raises(DataError, match="is missing"):
        load_classifier(path)
    save_arrays(path, {"mean": np.zeros(3)}, {})
    with pytest.raises(DataError, match="holds no classifier"):
        load_classifier(path)
    save_classifier(classifier, path, {})
    arrays, metadata = load_arrays(path), load_metadata(path)
    for widths in ("[8, 16, 32, 64]", "[1]", "{", "3"):
        save_arrays(path, arrays, {**metadata, "widths": widths})
        with pytest.raises(DataError, match="holds no classifier"):
            load_classifier(path)
    del arrays["head.weight"]
    save_arrays(path, arrays, metadata)
    with pytest.raises(DataError, match=r"no array 'head\.weight'"):
        load_classifier(path)


# --- What can go wrong ---


def test_a_diverging_loss_is_named():
    images, labels = make_part()
    broken = images.float()
    broken[3] = torch.nan
    with pytest.raises(ArithmeticError, match=r"loss became nan in epoch 1.*learning rate \(now"):
        train_classifier((broken, labels), (images, labels), schedule=Schedule(epochs=1), seed=0)


def test_images_without_labels_are_refused():
    images, labels = make_part()
    whole = (images, labels)
    with pytest.raises(ValueError, match="40 training images with 39 labels"):
        train_classifier((images, labels[1:]), whole, schedule=Schedule(epochs=1), seed=0)
    with pytest.raises(ValueError, match="0 validation images with 0 labels"):
        train_classifier(whole, (images[:0], labels[:0]), schedule=Schedule(epochs=1), seed=0)
