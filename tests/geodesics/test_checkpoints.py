"""Long jobs: what is solved is kept on disk, and the same call goes on from there."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from latent_transport.geodesics import checkpoints
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.paths import Geodesics, load_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.stochman import StochMan
from latent_transport.geometries.riemannian import Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import DataError
from tests.problems import DOUBLE, make_network

ROOT = Path(__file__).parents[2]
B = 10


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


Z0, Z1 = draw(B, 2), draw(B, 2, seed=1)
DECODER = make_network("normal")
GEOMETRY = Wasserstein1(DECODER)
T = torch.linspace(0, 1, 9, **DOUBLE)


@pytest.fixture(autouse=True)
def few_pairs_to_a_file(monkeypatch):
    monkeypatch.setattr(checkpoints, "FIRST_PAIRS", 4)
    monkeypatch.setattr(checkpoints, "QUICK", 0)


def find_files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("pairs-*")}


class Counter:
    """The decoder, which counts its calls, and is interrupted at one of them."""

    def __init__(self, at=None):
        self.calls, self.at = 0, at

    def __call__(self, z):
        self.calls += 1
        if self.calls == self.at:
            signal.raise_signal(signal.SIGINT)
        return DECODER(z)


def compare(paths, others):
    assert torch.equal(paths.report.outcome, others.report.outcome)
    assert torch.equal(paths.origin, others.origin)
    assert torch.equal(paths.start, others.start)
    torch.testing.assert_close(paths.length, others.length, rtol=1e-6, atol=0)
    torch.testing.assert_close(paths(T), others(T), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [{}, {"solver": LBFGS(), "points": 16}, {"restarts": 2}, {"start": "graph", "controls": 5}],
)
def test_results_are_those_without_a_checkpoint(tmp_path, options):
    if "start" in options:
        options = options | {"start": NeighbourGraph(GEOMETRY, draw(50, 2, seed=2))}
    plain = connecting_geodesics(GEOMETRY, Z0, Z1, **options)
    paths = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path / "job", **options)
    compare(paths, plain)
    assert len(find_files(tmp_path / "job")) == 3


def test_random_starts_are_drawn_once_for_all_chunks(tmp_path):
    def solve(**options):
        generator = torch.Generator().manual_seed(5)
        return connecting_geodesics(
            GEOMETRY, Z0, Z1, restarts=2, generator=generator, points=16, **options
        )

    compare(solve(checkpoint=tmp_path), solve())
    compare(solve(checkpoint=tmp_path), solve())


def test_files_hold_geodesics_that_can_be_read_and_joined(tmp_path):
    paths = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path)
    files = sorted(find_files(tmp_path))
    parts = [load_geodesics(tmp_path / name, GEOMETRY) for name in files]
    assert [len(part) for part in parts] == [4, 4, 2]
    joined = Geodesics.join(parts)
    assert torch.equal(joined.length, paths.length)
    assert torch.equal(joined(T), paths(T))
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}


def test_the_same_call_goes_on_where_it_was_interrupted(tmp_path):
    every = Counter()
    whole = connecting_geodesics(Wasserstein1(every), Z0, Z1, checkpoint=tmp_path / "whole")
    broken = Counter(at=int(0.7 * every.calls))
    with pytest.raises(KeyboardInterrupt):
        connecting_geodesics(Wasserstein1(broken), Z0, Z1, checkpoint=tmp_path / "job")
    before = find_files(tmp_path / "job")
    assert 0 < len(before) < 3
    rest = Counter()
    paths = connecting_geodesics(Wasserstein1(rest), Z0, Z1, checkpoint=tmp_path / "job")
    assert torch.equal(paths.length, whole.length)
    assert torch.equal(paths(T), whole(T))
    assert before.items() <= find_files(tmp_path / "job").items()  # not written again
    assert rest.calls < 0.7 * every.calls
    again = Counter()
    paths = connecting_geodesics(Wasserstein1(again), Z0, Z1, checkpoint=tmp_path / "job")
    assert torch.equal(paths(T), whole(T))
    assert again.calls < 0.2 * every.calls


def test_a_killed_process_leaves_what_it_solved(tmp_path):
    script = f"""
        import time
        import torch
        from latent_transport.geodesics import checkpoints, connect
        from latent_transport.geometries.wasserstein1 import Wasserstein1
        from tests.problems import DOUBLE, make_network

        checkpoints.FIRST_PAIRS, checkpoints.QUICK = 4, 0
        inner = make_network("normal")

        def decoder(z):
            time.sleep(0.02)
            return inner(z)

        z0, z1 = torch.tensor({[Z0.tolist(), Z1.tolist()]}, **DOUBLE)
        connect.connecting_geodesics(Wasserstein1(decoder), z0, z1, checkpoint={str(tmp_path)!r})
    """
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=environment)
    end = time.monotonic() + 60
    while not find_files(tmp_path) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    assert process.wait() != 0  # it was not done
    before = find_files(tmp_path)
    assert 0 < len(before) < 3
    paths = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path)
    compare(paths, connecting_geodesics(GEOMETRY, Z0, Z1))
    assert before.items() <= find_files(tmp_path).items()


def test_chunks_of_another_size_fit_in(tmp_path, monkeypatch):
    paths = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path)
    (tmp_path / "pairs-000000000-000000004.safetensors").unlink()
    (tmp_path / "pairs-000000008-000000010.safetensors").unlink()
    monkeypatch.setattr(checkpoints, "FIRST_PAIRS", 3)
    monkeypatch.setattr(checkpoints, "QUICK", 0)
    compare(connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path), paths)
    ends = [tuple(map(int, name[6:25].split("-"))) for name in sorted(find_files(tmp_path))]
    assert ends == [(0, 3), (3, 4), (4, 8), (8, 10)]


def test_a_file_cut_off_is_solved_again(tmp_path):
    paths = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path)
    second = tmp_path / "pairs-000000004-000000008.safetensors"
    second.write_bytes(second.read_bytes()[:-100])
    again = connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path)
    assert torch.equal(again(T), paths(T))


OTHERS = {
    "pairs was": {"z1": Z1 + 1e-9},
    "pairs was 10 in 2 dim": {"z0": Z0[:5], "z1": Z1[:5]},
    "dtype was torch.float64, and is torch.float32": {
        "geometry": Wasserstein1(make_network("normal", dtype=torch.float32)),
        "z0": Z0.float(),
        "z1": Z1.float(),
    },
    "geometry was Wasserstein1, and is Wasserstein2": {"geometry": Wasserstein2(DECODER)},
    "solver was .*tolerance=1e-05.* and is .*tolerance=0.001": {
        "solver": GaussNewton(tolerance=1e-3)
    },
    "solver was GaussNewton.* and is LBFGS": {"solver": "lbfgs"},
    "controls was auto, and is 8": {"controls": 8},
    "points was auto, and is 32": {"points": 32},
    "restarts was 0": {"restarts": 1},
    "start was line, and is graph of 50": {"start": NeighbourGraph(GEOMETRY, draw(50, 2, seed=2))},
    "decoder, has other distances": {"geometry": Wasserstein1(make_network("normal", seed=1))},
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=folder)
    return folder


@pytest.mark.parametrize("words", OTHERS)
def test_a_checkpoint_of_another_job_is_refused(job, words):
    arguments = {"geometry": GEOMETRY, "z0": Z0, "z1": Z1, **OTHERS[words]}
    with pytest.raises(DataError, match=rf"checkpoint .* of another job: .*{words}.*another fold"):
        connecting_geodesics(**arguments, checkpoint=job)


def test_what_changes_no_result_may_change(job):
    before = find_files(job)
    solver = GaussNewton(memory=2**20, progress="label")
    connecting_geodesics(GEOMETRY, Z0, Z1, solver=solver, checkpoint=job)
    assert find_files(job) == before


def test_other_peoples_files_are_left_alone(tmp_path):
    file = tmp_path / "thesis.txt"
    file.write_text("kept")
    for place, words in ((tmp_path, r"other files \(thesis.txt\)"), (file, "a file; expected a")):
        with pytest.raises(DataError, match=words):
            connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=place)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / ".job.0123.safetensors").touch()  # of a process killed as it began
    connecting_geodesics(GEOMETRY, Z0, Z1, checkpoint=tmp_path / "job")


def test_curves_that_cannot_be_saved_are_named(tmp_path):
    solver = StochMan(max_iterations=2)
    with pytest.raises(TypeError, match="only geodesics that are cubic splines can be saved"):
        connecting_geodesics(GEOMETRY, Z0, Z1, solver=solver, points=8, checkpoint=tmp_path)


def test_the_bar_counts_pairs(tmp_path, capsys):
    connecting_geodesics(GEOMETRY, Z0, Z1, progress=True, checkpoint=tmp_path)
    assert "10/10" in capsys.readouterr().err
