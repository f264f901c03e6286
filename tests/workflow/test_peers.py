"""The table of peers: all have turns, and what fails is a row."""

import re

import pytest
from sandbox import copy_repository, plan, run_snakemake

from latent_transport.evidence.peers.catalogue import PEERS
from latent_transport.evidence.peers.problems import make_sphere
from latent_transport.storage import load_table
from workflow.dependencies import code_of
from workflow.scripts import compare_peers

SPHERE = make_sphere(2)


class Pretender:
    """Answers as told, and notes the order of the questions."""

    asked: list

    def __init__(self, *answers):
        self.answers = list(answers)

    def ask(self, peer, problem, limit):
        self.asked.append(peer)
        return self.answers.pop(0)


def answer(seconds, length=2.4):
    return {"seconds": seconds, "length": length, "curve_length": 2.5, "converged": 1.0}


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(Pretender, "asked", [], raising=False)
    return Pretender.asked


def test_peers_take_turns_and_failures_have_no_more(asked):
    workers = {
        "ours": Pretender(answer(9), answer(3), answer(1)),
        "StochMan": Pretender(answer(compare_peers.LIMIT + 1)),
        "finslerax": Pretender({"status": "not installed"}),
        "solve_bvp": Pretender(answer(5), {"status": "over 60 s"}),
    }
    table = compare_peers.compare(SPHERE, workers, rounds=2)
    assert asked == ["ours", "StochMan", "finslerax", "solve_bvp", "ours", "solve_bvp", "ours"]
    ours, slow, missing, late = table
    assert (ours["cold"], ours["seconds"], ours["status"]) == (9, 2, "solved")
    assert ours["error"] == pytest.approx(2.4 / SPHERE.distance - 1)
    assert slow["runs"] == 1
    assert missing["status"] == "not installed"
    assert "error" not in missing
    assert (late["status"], late["runs"]) == ("solved", 1)


def test_the_script_writes_a_row_a_peer(tmp_path, monkeypatch):
    few = {name: compare_peers.PEERS[name] for name in ("ours", "solve_bvp")}
    monkeypatch.setattr(compare_peers, "PEERS", few)
    output = tmp_path / "peers.csv"
    compare_peers.main(["--rounds", "1", "--problems", "torus, inside", "--output", str(output)])
    table = load_table(output)
    assert list(table["peer"]) == ["ours", "solve_bvp"]
    assert set(table["status"]) == {"solved"}
    assert table["error"].abs().max() < 1e-4
    assert (table["threads"] == 1).all()


def test_the_target_is_the_table_and_its_figure(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    assert plan(repository, "benchmark_peers") == {
        "compare_peers": 1,
        "plot_peers": 1,
        "benchmark_peers": 1,
    }


def test_adapters_are_code_of_the_comparison(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    done = run_snakemake(repository, "-n", "benchmark_peers")
    inputs = re.search(r"^rule compare_peers:\n *input: (.+)$", done.stdout, re.M).group(1)
    for peer in PEERS.values():
        assert f"evidence/peers/{peer.module}.py" in inputs
    assert "geodesics/connect.py" in inputs


def test_workers_know_the_problems_and_peers_of_the_script():
    assert "src/latent_transport/evidence/peers/workers.py" in code_of("compare_peers")
