"""Peers' curves lead from end to end, and are what is known of them."""

import math

import numpy as np
import pytest

from latent_transport.evidence.peers.catalogue import OURS, PEERS, describe_runs
from latent_transport.evidence.peers.lengths import measure_length
from latent_transport.evidence.peers.problems import make_problems, make_sphere

PROBLEMS = make_problems()
# Peer, problem, and how far its word and its curve may be off.
ANSWERS = [
    (OURS, "sphere 2", 1e-4, 1e-4),
    (OURS, "torus, inside", 1e-4, 1e-4),
    (OURS, "normals", 1e-3, 1e-3),
    ("StochMan", "torus, outside", 1e-4, 1e-4),
    ("StochMan", "normals", 5e-3, 5e-3),
    ("solve_bvp", "sphere 2", 1e-6, 1e-6),
    ("solve_bvp", "torus, inside", 1e-6, 1e-6),
    ("solve_bvp, fine", "normals", 1e-7, 1e-7),
]
FOREIGN = [
    ("finslerax", "torus, inside", 1e-2, 1e-2),
    ("finslerax, decoder", "torus, inside", 1e-2, 1e-2),
    ("finslerax AVBD", "torus, inside", 1e-2, 1e-2),
    ("finslerax, fine", "torus, inside", 5e-3, 1e-4),
    ("geomstats straightening", "torus, inside", 1e-2, 1e-4),
]


def check_answer(peer, name, word, curve):
    problem = PROBLEMS[name]
    found = PEERS[peer].load()(problem)()
    rounding = 1e-6 * np.abs(problem.end).max()  # of float32
    np.testing.assert_allclose(found.points[[0, -1]], [problem.start, problem.end], atol=rounding)
    assert found.length == pytest.approx(problem.distance, rel=word)
    measured = measure_length(problem, found.points)
    assert problem.distance * (1 - 1e-6) < measured < problem.distance * (1 + curve)


@pytest.mark.parametrize(("peer", "name", "word", "curve"), ANSWERS)
def test_what_is_installed_finds_the_distance(peer, name, word, curve):
    check_answer(peer, name, word, curve)


@pytest.mark.parametrize(("peer", "name", "word", "curve"), FOREIGN)
def test_what_may_be_installed_finds_the_distance(peer, name, word, curve, monkeypatch):
    for variable, value in PEERS[peer].environment.items():
        monkeypatch.setenv(variable, value)
    pytest.importorskip(PEERS[peer].package, exc_type=ImportError)
    check_answer(peer, name, word, curve)


def test_ours_says_that_it_converged():
    assert PEERS[OURS].load()(make_sphere(2))().converged == 1


def test_solve_bvp_says_so_where_it_gives_up(monkeypatch):
    from latent_transport.evidence.peers import solve_bvp

    problem = PROBLEMS["sphere 3"]
    assert solve_bvp._prepare(problem, {"max_nodes": 12})().converged == 0


def test_surfaces_pass_by_those_who_know_no_others():
    for peer in ("finslerax, decoder", "geomstats shooting"):
        pytest.importorskip(PEERS[peer].package, exc_type=ImportError)
        with pytest.raises(NotImplementedError, match="normals"):
            PEERS[peer].load()(PROBLEMS["normals"])


def test_false_measures_and_false_minima_are_told_apart():
    problem = make_sphere(2)
    found = {"length": 0.9 * problem.distance, "curve_length": 1.5 * problem.distance}
    row = describe_runs(problem, [9.0, 3.0, 1.0, 2.0], found | {"converged": 1.0})
    assert row["error"] == pytest.approx(-0.1)
    assert row["curve_error"] == pytest.approx(0.5)
    assert [row[key] for key in ("cold", "seconds", "least", "largest")] == [9, 2, 1, 3]
    assert row["runs"] == 4


def test_one_run_has_no_warm_seconds():
    problem = make_sphere(2)
    found = {"length": 1.0, "curve_length": 1.0, "converged": 0.0}
    assert math.isnan(describe_runs(problem, [9.0], found)["seconds"])


def test_versions_of_what_is_not_installed_are_empty(monkeypatch):
    from latent_transport.evidence.peers.catalogue import Peer

    assert Peer("ours", "prepare", "no-such-package", "defaults").version == ""
    assert PEERS["solve_bvp"].version.count(".") == 2
