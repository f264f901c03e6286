"""Ensembles of decoders: uncertain where the members disagree."""

import json
import math

import numpy as np
import pytest
import torch

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.registry import family_of
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.ensembles import (
    EnsembleDecoder,
    _Pairs,
    load_ensemble,
    save_ensemble,
    train_ensemble,
)
from latent_transport.models.loop import NonFiniteLossError, Schedule
from latent_transport.models.vae import VAE, Architecture, Decoder
from latent_transport.storage import DataError, load_metadata, save_arrays

torch.set_num_threads(1)

SCHEDULE = Schedule(epochs=4, batch_size=16, learning_rate=5e-3, patience=4)


def make_vae(seed=0, components=1, **fields):
    architecture = Architecture(
        **{"latent_dim": 2, "data_dim": 12, "hidden": (8,), "components": components, **fields}
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(architecture).eval().requires_grad_(False)


def make_images(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 12), generator=generator).float()


def make_codes(count=60, seed=0):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


# --- The ensemble ---


class Fixed(torch.nn.Module):
    """Decodes every point to the same mixtures."""

    def __init__(self, logits, loc, scale):
        super().__init__()
        self.parts = [torch.as_tensor(x, dtype=torch.float64) for x in (logits, loc, scale)]

    def forward(self, z):
        return DiscretizedLogisticMixture(*(x.expand(*z.shape[:-1], *x.shape) for x in self.parts))


def make_ensemble(members=3, components=1):
    return EnsembleDecoder([make_vae(j, components).decoder for j in range(members)])


def test_moments_are_those_of_the_mixture():
    logits = [[[0.3, -0.2]], [[0.0, 1.0]]]
    loc = [[[100.0, 120.0]], [[140.0, 135.0]]]
    scale = [[[4.0, 5.0]], [[3.0, 6.0]]]
    ensemble = EnsembleDecoder([Fixed(*parts) for parts in zip(logits, loc, scale, strict=True)])
    found = ensemble(torch.zeros(2, 3, dtype=torch.float64))
    assert found.components == 1
    assert found.batch_shape == (2, 1)
    weight = torch.tensor(logits).double().softmax(-1).flatten() / 2
    loc, scale = torch.tensor(loc).double().flatten(), torch.tensor(scale).double().flatten()
    mean = (weight * loc).sum()
    variance = (weight * (math.pi**2 / 3 * scale**2 + loc**2)).sum() - mean**2
    torch.testing.assert_close(found.loc.squeeze(-1), mean.expand(2, 1))
    expected = (variance * 3 / math.pi**2).sqrt()
    torch.testing.assert_close(found.scale.squeeze(-1), expected.expand(2, 1))


def test_points_and_pixels_are_matched_apart_whatever_the_members_components():
    decoders = [make_vae(seed, components).decoder for seed, components in enumerate((1, 3, 2))]
    z = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0))
    found = EnsembleDecoder(decoders)(z)
    assert found.batch_shape == (2, 5, 12)
    weight = torch.cat([decoder(z).logits.softmax(-1) for decoder in decoders], -1) / 3
    loc = torch.cat([decoder(z).loc for decoder in decoders], -1)  # (2, 5, 12, 6)
    torch.testing.assert_close(found.loc[..., 0], (weight * loc).sum(-1))
    alone = torch.stack([EnsembleDecoder(decoders)(point).scale for point in z.view(-1, 2)])
    torch.testing.assert_close(found.scale, alone.view(2, 5, 12, 1))


def test_an_ensemble_of_equals_is_its_member():
    member = make_vae().decoder
    z = make_codes(5)
    found, expected = EnsembleDecoder([member, member])(z), member(z)
    torch.testing.assert_close(found.loc, expected.loc)
    torch.testing.assert_close(found.scale, expected.scale)


def test_disagreement_widens_and_agreement_below_black_does_not():
    def match(*locs):
        members = [Fixed([[0.0]], [[loc]], [[20.0]]) for loc in locs]
        return EnsembleDecoder(members)(torch.zeros(1, 2, dtype=torch.float64))

    assert match(50.0, 200.0).scale > 40
    dark = match(-1500.0, -200.0)
    assert dark.scale < 20.01
    family = family_of(dark)
    assert family.mean(family.coordinates(dark)) < 0.01


def test_gauss_newton_solves_on_it():
    decoder = make_ensemble()
    z0, z1 = torch.tensor([[-1.0, 0.2], [0.0, -1.0]]), torch.tensor([[1.0, -0.2], [1.0, 1.0]])
    geometry = Wasserstein1(decoder)
    paths = connecting_geodesics(geometry, z0, z1, solver=GaussNewton(max_iterations=30))
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257)[:, None])
    assert (paths.length <= geometry.curve_length(line) * (1 + 1e-6)).all()
    z, eps = z0.double(), 1e-6
    geometry = Wasserstein1(decoder.double())
    _, jacobian = geometry.decode_with_jacobian(z)
    for axis, e in enumerate(torch.eye(2).double()):
        after, before = (geometry.decode(z + side * eps * e).coordinates for side in (1, -1))
        slope = (after - before) / (2 * eps)  # (B, C, D)
        torch.testing.assert_close(jacobian[axis].coordinates, slope, rtol=1e-5, atol=1e-6)


