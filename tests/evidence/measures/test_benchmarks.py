"""Benchmarks: they run what they say, count memory right, and draw what they measured."""

import argparse
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color

import latent_transport as lt
from latent_transport.datasets.classes import DIGITS, write_classes
from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import SPLITS
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.evidence.measures.benchmarks import (
    ClockedWasserstein1,
    Cost,
    LiteralWasserstein1,
    Stopwatch,
    describe_kernels,
    peak_allocation,
    resident_peak,
    seconds_to_reach,
    summarize_turns,
    time_in_turns,
    timed,
    wasserstein1_from_cdfs,
    wasserstein1_from_probabilities,
)
from latent_transport.evidence.plotting.benchmarks import plot_benchmark
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.kernels import dispatch, native
from latent_transport.models.uncertainty import UncertainDecoder, save_uncertainty
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import DataError, save_table
from tests.problems import make_network
from workflow.scripts import (
    benchmark_decoders,
    benchmark_geometries,
    benchmark_scaling,
    benchmark_solvers,
    benchmark_wasserstein1,
)
from workflow.scripts.compute import count_cores

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
MACHINE = ["device", "processor", "cores", "threads", "torch", "kernels"]


def draw_mixtures(components, count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape, like = (2, count, components), {"generator": generator, "dtype": torch.float64}
    logits, loc = torch.randn(shape, **like), 255 * torch.rand(shape, **like)
    scale = 0.3 + 20 * torch.rand(shape, **like)
    return [DiscretizedLogisticMixture(logits[i], loc[i], scale[i]) for i in (0, 1)]


def draw_ends(pairs=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, pairs, 2, generator=generator, dtype=torch.float64)


def work(seconds):
    """Keep the processor busy for that long."""
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        pass
    return "done"


# --- Times ---


def test_contenders_take_turns():
    calls = []
    contenders = {name: lambda number, name=name: calls.append((number, name)) for name in "abc"}
    costs = time_in_turns(contenders, rounds=2, device=CPU)
    assert calls == [(number, name) for number in (0, 1) for name in "abc"]
    assert {name: len(each) for name, each in costs.items()} == {"a": 2, "b": 2, "c": 2}


def test_time_and_result_are_those_of_the_call():
    result, cost = timed(lambda: work(0.02), CPU)
    assert result == "done"
    assert 0.02 <= cost.cpu <= cost.wall + 0.02
    assert cost.charged == cost.cpu


def test_waiting_costs_no_processor_time():
    _, cost = timed(lambda: time.sleep(0.2), CPU)
    assert cost.wall >= 0.2
    assert cost.cpu < 0.1


def test_all_threads_of_the_process_count():
    def work_elsewhere():
        thread = threading.Thread(target=work, args=(0.05,))
        thread.start()
        thread.join()

    assert timed(work_elsewhere, CPU)[1].cpu >= 0.05


def test_where_a_gpu_computes_the_clock_is_charged():
    assert Cost(2.0, math.nan).charged == 2
    assert Cost(2.0, 1.0).charged == 1
    assert Cost(2.0, 1.0) / 4 == Cost(0.5, 0.25)


def test_speedups_are_of_processor_time_in_the_same_round():
    cpu = {"plain": [8.0, 10.0, 60.0], "ours": [2.0, 1.0, 20.0]}
    walls = {"plain": [80.0, 70.0, 90.0], "ours": [30.0, 50.0, 40.0]}
    costs = {name: list(map(Cost, walls[name], cpu[name])) for name in cpu}
    summary = summarize_turns(costs, "plain", "day")
    assert summary["ours"] == {
        "seconds_a_day": 40,
        "least": 30,
        "largest": 50,
        "cpu_seconds_a_day": 2,
        "least_cpu": 1,
        "largest_cpu": 20,
        "speedup": 4,  # and not 10 / 2
        "least_speedup": 3,
        "largest_speedup": 10,
    }
    assert summary["plain"]["speedup"] == 1
    on_gpu = {name: [Cost(x, math.nan) for x in walls[name]] for name in walls}
    found = summarize_turns(on_gpu, "plain", "day")["ours"]
    assert found["speedup"] == 2.25  # of 80 / 30, 70 / 50 and 90 / 40
    assert math.isnan(found["cpu_seconds_a_day"])


def test_stopwatch_adds_up_its_blocks_alone():
    watch = Stopwatch(CPU)

    def run():
        for _ in range(2):
            with watch:
                work(0.01)
            work(0.02)

    _, whole = timed(run, CPU)
    assert watch.seconds >= 0.02
    assert watch.seconds < whole.cpu - 0.03


def test_kernels_are_named_as_they_run(monkeypatch):
    assert describe_kernels("eager", CPU) == "eager"
    if native.load() is not None:
        assert describe_kernels("auto", CPU) == f"c, {native.find_level()}"
    monkeypatch.setattr(native, "load", lambda: None)
    monkeypatch.setattr(dispatch, "_warn_without_c", lambda: None)
    assert describe_kernels("auto", CPU) == "eager"


def test_clocked_geometry_is_w1_and_notes_its_parts():
    decoder = make_network("logistic")
    z0, z1 = draw_ends()
    clocked = ClockedWasserstein1(decoder, CPU)
    energy = lt.connecting_geodesics(lt.Wasserstein1(decoder), z0, z1).energy
    paths, cost = timed(lambda: lt.connecting_geodesics(clocked, z0, z1), CPU)
    torch.testing.assert_close(paths.energy, energy)
    assert 0 < clocked.forward_mode.seconds < cost.cpu
    assert clocked.distances.seconds > 0
    assert clocked.pushed > 0


def test_seconds_to_reach_are_those_of_the_first_run_that_does():
    geometry = lt.Wasserstein1(make_network("normal"))
    z0, z1 = draw_ends(3)
    t = torch.linspace(0, 1, 33, dtype=torch.float64)
    asked = []

    def solve(most):
        """Curves that straighten with the iterations."""
        asked.append(most)
        work(0.01 * most)
        bend = torch.sin(torch.pi * t)[:, None] / most
        return lambda at: torch.lerp(z0[:, None], z1[:, None], at[:, None]) + bend

    def energy_at(most):
        return geometry.curve_energy(solve(most)(t))

    target = torch.stack((energy_at(2)[0], energy_at(9)[1], torch.tensor(0.0)))
    asked.clear()
    reached = seconds_to_reach(solve, target, geometry=geometry, t=t, most=20, device=CPU)
    assert asked == [1, 2, 3, 4, 6, 9, 13, 19, 20]
    assert 0.02 / 3 <= reached[0] < reached[1]
    assert reached[1] >= 0.09 / 3
    assert math.isinf(reached[2])


def test_reached_energies_end_the_runs():
    geometry = lt.Wasserstein1(make_network("normal"))
    z0, z1 = draw_ends(2)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    asked = []

    def solve(most):
        asked.append(most)
        return lambda at: torch.lerp(z0[:, None], z1[:, None], at[:, None])

    high = torch.full((2,), torch.inf, dtype=torch.float64)
    reached = seconds_to_reach(solve, high, geometry=geometry, t=t, most=20, device=CPU)
    assert asked == [1]
    assert reached.isfinite().all()


# --- Memory ---


def test_peak_of_allocations_counts_what_is_held_at_once():
    numbers = torch.ones(1000, dtype=torch.float64)  # 8,000 bytes, there before

    def one_after_the_other():
        for _ in range(5):
            numbers + 1

    def together():
        return [numbers + 1 for _ in range(5)]

    assert peak_allocation(one_after_the_other, CPU) == pytest.approx(8000, rel=0.1)
    assert peak_allocation(together, CPU) == pytest.approx(40_000, rel=0.1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="not Linux")
def test_peak_of_the_process_is_in_bytes():
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    assert resident_peak() == pytest.approx(1024 * peak, rel=0.1)


# --- The plain forms ---


@pytest.mark.parametrize("components", [1, 5])
def test_contenders_compute_the_same(components):
    p, q = draw_mixtures(components)
    expected = lt.wasserstein1(p, q)
    torch.testing.assert_close(wasserstein1_from_probabilities(p, q), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(wasserstein1_from_cdfs(p, q), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("family", ["logistic", "mixture"])
def test_literal_geometry_is_w1(family):
    decoder = make_network(family)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    points = torch.lerp(*(z[:, None] for z in draw_ends()), t)  # (4, 9, 2)
    expected = lt.Wasserstein1(decoder).segment_lengths(points)
    found = LiteralWasserstein1(decoder).segment_lengths(points)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=0)


# --- The scripts ---


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Options that name the files of an untrained model: weights, codes and pairs."""
    folder = tmp_path_factory.mktemp("model")
    files = {name: folder / f"{name}.safetensors" for name in ("model", "codes")}
    torch.manual_seed(0)
    save_vae(VAE(Architecture(latent_dim=2, data_dim=12, hidden=(8,))), files["model"], {})
    codes = np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32)
    rows = {name: np.zeros(12, np.uint8) for name in ("labels", "indices")}
    split = np.arange(12, dtype=np.uint8) % len(SPLITS)
    Codes(codes, codes**2, **rows, split=split).save(files["codes"])
    files["pairs"] = folder / "pairs.csv"
    pairs = {"pair": range(6), "row0": range(6), "row1": range(6, 12)}
    save_table(pd.DataFrame(pairs), files["pairs"])
    options = [str(part) for name, path in files.items() for part in (f"--{name}", path)]
    return ["--name", "digit1", "--device", "cpu", *options]


def test_table_of_w1(tmp_path):
    options = "--pairs 60 --components 1 3 --repetitions 2 --seed 0 --device cpu --output"
    benchmark_wasserstein1.main([*options.split(), str(tmp_path / "w1.csv")])
    table = pd.read_csv(tmp_path / "w1.csv")
    assert table["contender"].tolist() == 2 * list(benchmark_wasserstein1.CONTENDERS)
    assert table["components"].tolist() == 4 * [1] + 4 * [3]
    assert table["pairs"].tolist() == 4 * [60] + 4 * [20]
    assert (table["device"] == "cpu").all()
    assert (table["threads"] == 1).all()
    assert table[MACHINE].notna().all(axis=None)
    assert set(table["kernels"]) == {"eager", f"c, {native.find_level()}"}
    assert (table.groupby("components")["speedup"].first() == 1).all()
    numbers = table.select_dtypes("number")
    assert (numbers > 0).all(axis=None)
    assert (table["least"] <= table["seconds_a_million"]).all()
    assert (table["seconds_a_million"] <= table["largest"]).all()
    assert (table["least_cpu"] <= table["cpu_seconds_a_million"]).all()
    plain = table.loc[table["contender"] == benchmark_wasserstein1.PLAIN, "bytes_a_pair"]
    assert (plain > [2 * 256 * 4, 6 * 256 * 4]).all()  # its probabilities at least


def test_table_of_solvers(model, tmp_path):
    options = "--rounds 2 --count 5 --count-published 1 --restarts 2 --output"
    benchmark_solvers.main([*model, *options.split(), str(tmp_path / "solvers.csv")])
    table = pd.read_csv(tmp_path / "solvers.csv").set_index("solver")
    line, published, same, *ours = table.index
    assert line == "straight latent line"
    assert (table["model"] == "digit1").all()
    assert (table["latent_dim"] == 2).all()
    assert table.loc[[published, same, "Adam"], "pairs"].tolist() == [2, 2, 2]
    assert table.loc[["L-BFGS", "Gauss-Newton"], "at_once"].tolist() == [5, 5]
    assert table.loc[[published, same], "at_once"].tolist() == [1, 1]
    timed_rows = table.drop(index=line)
    assert (timed_rows[["seconds_a_geodesic", "cpu_seconds_a_geodesic"]] > 0).all(axis=None)
    assert timed_rows[MACHINE].notna().all(axis=None)
    assert timed_rows.loc[[published, "Gauss-Newton, eager"], "kernels"].tolist() == 2 * ["eager"]
    assert table.loc[published, "speedup"] == 1
    assert (table["largest_energy_excess"] >= table["median_energy_excess"]).all()
    assert (table["median_energy_excess"] >= -1e-6).all()
    excess = table["median_energy_excess"]
    assert excess["Gauss-Newton"] < excess[line]
    assert table.loc["Gauss-Newton", "close_to_best"] == 1
    assert table.loc[same, "median_energy_over_published"] == pytest.approx(0, abs=1e-4)
    reached = table.loc[ours, ["seconds_to_published_energy", "reached_published_energy"]]
    assert reached.notna().all(axis=None)
    ours = table.loc["Gauss-Newton"]
    assert ours["reached_published_energy"] == 1
    assert math.isfinite(ours["seconds_to_published_energy"])
    of_two = table.loc[published, ["least_cpu", "largest_cpu"]].mean()  # their median, too
    assert ours["speedup_to_published_energy"] == pytest.approx(
        of_two / ours["seconds_to_published_energy"]
    )


def test_pairs_are_repeated_to_fill_a_batch(model):
    codes, pairs = model[7], model[9]
    z0, z1 = benchmark_scaling.load_pairs(codes, pairs, 3, 8, CPU)
    assert z0.shape == z1.shape == (8, 2)
    assert len(z0.unique(dim=0)) == 3
    torch.testing.assert_close(z0[:5], z0[3:])
    torch.testing.assert_close(benchmark_scaling.load_pairs(codes, pairs, 3, 2, CPU)[1], z1[:2])


def test_table_of_many_pairs(model, tmp_path):
    more = count_cores() > 1
    options = "--batches 3 --rounds 1 --more-threads 2 1000 --output"
    benchmark_scaling.main([*model, *options.split(), str(tmp_path / "scaling.csv")])
    rows = pd.read_csv(tmp_path / "scaling.csv").to_dict("records")
    assert [row["threads"] for row in rows] == ([1, 2] if more else [1])
    for row in rows:
        assert (row["model"], row["latent_dim"], row["pairs"], row["rounds"]) == ("digit1", 2, 3, 1)
        assert min(row["seconds_a_geodesic"], row["cpu_seconds_a_geodesic"]) > 0
        assert row["overhead_factor"] > 1
        assert row["mean_products"] > 0
        assert 0 < row["wasserstein1_share"] < 1
        assert 0 <= row["memory"] < row["whole_memory"]
        assert row["converged"] == 1
        assert not any(pd.isna(row[column]) for column in MACHINE)


def test_more_threads_are_tried_on_the_number_in_the_middle_and_on_no_gpu(monkeypatch):
    monkeypatch.setattr(benchmark_scaling, "count_cores", lambda: 4)
    arguments = argparse.Namespace(batches=[256, 16, 4096], threads=1, more_threads=[2, 8])
    plain = [(256, 1), (16, 1), (4096, 1)]
    assert benchmark_scaling.list_cases(arguments, CPU) == [*plain, (256, 2)]
    assert benchmark_scaling.list_cases(arguments, torch.device("cuda")) == plain


def test_table_of_geometries(model, tmp_path):
    weights = tmp_path / "uncertainty.safetensors"
    decoder = load_vae(model[model.index("--model") + 1]).decoder
    save_uncertainty(UncertainDecoder(decoder, torch.randn(4, 2), 1.0), weights, {})
    options = f"--uncertainty {weights} --strength 0.3 --count 3 --rounds 2 --output"
    benchmark_geometries.main([*model, *options.split(), str(tmp_path / "geometries.csv")])
    table = pd.read_csv(tmp_path / "geometries.csv").set_index("geometry")
    assert table.index.tolist() == ["wasserstein1", "uncertain", "density"]
    assert (table["pairs"] == 3).all()
    assert (table.loc["wasserstein1", table.filter(like="times_w1").columns] == 1).all()
    assert (table["least_times_w1"] <= table["times_w1"]).all()
    assert (table["times_w1"] <= table["largest_times_w1"]).all()
    assert table[MACHINE].notna().all(axis=None)


def test_table_of_decoders(tmp_path):
    options = "--latent-dims 2 --sides 8 --pairs 1 --seed 0 --output"
    benchmark_decoders.main([*options.split(), str(tmp_path / "decoders.csv")])
    table = pd.read_csv(tmp_path / "decoders.csv")
    assert table["decoder"].tolist() == ["dense", "convolutional"]
    assert (table["variables"] == 3 * 8**2).all()
    assert (table["seconds_a_geodesic"] > 0).all()
    assert (table["memory"] < table["whole_memory"]).all()
    assert (table["converged"] == 1).all()


def test_rounds_are_summarized_by_medians_and_the_most_memory():
    rounds = [
        {"cost": Cost(2 * s, s), "memory": m, "whole_memory": 10 * m, "device": "cpu"}
        | {"overhead_factor": 2 * s, "wasserstein1_share": s / 10}
        for s, m in ((2.0, 30), (1.0, 50), (4.0, 40))
    ]
    row = benchmark_scaling.summarize(16, rounds)
    assert (row["seconds_a_geodesic"], row["least"], row["largest"]) == (4, 2, 8)
    assert (row["cpu_seconds_a_geodesic"], row["least_cpu"], row["largest_cpu"]) == (2, 1, 4)
    assert "cost" not in row
    assert (row["memory"], row["whole_memory"]) == (50, 500)
    assert (row["overhead_factor"], row["largest_overhead_factor"]) == (4, 8)
    assert (row["pairs"], row["rounds"], row["device"]) == (16, 3, "cpu")


# --- The figure ---


def make_tables():
    contenders = list(benchmark_wasserstein1.CONTENDERS)
    wasserstein1 = pd.DataFrame(
        {"components": k, "contender": name, "speedup": 3.0**i, "bytes_a_pair": 1e4 / 4**i}
        for k in (1, 5, 10)
        for i, name in enumerate(contenders)
    ).assign(
        least_speedup=lambda t: t["speedup"] / 1.2,
        largest_speedup=lambda t: t["speedup"] * 1.2,
        threads=1,
        processor="Some Processor",
    )
    names = ["straight latent line", "StochMan, Eq. 5 as printed", "Adam", "Gauss-Newton"]
    solvers = pd.DataFrame(
        {"model": model, "solver": name, "seconds_a_geodesic": seconds, "excess": excess}
        for model in ("digit0", "all")
        for name, seconds, excess in zip(
            names, (np.nan, 30.0, 1.0, 0.02), (0.3, 0.151, 0.004, -1e-7), strict=True
        )
    ).rename(columns={"excess": "median_energy_excess"})
    scaling = pd.DataFrame(
        {"model": model, "pairs": pairs, "threads": threads, "memory": 1e6 * pairs / threads}
        for model in ("digit0", "all")
        for pairs, threads in ((16, 1), (256, 1), (256, 2), (4096, 1))
    ).assign(seconds_a_geodesic=0.1)
    spread = {
        "least": lambda t: t["seconds_a_geodesic"] / 1.1,
        "largest": lambda t: t["seconds_a_geodesic"] * 1.1,
        "cpu_seconds_a_geodesic": lambda t: t["seconds_a_geodesic"] / 2,
        "least_cpu": lambda t: t["least"] / 2,
        "largest_cpu": lambda t: t["largest"] / 2,
    }
    return wasserstein1, solvers.assign(**spread), scaling.assign(**spread)


def test_figure_shows_the_tables():
    wasserstein1, solvers, scaling = make_tables()
    figure = plot_benchmark(wasserstein1, solvers, scaling)
    faster, lighter, slow, cost, memory = figure.axes
    markers = [line.get_xdata()[0] for line in faster.lines if line.get_marker() != "None"]
    np.testing.assert_allclose(markers, wasserstein1["speedup"])
    markers = [line.get_xdata()[0] for line in lighter.lines if line.get_marker() != "None"]
    np.testing.assert_allclose(markers, wasserstein1["bytes_a_pair"])
    assert [tick.get_text() for tick in slow.get_yticklabels()] == [
        "StochMan, Eq. 5 as printed",
        "Adam",
        "Gauss-Newton",
    ]
    assert [text.get_text() for text in slow.texts] == 2 * ["+15 %", "+0.40 %", "+0.00 %"]
    for line in memory.lines:
        np.testing.assert_array_equal(line.get_xydata(), [[16, 16], [256, 256], [4096, 4096]])
    assert [text.get_text() for text in slow.get_legend().get_texts()] == ["digit 0", "all digits"]
    digit, everything = (line.get_color() for line in cost.lines)
    assert not same_color(digit, everything)
    assert same_color(slow.texts[0].get_color(), digit)
    assert same_color(slow.texts[-1].get_color(), everything)
    assert cost.lines[0].get_ydata()[0] == 0.05  # of the processor
    assert "CPU seconds" in cost.get_title("left")
    assert slow.get_title("left").startswith("CPU seconds")
    assert "Some Processor, 1 thread" in faster.get_title("left")


def test_the_clock_stands_in_where_a_gpu_has_no_processor_time():
    wasserstein1, solvers, scaling = make_tables()
    unknown = {"cpu_seconds_a_geodesic": np.nan, "least_cpu": np.nan, "largest_cpu": np.nan}
    figure = plot_benchmark(wasserstein1, solvers, scaling.assign(**unknown))
    *_, slow, cost, _ = figure.axes
    assert cost.lines[0].get_ydata()[0] == 0.1
    assert cost.get_title("left") == "Gauss-Newton: seconds a geodesic"
    assert slow.get_title("left").startswith("CPU seconds")


def test_nothing_runs_off_the_page_or_over_the_legend():
    figure = plot_benchmark(*make_tables())
    renderer = FigureCanvasAgg(figure).get_renderer()
    tight, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert tight.min.min() > -0.01
    assert tight.x1 < width + 0.01
    assert tight.y1 < height + 0.01
    slow = figure.axes[2]
    legend = slow.get_legend().get_window_extent(renderer)
    texts = [text.get_window_extent(renderer) for text in slow.texts]
    assert not any(text.overlaps(legend) for text in texts)
    frame = slow.get_window_extent(renderer)
    assert all(text.x1 <= frame.x1 for text in texts)


def test_script_draws_the_tables_without_torch(tmp_path):
    paths = [str(tmp_path / f"{name}.csv") for name in ("w1", "solvers", "scaling")]
    for table, path in zip(make_tables(), paths, strict=True):
        save_table(table, path)
    write_classes(tmp_path / "classes.txt", DIGITS)
    options = [f"--classes={tmp_path / 'classes.txt'}"]
    options += [f"--wasserstein1={paths[0]}", f"--solvers={paths[1]}", f"--scaling={paths[2]}"]
    outputs = [str(tmp_path / name) for name in ("a.pdf", "a.png")]
    code = (
        "import sys; from workflow.scripts.plot_benchmark import main; "
        f"main({[*options, '--output', *outputs]!r}); sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
    save_figure(plot_benchmark(*make_tables()), tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (0, lambda t: t.drop(columns="bytes_a_pair"), "benchmark of W1 lacks.*bytes_a_pair"),
        (0, lambda t: t.assign(speedup=np.nan), "benchmark of W1 are not finite"),
        (1, lambda t: t.iloc[:1], "benchmark of solvers has no rows"),
        (2, lambda t: t.drop(columns="memory"), "benchmark of scaling lacks.*memory"),
    ],
)
def test_tables_that_do_not_fit_are_refused(which, change, message):
    tables = list(make_tables())
    tables[which] = change(tables[which])
    with pytest.raises(DataError, match=message):
        plot_benchmark(*tables)
