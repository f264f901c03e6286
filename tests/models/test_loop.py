"""The training loop: alone on a number, and as every model that is trained by it uses it."""

import math
import re
from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn

from latent_transport.evidence.measures.classifiers import train_classifier
from latent_transport.models.ensembles import train_ensemble
from latent_transport.models.loop import (
    History,
    NonFiniteLossError,
    Schedule,
    make_seeded,
    train_module,
)
from latent_transport.models.training import train_vae
from latent_transport.models.vae import VAE, Architecture

torch.set_num_threads(1)


class Number(nn.Module):
    """One weight, and what the loop did with it: rows and modes of the steps, weights measured."""

    def __init__(self, losses=(), target=5.0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.losses, self.target = losses, target
        self.steps, self.measured, self.modes, self.gradients = [], [], [], []

    def loss(self, rows):
        self.steps.append(rows.tolist())
        self.modes.append(self.training)
        return (self.weight - self.target).square()

    def evaluate(self):
        self.measured.append(self.weight.item())
        self.gradients.append(abs(self.weight.grad.item()))
        self.modes.append(self.training)
        return {"loss": self.losses[len(self.measured) - 1], "other": 7.0}


def train(number: Number, seed=0, count=10, options=None, **fields) -> History:
    schedule = Schedule(
        **{"epochs": len(number.losses), "batch_size": 4, "learning_rate": 0.1, **fields}
    )
    return train_module(
        number,
        number.loss,
        number.evaluate,
        count=count,
        schedule=schedule,
        generator=torch.Generator().manual_seed(seed),
        **(options or {}),
    )


# --- The loop alone ---


def test_each_epoch_meets_every_row_once_in_an_order_of_its_own():
    number = Number([3.0, 2.0])
    train(number)
    assert [len(rows) for rows in number.steps] == [4, 4, 2] * 2
    first, second = ([*chain(*number.steps[i : i + 3])] for i in (0, 3))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    again = Number([3.0, 2.0])
    train(again)
    assert again.steps == number.steps
    train(other := Number([3.0, 2.0]), seed=1)
    assert other.steps != number.steps


def test_steps_are_in_training_mode_and_measures_in_eval_mode():
    number = Number([3.0, 2.0])
    train(number)
    assert number.modes == [True, True, True, False] * 2


def test_history_has_the_measures_of_each_epoch():
    history = train(Number([3.0, 1.0, 2.0]))
    assert [list(row) for row in history.rows] == [
        ["epoch", "train_loss", "validation_loss", "validation_other", "learning_rate", "seconds"]
    ] * 3
    assert [row["epoch"] for row in history.rows] == [1, 2, 3]
    assert [row["validation_loss"] for row in history.rows] == [3.0, 1.0, 2.0]
    assert history.best is history.rows[1]
    losses = [row["train_loss"] for row in history.rows]
    assert losses == sorted(losses, reverse=True)


def test_train_loss_is_the_mean_over_rows_not_over_batches():
    number = Number([1.0])

    def loss(rows):
        return 0 * number.weight + rows.double().mean()  # the mean of the rows' numbers

    generator, schedule = torch.Generator().manual_seed(0), Schedule(epochs=1, batch_size=7)
    history = train_module(
        number, loss, number.evaluate, count=10, schedule=schedule, generator=generator
    )
    assert history.rows[0]["train_loss"] == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "kept"),
    [
        ([3.0, 1.0, 2.0, 5.0], 10, 4, 1),
        ([3.0, 1.0, 1.0, 5.0], 10, 4, 1),  # of equals the first
        ([3.0, 1.0, 2.0, 2.0, 0.0], 2, 4, 1),
        ([3.0, 1.0, 2.0, 0.5, 2.0, 2.0, 0.0], 2, 6, 3),  # a better one renews the patience
        ([1.0, 2.0, 3.0], 1, 2, 0),
        ([1.0, 2.0, 3.0], None, 3, 2),
    ],
)
def test_patience_decides_when_to_stop_and_which_weights_are_kept(losses, patience, epochs, kept):
    number = Number(losses)
    history = train(number, patience=patience)
    assert len(history.rows) == epochs
    assert number.weight.item() == number.measured[kept]
    assert len(set(number.measured)) == epochs


@pytest.mark.parametrize("warm_up", [0.2, 0.6])
def test_learning_rate_rises_to_its_peak_and_falls_to_almost_zero(warm_up):
    rows = train(Number([1.0] * 10), count=4, options={"warm_up": warm_up}).rows
    rates = [row["learning_rate"] for row in rows]
    peak = round(10 * warm_up) - 1
    assert rates[peak] == pytest.approx(0.1)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-5


