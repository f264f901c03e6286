"""Decoders that fail for some pairs, memory that runs out, interrupts: what is left of a solve."""

import signal

import pytest
import torch
from torch._C._functorch import get_dynamic_layer_stack_depth
from torch.autograd import forward_ad
from torch.distributions import Distribution, Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import minimize_in_batches
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network

B = 6
DECODER = make_network("normal")
SOLVERS = [GaussNewton(), LBFGS(), Adam(max_iterations=20)]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


Z0, Z1 = draw(B, 2), draw(B, 2, seed=1)
Z1[2] = torch.tensor([5.0, 5.0])  # in the region where the decoders below fail
GOOD = torch.tensor([0, 1, 3, 4, 5])
T = torch.linspace(0, 1, 9, **DOUBLE)


def choose_broken(z):
    return z.detach().square().sum(-1) > 16  # (...)


def give_nan(z):
    p = DECODER(z)
    return Normal(p.loc.where(~choose_broken(z)[..., None], torch.nan), p.scale)


def check_given_up(paths, row):
    assert paths.report.outcomes[row] == Outcome.NOT_FINITE
    assert paths.length[row].isnan()
    assert paths.energy[row].isnan()
    assert torch.isfinite(paths(T)).all()
    torch.testing.assert_close(paths.start, Z0, rtol=0, atol=0)
    torch.testing.assert_close(paths.end, Z1, rtol=0, atol=0)


# --- A decoder that is nan ---


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize(
    "options", [*({"solver": solver} for solver in SOLVERS), {"restarts": 2}, {"start": "graph"}]
)
def test_nan_at_an_end_costs_that_pair_alone(tmp_path, options, checkpointed):
    geometry = Wasserstein1(give_nan)
    if "start" in options:
        options = {"start": NeighbourGraph(geometry, draw(60, 2, seed=2))}
    alone = connecting_geodesics(geometry, Z0[GOOD], Z1[GOOD], **options)
    if checkpointed:
        options = options | {"checkpoint": tmp_path}
    with pytest.warns(RuntimeWarning, match="not finite at an end of 1 of 6 pairs.*NOT_FINITE"):
        paths = connecting_geodesics(geometry, Z0, Z1, **options)
    check_given_up(paths, 2)
    for name in ("length", "energy", "origin", "controls", "points"):
        assert torch.equal(getattr(paths, name)[GOOD], getattr(alone, name))
    assert torch.equal(paths.report.outcome[GOOD], alone.report.outcome)
    torch.testing.assert_close(paths(T)[GOOD], alone(T), rtol=0, atol=1e-12)


def test_parameters_that_are_not_valid_are_named_beside_nan():
    def decoder(z):
        p = give_nan(z)
        return Normal(p.loc, p.scale * (Z0[4, :1] != z[..., :1]))

    with pytest.raises(ValueError, match="parameters at z0 are not valid"):
        connecting_geodesics(Wasserstein1(decoder), Z0, Z1)


def test_pairs_of_which_each_has_a_broken_end_are_refused():
    z0, z1 = torch.stack((Z0[0], Z1[2])), torch.stack((Z1[2], Z0[0]))
    with pytest.raises(ValueError, match="parameters at z0 are not finite"):
        connecting_geodesics(Wasserstein1(give_nan), z0, z1)


# --- A decoder that raises ---

RING0, RING1 = draw(B, 2) / 4, draw(B, 2, seed=1) / 4
RING0[3], RING1[3] = torch.tensor([-6.0, 0.0]), torch.tensor([6.0, 0.2])  # through what is broken


def raise_between(z):
    if ((z.detach()[..., 0] - 3).abs() < 1).any():
        raise ArithmeticError("no image there")
    return DECODER(z)


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_errors_of_the_decoder_cost_that_pair_alone(tmp_path, solver, checkpointed):
    options = {"solver": solver} | ({"checkpoint": tmp_path} if checkpointed else {})
    with pytest.warns(RuntimeWarning, match=r"1 of 6 pairs.*first was ArithmeticError: no image"):
        paths = connecting_geodesics(Wasserstein1(raise_between), RING0, RING1, **options)
    assert paths.report.outcomes[3] == Outcome.NOT_FINITE
    assert paths.length[3].isnan()
    alone = connecting_geodesics(Wasserstein1(DECODER), RING0, RING1, solver=solver)
    others = torch.tensor([0, 1, 2, 4, 5])
    assert torch.equal(paths.report.outcome[others], alone.report.outcome[others])
    torch.testing.assert_close(paths.length[others], alone.length[others], rtol=1e-6, atol=0)


@pytest.mark.parametrize("pairs", [1, 2, 50])
def test_errors_for_all_pairs_are_raised_soon(pairs):
    calls = []

    def decoder(z):
        calls.append(len(z))
        if z.requires_grad:
            raise ArithmeticError("no gradient there")
        return DECODER(z)

    z0, z1 = draw(pairs, 2), draw(pairs, 2, seed=1)
    with pytest.raises(ArithmeticError, match="no gradient"):
        connecting_geodesics(Wasserstein1(decoder), z0, z1)
    assert len(calls) < 300