def test_shapes_alone_are_enough():
    with torch.device("meta"):
        decoder = Decoder(Architecture(latent_dim=2, data_dim=12, hidden=(8,)))
        z = torch.empty(3, 4, 2)
    assert EnsembleDecoder([decoder, decoder])(z).batch_shape == (3, 4, 12)


@pytest.mark.parametrize("components", [1, 3])
def test_ensemble_comes_back_from_its_file(tmp_path, components):
    ensemble, path = make_ensemble(components=components), tmp_path / "ensemble.safetensors"
    save_ensemble(ensemble, path, {"seed": "4"})
    loaded = load_ensemble(path)
    z = make_codes(5)
    assert len(loaded.members) == 3
    assert torch.equal(loaded(z).scale, ensemble(z).scale)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert load_metadata(path)["seed"] == "4"


def test_files_that_hold_no_ensemble_are_refused(tmp_path):
    path = tmp_path / "ensemble.safetensors"
    with pytest.raises(DataError, match="missing"):
        load_ensemble(path)
    save_arrays(path, {"x": np.zeros(2)}, {})
    with pytest.raises(DataError, match="no ensemble"):
        load_ensemble(path)
    save_ensemble(make_ensemble(2), path, {})
    other = json.dumps({"latent_dim": 2, "data_dim": 12, "hidden": [9], "components": 1})
    weights = {name: x.numpy() for name, x in make_ensemble(2).state_dict().items()}
    save_arrays(path, weights, {"architecture": other, "members": "2"})
    with pytest.raises(DataError, match="expects"):
        load_ensemble(path)
    for members in ("0", "-1", "1000000000", "two"):
        save_arrays(path, weights, {"architecture": other, "members": members})
        with pytest.raises(DataError, match="no ensemble"):
            load_ensemble(path)


def test_an_ensemble_needs_decoders():
    with pytest.raises(ValueError, match="at least 1"):
        EnsembleDecoder([])


# --- Its training ---


def train(members=2, seed=0, **fields):
    return train_ensemble(
        make_vae(),
        make_images(48),
        make_images(24, seed=1),
        members=members,
        schedule=Schedule(**{**vars(SCHEDULE), **fields}),
        seed=seed,
    )


def weights_of(decoder):
    return torch.cat([value.flatten() for value in decoder.state_dict().values()])


def test_members_learn_and_the_first_is_the_vaes_own():
    ensemble, losses = train(members=3)
    assert torch.equal(weights_of(ensemble.members[0]), weights_of(make_vae().decoder))
    assert len(losses) == len(ensemble.members) == 3
    assert losses[1] < losses[0] - 0.1  # the VAE is untrained here
    assert losses[2] < losses[0] - 0.1
    assert not torch.equal(weights_of(ensemble.members[1]), weights_of(ensemble.members[2]))


def test_training_is_repeatable_and_further_members_change_none():
    torch.manual_seed(0)
    first, losses = train(members=2, seed=5)
    state = torch.get_rng_state()
    torch.manual_seed(1)
    second, more = train(members=3, seed=5)
    assert losses == more[:2]
    assert torch.equal(weights_of(first.members[1]), weights_of(second.members[1]))
    torch.manual_seed(0)
    assert torch.equal(state, torch.get_rng_state())
    other, _ = train(members=2, seed=6)
    assert not torch.equal(weights_of(first.members[1]), weights_of(other.members[1]))


def test_training_stops_early_and_keeps_the_best_weights(monkeypatch):
    measure, seen = _Pairs.loss, []

    def record(pairs, decoder, seed):
        seen.append((pairs, seed, measure(pairs, decoder, seed)))
        return seen[-1][-1]

    monkeypatch.setattr(_Pairs, "loss", record)
    ensemble, _ = train(epochs=40, patience=2, learning_rate=0.5, batch_size=48)
    losses = [loss for _, _, loss in seen[1:-1]]  # the first and the last are the members' own
    best = min(range(len(losses)), key=losses.__getitem__)
    assert len(losses) == best + 3 < 40
    pairs, seed, _ = seen[1]
    assert measure(pairs, ensemble.members[1], seed) == losses[best]


def test_a_loss_that_is_not_finite_is_named():
    images = make_images(24)
    broken = images.clone()
    broken[0, 0] = math.nan
    with pytest.raises(NonFiniteLossError, match="learning rate"):
        train_ensemble(make_vae(), broken, images, members=2, schedule=SCHEDULE, seed=0)


@pytest.mark.parametrize(
    ("members", "count", "message"), [(1, 5, "at least 2"), (2, 0, "training images")]
)
def test_what_does_not_fit_is_named(members, count, message):
    with pytest.raises(ValueError, match=message):
        train_ensemble(
            make_vae(),
            make_images(count),
            make_images(5),
            members=members,
            schedule=SCHEDULE,
            seed=0,
        )
