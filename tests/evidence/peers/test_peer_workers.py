"""Peers in processes of their own: answers, and reasons for none."""

import sys

import pytest

from latent_transport.evidence.peers.base import Found
from latent_transport.evidence.peers.catalogue import ONE_THREAD, PEERS, Peer
from latent_transport.evidence.peers.workers import Worker, connect


@pytest.fixture
def worker():
    worker = Worker({})
    yield worker
    worker.close()


def test_a_worker_answers_and_ends_where_it_takes_too_long(worker):
    answer = worker.ask("solve_bvp", "torus, inside", 120)
    assert answer["length"] == pytest.approx(2.556397, abs=1e-5)
    assert answer["curve_length"] == pytest.approx(answer["length"])
    assert answer["converged"] == 1
    assert 0 < answer["seconds"] < 120
    process = worker._process
    assert worker.ask("solve_bvp", "sphere 100", 0.05) == {"status": "over 0.05 s"}
    assert process.returncode is not None
    assert worker._process is None


@pytest.mark.parametrize("gone", [False, True])
def test_a_worker_whose_process_ends_says_so(worker, gone):
    process = worker._start()
    process.kill()
    if gone:
        process.wait()
    assert worker.ask("solve_bvp", "torus, inside", 60)["status"] == "process ended"
    assert worker._process is None


def test_workers_have_one_thread_and_the_environment_of_their_package():
    worker = Worker(PEERS["finslerax, fine"].environment)
    assert worker.environment["JAX_ENABLE_X64"] == "1"
    assert ONE_THREAD.items() <= worker.environment.items()


def test_a_peer_that_is_not_installed_is_no_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "finslerax", None)
    monkeypatch.delitem(sys.modules, "latent_transport.evidence.peers.finslerax", raising=False)
    assert connect("finslerax", "hill", {}) == {"status": "not installed"}


def pretend(monkeypatch, prepare):
    monkeypatch.setattr(Peer, "load", lambda self: prepare)


def test_failures_are_told(monkeypatch):
    def fail(problem):
        raise ValueError("it broke\nhere")

    pretend(monkeypatch, fail)
    assert connect("finslerax", "hill", {}) == {"status": "ValueError: it broke"}


def test_what_a_peer_does_not_know_is_told(monkeypatch):
    def refuse(problem):
        raise NotImplementedError("no hills")

    pretend(monkeypatch, refuse)
    assert connect("finslerax", "hill", {}) == {"status": "not known: no hills"}


def test_a_problem_is_prepared_once(monkeypatch):
    prepared = []

    def prepare(problem):
        prepared.append(problem.name)
        return lambda: Found(problem.start[None].repeat(2, 0), 1.0, 1.0)

    pretend(monkeypatch, prepare)
    solves = {}
    for name in ("hill", "hill", "normals"):
        assert connect("finslerax", name, solves)["curve_length"] == 0
    assert prepared == ["hill", "normals"]
