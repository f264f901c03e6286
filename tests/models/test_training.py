"""Training: repeatable, keeps the best weights, stops early, and says what went wrong."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from latent_transport.datasets.sources import fetch
from latent_transport.datasets.subsets import SPLITS, Subset, make_subset
from latent_transport.models.elbo import bits_per_dim, evaluate_elbo
from latent_transport.models.loop import History, NonFiniteLossError, Schedule
from latent_transport.models.training import train_vae
from latent_transport.models.vae import VAE, Architecture

torch.set_num_threads(1)

SMALL = Architecture(latent_dim=2, data_dim=12, hidden=(8,))
COLUMNS = [
    "epoch",
    "train_loss",
    "validation_loss",
    "validation_reconstruction",
    "validation_kl",
    "learning_rate",
    "seconds",
]


@pytest.fixture(scope="session")
def ones(tmp_path_factory) -> Subset:
    """Real images of the digit 1."""
    raw = tmp_path_factory.mktemp("raw")
    fetch(raw, source="sample")
    return make_subset(raw, [1], 0.25, seed=0)


def images_of(subset: Subset, split: str) -> torch.Tensor:
    return torch.from_numpy(subset.images[subset.split == SPLITS.index(split)]).float()


def make_images(count: int, seed: int = 0, dims: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, dims), generator=generator).float()


def make_schedule(**fields) -> Schedule:
    return Schedule(**{"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, **fields})


def train_small(seed: int = 0, **fields) -> tuple[VAE, History]:
    images = make_images(40), make_images(20, seed=1)
    return train_vae(SMALL, *images, schedule=make_schedule(**fields), seed=seed)


def same_weights(a: VAE, b: VAE) -> bool:
    return all(torch.equal(weight, b.state_dict()[name]) for name, weight in a.state_dict().items())


# --- Repeatable ---


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    torch.manual_seed(0)
    first, first_history = train_small(seed=5)
    torch.manual_seed(1)
    second, second_history = train_small(seed=5)
    assert same_weights(first, second)
    for row, other in zip(first_history.rows, second_history.rows, strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}


def test_another_seed_gives_other_weights():
    first, _ = train_small(seed=5)
    second, _ = train_small(seed=6)
    for name, weight in first.state_dict().items():
        assert not torch.equal(weight, second.state_dict()[name]), name


def test_global_random_state_is_untouched():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the state that must stay
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    train_small()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_images_are_left_as_they_are():
    train, validation = make_images(40), make_images(20, seed=1)
    copies = train.clone(), validation.clone()
    train_vae(SMALL, train, validation, schedule=make_schedule(), seed=0)
    assert torch.equal(train, copies[0])
    assert torch.equal(validation, copies[1])


# --- It learns ---


def test_loss_falls_on_real_digits(ones, device):
    architecture = Architecture(latent_dim=2, hidden=(64,))
    schedule = Schedule(epochs=12, batch_size=32, learning_rate=4e-3)
    vae, history = train_vae(
        architecture,
        images_of(ones, "train").to(device),
        images_of(ones, "validation").to(device),
        schedule=schedule,
        seed=0,
    )
    assert {weight.device.type for weight in vae.parameters()} == {device.type}
    losses = [row["validation_loss"] for row in history.rows]
    assert losses[0] - history.best["validation_loss"] > 1  # bits per dimension
    assert history.best["validation_loss"] < 2.5
    generator = torch.Generator(device).manual_seed(0)
    test = evaluate_elbo(vae, images_of(ones, "test").to(device), generator=generator)
    assert test["loss"] < 2.5


@pytest.mark.parametrize("components", [1, 5])
def test_history_has_one_row_an_epoch(components):
    architecture = Architecture(latent_dim=2, data_dim=12, hidden=(8,), components=components)
    images = make_images(40), make_images(20, seed=1)
    _, history = train_vae(architecture, *images, schedule=make_schedule(), seed=0)
    assert [list(row) for row in history.rows] == [COLUMNS] * 3
    assert [row["epoch"] for row in history.rows] == [1, 2, 3]
    for row in history.rows:
        assert all(math.isfinite(value) for value in row.values())
        total = row["validation_reconstruction"] + bits_per_dim(row["validation_kl"], 12)
        assert row["validation_loss"] == pytest.approx(total, rel=1e-9)
        assert 0 < row["learning_rate"] <= 1e-2
    seconds = [row["seconds"] for row in history.rows]
    assert seconds == sorted(seconds)
    rates = [row["learning_rate"] for row in history.rows]
    assert rates[-1] < 1e-3 * rates[0]


def test_the_last_small_batch_counts_as_much_as_its_images():
    # 33 images, batches of 16: the last batch is one image.
    architecture = Architecture(latent_dim=2, data_dim=12, hidden=(8,), input_dropout=0.0)
    images, rate = make_images(33), 1e-12  # nothing is learnt: each batch meets the same weights
    schedule = make_schedule(epochs=1, learning_rate=rate)
    vae, history = train_vae(architecture, images, images, schedule=schedule, seed=0)
    generator = torch.Generator().manual_seed(1)
    expected = evaluate_elbo(vae, images, generator=generator, samples=400)["loss"]
    assert history.rows[0]["train_loss"] == pytest.approx(expected, rel=0.03)


# --- The best weights, and when to stop ---


def overfit(epochs: int, patience: int) -> tuple[VAE, History, torch.Tensor]:
    """Learn black images, validate on white ones: the better it learns, the worse it does."""
    black, white = torch.zeros(64, 12), torch.full((20, 12), 255.0)
    schedule = make_schedule(epochs=epochs, patience=patience, learning_rate=3e-2)
    return *train_vae(SMALL, black, white, schedule=schedule, seed=0), white


def test_training_stops_when_patience_ends():
    _, history, _ = overfit(epochs=50, patience=4)
    assert len(history.rows) == history.best["epoch"] + 4 < 50


def test_training_runs_to_its_end_while_patience_lasts():
    _, history, _ = overfit(epochs=6, patience=50)
    assert len(history.rows) == 6


def test_the_best_weights_are_kept_not_the_last():
    vae, history, white = overfit(epochs=10, patience=50)
    losses = [row["validation_loss"] for row in history.rows]
    assert losses[-1] > min(losses) + 0.1
    assert history.best["validation_loss"] == min(losses)
    found = evaluate_elbo(vae, white, generator=torch.Generator().manual_seed(0))
    assert found["loss"] == history.best["validation_loss"]
    assert found["kl"] == history.best["validation_kl"]


def test_the_model_comes_back_ready_for_use():
    vae, _ = train_small()
    assert not vae.training
    assert not any(weight.requires_grad for weight in vae.parameters())


# --- What can go wrong ---


def test_too_high_a_learning_rate_is_named():
    with pytest.raises(NonFiniteLossError) as caught:
        train_small(learning_rate=1e30, epochs=4)
    message = str(caught.value)
    assert "in epoch 1, batch 2 of 3" in message or "in epoch 1, batch 3 of 3" in message
    assert "lower the learning rate (now 1e+30)" in message
    assert "least scale" in message


def test_an_image_that_is_not_finite_is_found():
    images = make_images(40)
    images[7, 3] = math.nan
    with pytest.raises(NonFiniteLossError, match=r"nan in epoch 1, batch \d of 3"):
        train_vae(SMALL, images, make_images(20), schedule=make_schedule(), seed=0)


def test_a_validation_loss_that_is_not_finite_is_found():
    images = make_images(20)
    images[7, 3] = math.nan
    with pytest.raises(NonFiniteLossError, match="validation loss became nan in epoch 1"):
        train_vae(SMALL, make_images(40), images, schedule=make_schedule(), seed=0)


@pytest.mark.parametrize("shape", [(0, 12), (5, 0), (12,), (2, 3, 12)])
@pytest.mark.parametrize("which", ["training", "validation"])
def test_images_of_another_shape_are_refused(which, shape):
    images = {"training": make_images(40), "validation": make_images(20), which: torch.ones(shape)}
    with pytest.raises(ValueError, match=f"{which} images have shape .*expected"):
        train_vae(SMALL, *images.values(), schedule=make_schedule(), seed=0)


@pytest.mark.parametrize("change", [1 / 255, 1.001, -1, 2])
@pytest.mark.parametrize("which", ["training", "validation"])
def test_images_that_are_no_grey_levels_are_refused(which, change):
    images = {"training": make_images(40), "validation": make_images(20)}
    images[which] = images[which] * change
    images[which][0, 0] = 255 * change
    with pytest.raises(
        ValueError, match=f"{which} images have values from .*; expected whole grey"
    ):
        train_vae(SMALL, *images.values(), schedule=make_schedule(), seed=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64])
def test_grey_levels_are_images_in_any_type(dtype):
    images = (make_images(40), make_images(20))
    vae, _ = train_vae(SMALL, *images, schedule=make_schedule(), seed=0)
    same, _ = train_vae(SMALL, *(x.to(dtype) for x in images), schedule=make_schedule(), seed=0)
    for expected, found in zip(vae.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_images_of_two_values_are_grey_levels_if_these_are_apart():
    for white, refused in ((1, True), (255, False)):
        images = (make_images(40) > 128).float() * white
        with pytest.raises(ValueError, match="from 0 to 1; expected") if refused else nullcontext():
            train_vae(SMALL, images, images, schedule=make_schedule(), seed=0)


def test_images_that_do_not_fit_the_architecture_are_refused():
    with pytest.raises(ValueError, match=r"training images have shape \(40, 10\).*12"):
        train_vae(SMALL, make_images(40, dims=10), make_images(20), schedule=Schedule(), seed=0)


# --- Evaluation ---


def test_loss_is_the_sum_of_its_terms():
    vae, _ = train_small()
    images = make_images(30, seed=2)
    found = evaluate_elbo(vae, images, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        reconstruction, kl = vae.elbo_terms(images, torch.Generator().manual_seed(0))
    assert found["kl"] == pytest.approx(kl.mean().item(), rel=1e-6)
    expected = -reconstruction.double().mean().item() / 12 / math.log(2)
    assert found["reconstruction"] == pytest.approx(expected, rel=1e-6)
    total = found["reconstruction"] + found["kl"] / 12 / math.log(2)
    assert found["loss"] == pytest.approx(total, rel=1e-12)


def test_kl_depends_on_neither_samples_nor_batches():
    vae, _ = train_small()
    images = make_images(30, seed=2)

    def evaluate(**options):
        return evaluate_elbo(vae, images, generator=torch.Generator().manual_seed(0), **options)

    for options in ({"samples": 3}, {"batch_size": 7}, {"samples": 2, "batch_size": 1}):
        assert evaluate(**options)["kl"] == pytest.approx(evaluate()["kl"], rel=1e-6)


def test_more_samples_scatter_less():
    vae, _ = train_small()
    images = make_images(30, seed=2)

    def scatter(samples):
        generator = torch.Generator().manual_seed(0)
        losses = [
            evaluate_elbo(vae, images, generator=generator, samples=samples)["loss"]
            for _ in range(20)
        ]
        return np.std(losses)

    assert scatter(30) < 0.5 * scatter(1)


def test_a_uniform_guess_among_the_levels_costs_eight_bits():
    assert bits_per_dim(784 * math.log(256), 784) == pytest.approx(8)


# --- Free bits ---


def train_freely(free_bits: float, epochs: int = 1, **fields) -> tuple[VAE, History]:
    images = make_images(40), make_images(20, seed=1)
    schedule = make_schedule(epochs=epochs, **fields)
    return train_vae(SMALL, *images, schedule=schedule, seed=0, free_bits=free_bits)


def test_free_bits_are_charged_in_place_of_less():
    # So slow that the weights stay: of the loss only what is charged for the KL differs.
    loss = {
        nats: train_freely(nats, learning_rate=1e-12)[1].rows[0]["train_loss"]
        for nats in (0.0, 100.0, 300.0)
    }
    dims, pixels = SMALL.latent_dim, SMALL.data_dim
    a_nat = dims / pixels / math.log(2)
    assert loss[300.0] - loss[100.0] == pytest.approx(200 * a_nat, rel=1e-5)
    assert loss[0.0] < loss[100.0]


def test_dimensions_carry_what_is_free(ones):
    architecture = Architecture(latent_dim=6, hidden=(32,))
    images = [images_of(ones, split) for split in ("train", "validation")]
    least = {}
    for nats in (0.0, 2.0):
        vae, _ = train_vae(
            architecture, *images, schedule=make_schedule(epochs=12), seed=0, free_bits=nats
        )
        with torch.no_grad():
            _, kl = vae.elbo_terms_by_dimension(images[0])
        least[nats] = kl.mean(0).min().item()
    assert least[0.0] < 1
    assert least[2.0] > 1.8


def test_without_free_bits_nothing_changes():
    assert same_weights(train_freely(0.0)[0], train_small(epochs=1)[0])


@pytest.mark.parametrize("nats", [-0.1, math.inf, math.nan])
def test_free_bits_that_are_none_are_refused(nats):
    with pytest.raises(ValueError, match=r"free_bits is .*expected a number of nats from 0"):
        train_freely(nats)
