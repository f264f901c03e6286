"""Decoders that torch has wrapped or changed are right, or refused with words."""

import warnings

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.utils.checkpoint import checkpoint

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.wasserstein1 import Wasserstein1

Z0, Z1 = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0))


def make_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 8))
    return network.eval().requires_grad_(False)


NETWORK = make_network()


def export(network):
    shapes = ({0: torch.export.Dim.AUTO},)
    return torch.export.export(network, (Z0,), dynamic_shapes=shapes).module()


def call(network):
    weights = {name: value.clone() for name, value in network.named_parameters()}
    return lambda z: torch.func.functional_call(network, weights, (z,))


WRAPPED = {
    "compiled": lambda network: torch.compile(network, backend="eager"),
    "compiled in place": lambda network: network.compile(backend="eager") or network,
    "scripted": torch.jit.script,
    "frozen": lambda network: torch.jit.freeze(torch.jit.script(network)),
    "traced": lambda network: torch.jit.trace(network, Z0),
    "exported": export,
    "checkpointed": lambda network: lambda z: checkpoint(network, z, use_reentrant=False),
    "functional": call,
}


@pytest.mark.parametrize("way", WRAPPED)
def test_wrapped_decoders_are_the_same(way):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, that ways are deprecated
        network = WRAPPED[way](make_network())
        wrapped = Wasserstein1(lambda z: Normal(network(z), 1.0))
        found = connecting_geodesics(wrapped, Z0, Z1)
        norm = wrapped.norm(Z0, Z1)
    plain = Wasserstein1(lambda z: Normal(NETWORK(z), 1.0))
    assert found.converged.all()
    expected = connecting_geodesics(plain, Z0, Z1)
    torch.testing.assert_close(found.length, expected.length, rtol=1e-4, atol=0)
    torch.testing.assert_close(norm, plain.norm(Z0, Z1))


def test_a_program_exported_for_one_batch_size_says_how_to_export_it():
    program = torch.export.export(NETWORK, (Z0,)).module()
    with pytest.raises(Exception) as told:
        connecting_geodesics(Wasserstein1(program), Z0, Z1)
    assert "dynamic_shapes=({0: torch.export.Dim.AUTO},)" in " ".join(told.value.__notes__)


def test_a_decoder_compiled_whole_says_what_to_pass():
    whole = torch.compile(NETWORK, backend="eager", fullgraph=True)
    with pytest.raises(Exception) as told:
        connecting_geodesics(Wasserstein1(whole), Z0, Z1)
    assert "the module from before" in " ".join(told.value.__notes__)


def test_compiled_decoders_make_torch_warn_of_nothing(recwarn):
    torch._dynamo.reset()
    compiled = torch.compile(NETWORK, backend="eager")
    Wasserstein1(compiled).distance(Z0, Z1)
    assert [str(warning.message) for warning in recwarn] == []


def test_checkpoints_that_enter_again_name_the_others():
    geometry = Wasserstein1(lambda z: checkpoint(NETWORK, z, use_reentrant=True))
    with pytest.raises(RuntimeError, match="set use_reentrant=False"):
        connecting_geodesics(geometry, Z0, Z1)


def test_quantised_decoders_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torch.ao.quantization.quantize_dynamic(make_network(), {nn.Linear})
    with pytest.raises(
        ValueError, match=r"Linear is quantised: .* has no derivative; expected the"
    ):
        connecting_geodesics(Wasserstein1(network), Z0, Z1)


def test_decoders_that_take_no_empty_batch_are_solved():
    def decoder(z):
        assert len(z)
        return Normal(NETWORK(z), 1.0)

    assert connecting_geodesics(Wasserstein1(decoder), Z0, Z1).converged.all()


def test_decoders_may_change_their_points():
    def double(z):
        return Normal(NETWORK(z.mul_(2)), 1.0)

    z0 = Z0.clone()
    found = connecting_geodesics(Wasserstein1(double), z0, Z1)
    expected = connecting_geodesics(Wasserstein1(lambda z: Normal(NETWORK(2 * z), 1.0)), Z0, Z1)
    assert torch.equal(z0, Z0)
    torch.testing.assert_close(found.length, expected.length)


@pytest.mark.parametrize(
    ("decoder", "error", "match"),
    [
        (lambda z: Normal(NETWORK(z).sum(), 1.0), ValueError, r"of batch shape \(\); expected \(1"),
        (lambda z: NETWORK(z)[:, :0], ValueError, r"of batch shape \(1, 0\); expected \(1, 'D'\)"),
        (lambda z: NETWORK(z).detach().numpy(), TypeError, "for a ndarray; .*adapt_numpy"),
        (lambda z: None, TypeError, "for a NoneType; expected a tensor"),
    ],
)
def test_what_decoders_return_is_named(decoder, error, match):
    with pytest.raises(error, match=match):
        connecting_geodesics(Wasserstein1(decoder), Z0, Z1)


class Sequences(nn.Module):
    """A signal from a latent beside five places, which attend to each other in two layers."""

    def __init__(self):
        super().__init__()
        options = {"dropout": 0.1, "activation": "gelu", "batch_first": True}
        layer = nn.TransformerEncoderLayer(16, 2, 32, **options)
        self.places = nn.Parameter(torch.randn(5, 16))
        self.inner, self.outer = nn.Linear(2, 16), nn.Linear(16, 4)
        self.mix = nn.TransformerEncoder(layer, 2)

    def forward(self, z):
        tokens = self.inner(z)[:, None] + self.places  # (M, 5, 16)
        return Normal(self.outer(self.mix(tokens)), 1.0)  # of (M, 5, 4)


def test_transformers_are_solved():
    torch.manual_seed(0)
    geometry = Wasserstein1(Sequences().eval().double())
    assert connecting_geodesics(geometry, Z0[:3].double(), Z1[:3].double()).converged.all()
