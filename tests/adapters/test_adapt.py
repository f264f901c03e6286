"""Models of other libraries by the parts that they have: stand-ins, and what is refused."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, NegativeBinomial, Normal

from latent_transport.adapters.adapt import adapt
from latent_transport.adapters.twins import make_twin
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.wasserstein1 import Wasserstein1


def make_decoder(outputs=6, *layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), *layers, nn.Linear(8, outputs))


Z0, Z1 = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(1))


class Record(nn.Module):
    """Returns a record, as pythae's decoders do."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, z):
        return {"reconstruction": self.net(z)}


class Pythae(nn.Module):
    def __init__(self, loss="mse", name="VAE"):
        super().__init__()
        self.model_name, self.model_config = name, SimpleNamespace(reconstruction_loss=loss)
        end = nn.Sigmoid() if loss == "bce" else nn.Identity()
        self.decoder = Record(nn.Sequential(make_decoder(6, nn.BatchNorm1d(8)), end))


class Counts(nn.Module):
    """Generates counts, as scvi-tools' modules do."""

    def __init__(self, n_batch=2):
        super().__init__()
        self.n_batch, self.net = n_batch, make_decoder(6, nn.BatchNorm1d(8))

    def generative(self, z, library, batch_index, size_factor=None):
        share = (self.net(z) + batch_index).softmax(-1)
        return {"px": NegativeBinomial(5.0, logits=(share / 5).log() + library), "pz": None}