@pytest.mark.parametrize("largest", [None, 1.0, 0.25])
def test_long_gradients_are_shortened(largest):
    number = Number([1.0], target=1e3)
    train(number, options={"largest_gradient": largest})
    expected = 2e3 if largest is None else largest
    assert number.gradients[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_batch_whose_loss_is_not_finite_is_named(value):
    number = Number([1.0, 1.0])

    def loss(rows):
        found = number.loss(rows)
        return found * value if len(number.steps) == 5 else found

    message = (
        rf"the number's loss became {value} in epoch 2, batch 2 of 3; check that the images are "
        r"finite, or lower the learning rate \(now 0\.1\), or count again$"
    )
    with pytest.raises(NonFiniteLossError, match=message):
        train_module(
            number,
            loss,
            number.evaluate,
            count=10,
            schedule=Schedule(epochs=2, batch_size=4, learning_rate=0.1),
            generator=torch.Generator().manual_seed(0),
            name="the number",
            advice="count again",
        )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_validation_loss_that_is_not_finite_is_named(value):
    message = rf"number's validation loss became {value} in epoch 2; .*learning rate \(now 0\.1\)$"
    with pytest.raises(NonFiniteLossError, match=message):
        train(Number([1.0, value]), options={"name": "the number"})


def test_a_seed_decides_initial_weights_and_no_generator_is_moved(monkeypatch):
    def refuse(seed):
        raise AssertionError("the GPUs were seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    state = torch.get_rng_state()
    first, second, other = (
        make_seeded(lambda: nn.Linear(2, 3), seed, "cpu").weight for seed in (0, 0, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


# --- Every model that is trained by it ---


def train_a_vae(images, held_out, **options):
    architecture = Architecture(latent_dim=2, hidden=(8,))
    return train_vae(architecture, images, held_out, **options)[0]


def train_a_decoder(images, held_out, **options):
    vae = make_seeded(lambda: VAE(Architecture(latent_dim=2, hidden=(8,))), 0, "cpu")
    return train_ensemble(vae, images, held_out, members=2, **options)[0].members[1]


def train_a_classifier(images, held_out, **options):
    parts = ((part, part[:, 0] % 10) for part in (images, held_out))
    return train_classifier(*parts, **options)[0]


every_model = pytest.mark.parametrize(
    "train_model", [train_a_vae, train_a_decoder, train_a_classifier]
)


def make_images(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 784), generator=generator).float()


def train_small(train_model, images=None, held_out=None, seed=0, progress=None, **fields):
    schedule = Schedule(**{"epochs": 2, "batch_size": 16, "learning_rate": 0.01, **fields})
    return train_model(
        make_images(40) if images is None else images,
        make_images(20, seed=1) if held_out is None else held_out,
        schedule=schedule,
        seed=seed,
        progress=progress,
    )


def overfit(train_model, **options):
    """Learn black images, measure grey ones: the better it learns, the worse it does."""
    images, held_out = torch.zeros(64, 784), torch.full((20, 784), 65.0)
    return train_small(train_model, images, held_out, learning_rate=0.03, **options)


def same_weights(a, b):
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


@every_model
def test_a_seed_gives_the_same_weights_twice_whatever_was_drawn_before(train_model):
    torch.manual_seed(0)
    first = train_small(train_model, seed=5)
    torch.manual_seed(1)
    assert same_weights(first, train_small(train_model, seed=5))
    assert not same_weights(first, train_small(train_model, seed=6))


@every_model
def test_global_generators_are_left_alone(train_model):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the state that must stay

    def states():
        return [
            torch.get_rng_state(),
            *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ()),
            torch.from_numpy(np.random.get_state()[1].copy()),  # noqa: NPY002
        ]

    before = states()
    train_small(train_model)
    assert all(torch.equal(a, b) for a, b in zip(before, states(), strict=True))


@every_model
def test_images_stay_as_they_are(train_model):
    images, held_out = make_images(40), make_images(20, seed=1)
    copies = images.clone(), held_out.clone()
    train_small(train_model, images, held_out)
    assert torch.equal(images, copies[0])
    assert torch.equal(held_out, copies[1])


@every_model
def test_a_trained_model_comes_back_ready_for_use(train_model):
    model = train_small(train_model)
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


@every_model
def test_training_images_that_are_not_finite_are_found(train_model):
    images = make_images(40)
    images[7, 400] = math.nan
    message = r"'s loss became nan in epoch 1, batch \d of 3; .*learning rate \(now 0\.01\)"
    with pytest.raises(NonFiniteLossError, match=message):
        train_small(train_model, images)


@every_model
def test_held_out_images_that_are_not_finite_are_found(train_model):
    images = make_images(20)
    images[7, 400] = math.nan
    message = r"validation loss became nan in epoch 1; .*learning rate \(now 0\.01\)"
    with pytest.raises(NonFiniteLossError, match=message):
        train_small(train_model, held_out=images)


@every_model
def test_patience_keeps_the_best_weights_instead_of_the_last(train_model):
    best, last = (overfit(train_model, epochs=6, patience=patience) for patience in (50, None))
    assert not same_weights(best, last)


@every_model
def test_a_progress_bar_is_shown_on_demand_and_ends_where_training_does(train_model, capsys):
    train_small(train_model)
    assert capsys.readouterr() == ("", "")
    train_small(train_model, progress="a model")
    shown = capsys.readouterr().err
    assert re.search(r"a model.* 2/2 .*loss=\d", shown)
    overfit(train_model, epochs=30, patience=2, progress="a model")
    epochs = [int(number) for number in re.findall(r" (\d+)/30 ", capsys.readouterr().err)]
    assert 0 < epochs[-1] < 29
