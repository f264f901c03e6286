"""What is torch's for the whole process, used by several threads at once."""

import os
import signal
import threading

import pytest
import torch
from torch.distributions import Distribution, Independent, Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.conformal import Conformal
from latent_transport.geometries.process import forward_mode, validate, without_validation
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network

ROUNDS = 10


@pytest.fixture(params=[True, False], ids=["validating", "not validating"], autouse=True)
def default(request):
    """The user's default, which every call must leave as it was."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(request.param)
    yield request.param
    now = Distribution._validate_args
    Distribution.set_default_validate_args(before)
    assert now is request.param


def measure(geometry, z, v):
    solver = GaussNewton(max_iterations=5)
    paths = connecting_geodesics(geometry, z, v, solver=solver, controls=2, points=6)
    return geometry.distance(z, v), geometry.norm(z, v), paths.curve.controls


def run_at_once(*functions):
    """Run functions in threads that begin together: what they return, or raise."""
    barrier, found = threading.Barrier(len(functions)), [None] * len(functions)

    def run(number, function):
        barrier.wait()
        try:
            found[number] = function()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_threads_get_what_one_gets(default):
    network = {
        name: make_network(name, variables=3) for name in ("normal", "bernoulli", "logistic")
    }
    geometries = (
        Wasserstein1(network["normal"]),
        FisherRao(network["bernoulli"]),
        Wasserstein1(network["logistic"]),
        Conformal(Wasserstein1(network["normal"]), lambda z: -z.square().sum(-1), 0.5),
    )
    generator = torch.Generator().manual_seed(0)
    problems = [(each, *torch.randn(2, 2, 2, generator=generator, **DOUBLE)) for each in geometries]
    alone = [measure(*problem) for problem in problems]

    def repeat(problem):
        return [measure(*problem) for _ in range(ROUNDS)]

    every = run_at_once(*(lambda problem=problem: repeat(problem) for problem in problems))
    for expected, found in zip(alone, every, strict=True):
        if isinstance(found, Exception):
            raise found
        for measures in found:
            assert all(map(torch.equal, measures, expected))
    if default:
        with pytest.raises(ValueError, match="scale"):
            Normal(0.0, -1.0)
    else:
        Normal(0.0, -1.0)


def test_the_last_one_out_puts_validation_back(default):
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with without_validation():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    with without_validation(), without_validation():
        assert Distribution._validate_args is False
    assert Distribution._validate_args is False  # the other one is still inside
    leave.set()
    thread.join()
    assert Distribution._validate_args is default


def test_errors_leave_no_trace(default):
    def decoder(z):
        raise RuntimeError("a layer is missing")

    for call in (Wasserstein1(decoder).norm, Wasserstein1(decoder).distance):
        with pytest.raises(RuntimeError, match="a layer is missing"):
            call(torch.ones(1, 2), torch.ones(1, 2))
    assert Distribution._validate_args is default
    with pytest.raises(KeyError), forward_mode(), without_validation():
        raise KeyError
    measures = run_at_once(lambda: measure(Wasserstein1(make_network("normal")), *ENDS))
    assert not isinstance(measures[0], Exception)  # no lock is held


ENDS = torch.tensor([[[0.0, 1.0]], [[1.0, 0.5]]], **DOUBLE)


def test_forward_mode_nests_in_a_thread_and_excludes_others():
    entered = threading.Event()

    def enter():
        with forward_mode():
            entered.set()

    with forward_mode(), forward_mode():
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.05)
    thread.join()
    assert entered.is_set()


def test_a_decoder_may_measure_another_geometry():
    inner = Wasserstein1(make_network("normal"))

    def decoder(z):
        return Normal(inner.norm(z, torch.ones_like(z))[..., None], 1.0)

    found = Wasserstein1(decoder).distance(*ENDS)
    norms = [inner.norm(z, torch.ones_like(z)) for z in ENDS]
    torch.testing.assert_close(found, (norms[0] - norms[1]).abs())


def test_bad_parameters_are_named_while_another_thread_decodes(default):
    def decoder(z):
        return Independent(Normal(z, -torch.ones_like(z)), 1)

    geometry = Wasserstein1(decoder)
    with without_validation():  # as if by another thread
        if default:
            with pytest.raises(ValueError, match=r"z0 are not valid: .*scale"):
                geometry.decode_with_checks(ENDS[0], "z0")
        else:
            geometry.decode_with_checks(ENDS[0], "z0")


def test_validation_that_the_maker_has_switched_off_stays_off():
    validate(Normal(torch.zeros(1), -torch.ones(1), validate_args=False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_waits_for_no_thread_of_its_parent(default):
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with without_validation(), forward_mode():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # which ends the process, should it wait for ever
        with forward_mode(), without_validation():
            pass
        os._exit(0 if Distribution._validate_args == default else 1)
    leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