class Images(nn.Module):
    """Decodes latents of channels, as diffusers' autoencoders do."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(latent_channels=2, sample_size=4, block_out_channels=(4, 4))
        self.decoder = nn.ConvTranspose2d(2, 1, 2, stride=2)
        self.gradient_checkpointing = True

    def decode(self, z):
        assert not self.gradient_checkpointing
        return SimpleNamespace(sample=self.decoder(z).tanh())


class Lightning(nn.Module):
    """Has a trainer that cannot be copied."""

    def __init__(self):
        super().__init__()
        self._trainer = (value for value in ())
        self.decoder = make_decoder()

    def decode(self, z):
        return self.decoder(2 * z)


# --- What a decoder is, and what is left of its model ---


@pytest.mark.parametrize(
    ("loss", "expected"), [("mse", Normal), ("bce", Bernoulli), (None, torch.Tensor)]
)
def test_pythae_decodes_to_what_its_loss_says(loss, expected):
    model = Pythae(loss)
    decoder = adapt(model)
    found = decoder(Z0)
    assert type(found) is expected
    values = found if expected is torch.Tensor else found.mean
    model.eval()
    torch.testing.assert_close(values, model.decoder(Z0)["reconstruction"].detach())
    if expected is Normal:
        assert (found.stddev == 1).all()
    assert connecting_geodesics(Wasserstein1(decoder), Z0, Z1).converged.all()


def test_scvi_takes_library_size_and_batch():
    model = SimpleNamespace(module=Counts())
    small, large = (adapt(model, library_size=size, batch=1) for size in (50.0, 5000.0))
    torch.testing.assert_close(small(Z0).mean.sum(-1), torch.full((4,), 50.0))
    torch.testing.assert_close(large(Z0).mean, 100 * small(Z0).mean)
    only = adapt(SimpleNamespace(module=Counts(n_batch=1)))
    torch.testing.assert_close(only(Z0).mean.sum(-1), torch.full((4,), 1e4))
    assert connecting_geodesics(Wasserstein1(small), Z0, Z1).converged.all()


def test_batches_go_by_their_names():
    registry = {"categorical_mapping": ["lab", "field"]}
    manager = SimpleNamespace(get_state_registry=lambda key: registry)
    model = SimpleNamespace(module=Counts(), adata_manager=manager)
    first, second = adapt(model, batch="lab"), adapt(model, batch="field")
    model.module.eval()
    library, index = torch.full((4, 1), 1e4).log(), torch.ones(4, 1)
    expected = model.module.generative(Z0, library, index)["px"].mean.detach()
    torch.testing.assert_close(second(Z0).mean, expected)
    assert first.module is not second.module
    with pytest.raises(ValueError, match="knows the batches 'lab', 'field', none was given; name"):
        adapt(model)
    with pytest.raises(ValueError, match="not 'sea'; name the one"):
        adapt(model, batch="sea")
    with pytest.raises(ValueError, match="library_size is -1; expected the positive total"):
        adapt(model, batch="lab", library_size=-1)


def test_diffusers_tell_the_shape_of_their_latents():
    decoder = adapt(Images())
    assert decoder.latent_shape == (2, 2, 2)
    z0, z1 = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"latent_shape=\(2, 2, 2\)\), and points z.flatten\(1\)"):
        connecting_geodesics(Wasserstein1(decoder), z0, z1)
    geometry = Wasserstein1(decoder, latent_shape=decoder.latent_shape)
    assert connecting_geodesics(geometry, z0, z1).converged.all()


def test_a_method_that_decodes_is_preferred_to_a_part():
    model = Lightning()
    decoder = adapt(model, likelihood=lambda mean: Normal(mean, 0.1))
    torch.testing.assert_close(decoder(Z0).mean, model.decoder(2 * Z0).detach())
    assert repr(decoder) == "AdaptedDecoder(name='Lightning.decode', latent_shape=None)"


def test_likelihoods_may_be_told():
    decoder = adapt(Pythae("mse"), likelihood=lambda x: Categorical(logits=x.unflatten(-1, (2, 3))))
    assert decoder(Z0).batch_shape == (4, 2)


@pytest.mark.parametrize(
    "make",
    [Pythae, Images, Lightning, lambda: SimpleNamespace(module=Counts(n_batch=1))],
    ids=["pythae", "diffusers", "lightning", "scvi"],
)
def test_the_model_is_left_as_it_is(make):
    model = make()
    module = model.module if isinstance(model, SimpleNamespace) else model
    before = {name: value.clone() for name, value in module.state_dict().items()}
    decoder = adapt(model)
    decoder(torch.randn(4, *(decoder.latent_shape or (2,))))
    assert all(part.training for part in module.modules())
    assert all(p.requires_grad for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(part.training for part in decoder.module.modules())
    assert not any(p.requires_grad for p in decoder.module.parameters())


def test_weights_are_shared_and_follow_training():
    model = Pythae()
    decoder = adapt(model)
    ours = {p.data_ptr() for p in decoder.module.parameters()}
    assert ours == {p.data_ptr() for p in model.decoder.parameters()}
    with torch.no_grad():
        model.decoder.net[0][-1].bias.add_(3)
    model.eval()
    expected = model.decoder(Z0)["reconstruction"].detach()
    torch.testing.assert_close(decoder(Z0).mean, expected)


def test_computed_weights_and_tied_ones_are_copied():
    with pytest.warns(FutureWarning):
        normed = torch.nn.utils.weight_norm(nn.Linear(2, 2))
    tied = nn.Sequential(normed, nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    tied[3].weight = tied[1].weight
    tied(Z0).sum().backward()
    twin = make_twin(tied)
    assert twin[3].weight is twin[1].weight
    torch.testing.assert_close(twin(Z0), tied(Z0).detach())
    assert tied[1].weight.grad is not None


# --- Metrics ---


def test_a_metric_of_its_own_is_a_geometry():
    model = Pythae()
    model.G_inv = lambda z: torch.eye(2) * (1 + z.square().sum(-1))[:, None, None]
    model.G = lambda z: torch.linalg.inv(model.G_inv(z))
    geometry = adapt(model, metric=True)
    torch.testing.assert_close(geometry.volume(Z0), 1 / (1 + Z0.square().sum(-1)))


def test_the_poincare_balls_distance():
    model = Pythae(name="PoincareVAE")
    model.latent_manifold = SimpleNamespace(c=1.0)
    z0, z1 = 0.3 * Z0.tanh(), 0.5 * Z1.tanh()
    paths = connecting_geodesics(adapt(model, metric=True), z0, z1)
    left = (1 - z0.square().sum(-1)) * (1 - z1.square().sum(-1))
    expected = (1 + 2 * (z1 - z0).square().sum(-1) / left).acosh()
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)
    with pytest.raises(ValueError, match="metric at z1 is not finite"):
        connecting_geodesics(adapt(model, metric=True), z0, z1 + 5)


def test_a_manifold_is_its_metric():
    manifold = SimpleNamespace(metric=lambda z: 4 * torch.ones_like(z), inner=lambda *_: None)
    geometry = adapt(manifold, metric=True)
    torch.testing.assert_close(geometry.norm(Z0, Z1), 2 * Z1.norm(dim=-1))
    with pytest.raises(TypeError, match=r"or adapt\(model, metric=True\) its metric"):
        adapt(manifold)


# --- What is refused ---


@pytest.mark.parametrize(
    "model", [None, nn.Linear(2, 2), object(), lambda z: z], ids=["none", "linear", "object", "f"]
)
def test_what_is_known_and_what_to_do_otherwise_is_told(model):
    with pytest.raises(TypeError) as told:
        adapt(model)
    for word in (
        "pythae",
        "scvi-tools",
        "diffusers",
        "StochMan",
        "Lightning",
        "no adapter is needed",
    ):
        assert word in str(told.value)


def test_latents_without_curves_are_refused():
    quantized = Pythae(name="VQVAE")
    quantized.quantizer = nn.Identity()
    for model, reason in ((quantized, "code book"), (Pythae(name="SVAE"), "on a sphere")):
        with pytest.raises(TypeError, match=reason):
            adapt(model)


def test_arguments_of_no_use_are_refused():
    with pytest.raises(
        TypeError, match="library_size= is of no use to pythae's VAE; it takes like"
    ):
        adapt(Pythae(), library_size=100)
    with pytest.raises(TypeError, match="likelihood= is of no use to scvi-tools' SimpleNamespace"):
        adapt(SimpleNamespace(module=Counts()), likelihood=Normal)
    with pytest.raises(TypeError, match="batch= is of no use to a metric; leave it out"):
        adapt(Pythae(), metric=True, batch=1)
    with pytest.raises(
        TypeError, match="the Pythae carries no metric that is known; expected RHVAE"
    ):
        adapt(Pythae(), metric=True)


def test_outputs_without_a_meaning_ask_for_one():
    model = Lightning()
    model.decode = lambda z: (z, z)
    model.decoder = nn.Identity()
    with pytest.raises(TypeError, match=r"returns a tuple of \(Tensor, Tensor\).*likelihood="):
        adapt(model)(Z0)


def test_models_that_need_more_say_so():
    class Labelled(Counts):
        def generative(self, z, library, batch_index, y, size_factor=None):
            raise AssertionError

    with pytest.raises(TypeError) as told:
        adapt(SimpleNamespace(module=Labelled(n_batch=1)))(Z0)
    assert "such as covariates or labels" in told.value.__notes__[0]


def test_what_cannot_be_copied_is_told():
    model = Pythae()
    model.decoder.held = (value for value in ())
    with pytest.raises(TypeError, match=r"the Record cannot be copied .* a function of z"):
        adapt(model)