def test_other_errors_are_raised_at_once():
    class Broken:
        calls = 0

        def minimize(self, geometry, spline, t):
            self.calls += 1
            raise ArithmeticError("of the solver")

    solver = Broken()
    with pytest.raises(ArithmeticError):
        connecting_geodesics(Wasserstein1(DECODER), Z0, Z0 + 1, solver=solver)
    assert solver.calls == 1


# --- Memory that runs out ---

ERRORS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 80 bytes."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
    MemoryError(),
]


def limit(most, error):
    """A decoder for which memory runs out beyond so many points at once."""

    def decoder(z):
        if len(z) > most:
            raise type(error)(*error.args)
        return DECODER(z)

    return decoder


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("error", ERRORS)
def test_fewer_pairs_are_solved_at_once_where_memory_runs_out(error, solver):
    z0, z1 = draw(9, 2), draw(9, 2, seed=1)
    plain = connecting_geodesics(Wasserstein1(DECODER), z0, z1, solver=solver, points=32)
    geometry = Wasserstein1(limit(1200, error))
    with pytest.warns(RuntimeWarning, match=r"does not suffice for 9 geodesics.* on with 4"):
        paths = connecting_geodesics(geometry, z0, z1, solver=solver, points=32)
    assert torch.equal(paths.report.outcome, plain.report.outcome)
    torch.testing.assert_close(paths.length, plain.length, rtol=1e-6, atol=0)


@pytest.mark.filterwarnings("ignore:the memory does not suffice")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("error", ERRORS)
def test_a_single_pair_for_which_memory_runs_out_is_told_what_to_do(error, solver):
    with pytest.raises(type(error)) as raised:
        connecting_geodesics(Wasserstein1(limit(20, error)), Z0, Z0 + 1, solver=solver)
    advice = [note for note in raised.value.__notes__ if "does not suffice for a single" in note]
    assert len(advice) == 1
    assert "MEMORY" in advice[0]


def test_batches_are_halved_once_and_for_all(capsys):
    spline = CubicSpline.straight(draw(20, 2), draw(20, 2, seed=1), 3)
    sizes = []

    def minimize(curves, finish):
        count = len(curves.start)
        sizes.append(count)
        finish(count)
        if count > 3:
            raise MemoryError
        each = torch.zeros(count, **DOUBLE)
        return curves.controls + 1, Report(each.long(), each.long(), each, each, each[None], 0.0)

    with pytest.warns(RuntimeWarning, match="does not suffice") as warned:
        found, report = minimize_in_batches(minimize, spline, 12, "label")
    assert sizes == [12, 6, 3, 3, 3, 3, 3, 3, 2]
    assert len(warned) == 2
    assert torch.equal(found.controls, spline.controls + 1)
    assert len(report.outcome) == 20
    assert "20/20" in capsys.readouterr().err


# --- Interrupts ---


class Interrupted:
    """The decoder, at some calls of which Ctrl-C is pressed."""

    def __init__(self, *at):
        self.at, self.calls = at, 0

    def __call__(self, z):
        self.calls += 1
        if self.calls in self.at:
            signal.raise_signal(signal.SIGINT)
        return DECODER(z)


def check_torch():
    assert Distribution._validate_args is __debug__
    assert forward_ad._current_level == -1
    assert get_dynamic_layer_stack_depth() == 0
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("solver", SOLVERS)
def test_interrupts_are_raised_and_leave_all_as_it_was(solver):
    every = Interrupted()
    z1 = Z0 + 1
    plain = connecting_geodesics(Wasserstein1(every), Z0, z1, solver=solver)
    handler = signal.getsignal(signal.SIGINT)
    for at in range(1, every.calls + 1, max(1, every.calls // 8)):
        decoder = Interrupted(at)
        with pytest.raises(KeyboardInterrupt):
            connecting_geodesics(Wasserstein1(decoder), Z0, z1, solver=solver)
        assert decoder.calls <= at + 1
        assert signal.getsignal(signal.SIGINT) is handler
        check_torch()
    again = connecting_geodesics(Wasserstein1(Interrupted()), Z0, z1, solver=solver)
    assert torch.equal(again.length, plain.length)


def test_interrupts_at_any_time_leave_torch_as_it_was():
    geometry = Wasserstein1(DECODER)
    handler = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    delays = 0.001 + 0.05 * torch.rand(40, generator=torch.Generator().manual_seed(0))
    interrupted = 0
    try:
        for delay in delays.tolist():
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                connecting_geodesics(geometry, Z0, Z0 + 1)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            check_torch()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert interrupted > 10


def test_who_insists_interrupts_a_decoder_that_never_ends():
    def decoder(z):
        if z.requires_grad:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("went on")
        return DECODER(z)

    with pytest.raises(KeyboardInterrupt):
        connecting_geodesics(Wasserstein1(decoder), Z0, Z0 + 1)


def test_the_callers_own_handler_is_called_once():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(len(seen)))
    try:
        paths = connecting_geodesics(Wasserstein1(Interrupted(30)), Z0, Z0 + 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [0]
    assert len(paths) == B
