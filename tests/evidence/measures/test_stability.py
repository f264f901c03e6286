"""Variation of distances over retrained models."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import variation

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import Subset, load_subset, save_subset
from latent_transport.evidence.measures.stability import measure_levels, measure_stability
from latent_transport.models.vae import VAE, Architecture, save_vae
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts import choose_stability_pairs, measure_distances
from workflow.scripts import measure_stability as script

torch.set_num_threads(1)

SEEDS, PAIRS = 5, 7


def make_tables(seed=0):
    rng = np.random.default_rng(seed)
    keys = {"pair": np.arange(PAIRS), "index0": np.arange(PAIRS), "index1": np.arange(PAIRS) + 9}
    return [
        pd.DataFrame(keys | {name: rng.uniform(1, 3, PAIRS) for name in ("latent", "wasserstein1")})
        for _ in range(SEEDS)
    ]


def test_coefficients_are_scipys():
    tables = make_tables()
    found = measure_stability(tables).set_index(["geometry", "pair"])
    assert len(found) == 2 * PAIRS
    for geometry in ("latent", "wasserstein1"):
        every = np.stack([table[geometry] for table in tables])
        part = found.loc[geometry]
        np.testing.assert_allclose(part["coefficient"], variation(every, ddof=1))
        np.testing.assert_allclose(part["mean"], every.mean(0))
        np.testing.assert_allclose(part["std"], every.std(0, ddof=1))
        scaled = every / every.mean(1, keepdims=True)
        np.testing.assert_allclose(part["relative_coefficient"], variation(scaled, ddof=1))
    assert (found["seeds"] == SEEDS).all()
    assert found.loc["latent", "index1"].tolist() == list(range(9, 9 + PAIRS))


def test_coefficients_do_not_depend_on_the_unit():
    tables = make_tables()
    scaled = [table.assign(latent=1000 * table["latent"]) for table in tables]
    for column in ("coefficient", "relative_coefficient"):
        np.testing.assert_allclose(
            measure_stability(scaled)[column], measure_stability(tables)[column]
        )


def test_a_factor_of_each_model_counts_only_in_the_coefficient():
    base = make_tables()[0]
    tables = [base.assign(latent=factor * base["latent"]) for factor in (1.0, 2.0, 3.0)]
    found = measure_stability(tables).set_index("geometry")
    np.testing.assert_allclose(found.loc["latent", "coefficient"], variation([1, 2, 3], ddof=1))
    np.testing.assert_allclose(found.loc["latent", "relative_coefficient"], 0, atol=1e-12)
    np.testing.assert_allclose(found.loc["wasserstein1", "coefficient"], 0, atol=1e-12)


def test_a_training_stands_at_its_level():
    base = make_tables()[0]
    tables = [base.assign(latent=factor * base["latent"]) for factor in (1.0, 2.0, 3.0)]
    levels = measure_levels(tables).pivot(index="seed", columns="geometry", values="level")
    np.testing.assert_allclose(levels["latent"], [0.5, 1, 1.5])
    np.testing.assert_allclose(levels["wasserstein1"], 1)


def test_tables_that_do_not_fit_are_refused():
    tables = make_tables()
    with pytest.raises(DataError, match="at least 2 models"):
        measure_stability(tables[:1])
    with pytest.raises(DataError, match="other image pairs"):
        measure_stability([tables[0], tables[1].assign(index1=0)])
    with pytest.raises(DataError, match="same geometries"):
        measure_stability([tables[0], tables[1].drop(columns="latent")])
    with pytest.raises(DataError, match="1 that are not positive"):
        broken = tables[1].copy()
        broken.loc[2, "latent"] = np.nan
        measure_stability([tables[0], broken])


def test_script_summarises_each_model_against_the_latent_distance(tmp_path):
    paths = []
    for number, table in enumerate([*make_tables(0), *make_tables(1)]):
        paths.append(str(tmp_path / f"{number}.csv"))
        save_table(table, paths[-1])
    models = ["digit3"] * SEEDS + ["plain"] * SEEDS
    out, summary = str(tmp_path / "out.csv"), str(tmp_path / "summary.csv")
    script.main(
        [
            *("--models", *models, "--tables", *paths, "--output", out, "--summary", summary),
            *("--levels", str(tmp_path / "levels.csv")),
        ]
    )
    table, means = load_table(out), load_table(summary)
    assert len(table) == 2 * 2 * PAIRS
    assert len(load_table(tmp_path / "levels.csv")) == 2 * 2 * SEEDS
    means = means[means["reference"] == "latent"].set_index(["model", "measure", "path"])
    for model, part in table.groupby("model"):
        wide = part.pivot(index="pair", columns="geometry", values="coefficient")
        row = means.loc[(model, "coefficient", "wasserstein1")]
        assert row["mean"] == pytest.approx(wide["wasserstein1"].mean())
        difference = (wide["wasserstein1"] - wide["latent"]).mean()
        assert row["difference"] == pytest.approx(difference)
        assert row["difference_low"] <= difference <= row["difference_high"]


@pytest.fixture
def data(tmp_path):
    """A subset and the codes of a small model of it, of 20 training and 12 test images."""
    rng = np.random.default_rng(0)
    arrays = {
        "split": np.repeat([0, 2], [20, 12]).astype(np.uint8),
        "indices": np.concatenate((np.arange(20), 100 + 3 * np.arange(12))),
        "labels": np.zeros(32, np.uint8),
    }
    images = rng.integers(0, 256, (32, 784), dtype=np.uint8)
    subset = Subset(images, digits=(0,), validation_fraction=0.1, seed=0, **arrays)
    save_subset(subset, tmp_path / "subset.safetensors")
    mean = rng.standard_normal((32, 2)).astype(np.float32)
    codes = Codes(mean, np.ones_like(mean), **arrays)
    codes.save(tmp_path / "codes.safetensors")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = VAE(Architecture(latent_dim=2, data_dim=9, hidden=(16,)))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    return codes


def run_distances(tmp_path):
    measure_distances.main(
        [
            *("--subset", str(tmp_path / "subset.safetensors")),
            *("--model", str(tmp_path / "vae.safetensors"), "--pairs", str(tmp_path / "pairs.csv")),
            *("--codes", str(tmp_path / "codes.safetensors")),
            *("--geometries", "wasserstein1", "euclidean", "--output", str(tmp_path / "d.csv")),
            "--settings",
            '{"controls": 4, "points": 9, "max_iterations": 50, "tolerance": 1e-3}',
        ]
    )
    return load_table(tmp_path / "d.csv")


def test_distances_are_of_the_images_with_those_positions(data, tmp_path):
    choose_stability_pairs.main(
        [
            *("--subset", str(tmp_path / "subset.safetensors"), "--pairs", "5", "--seed", "1"),
            *("--output", str(tmp_path / "pairs.csv")),
        ]
    )
    pairs = load_table(tmp_path / "pairs.csv")
    assert pairs[["index0", "index1"]].isin(100 + 3 * np.arange(12)).all(axis=None)
    assert (pairs["index0"] != pairs["index1"]).all()
    table = run_distances(tmp_path)
    pd.testing.assert_frame_equal(table[["index0", "index1"]], pairs[["index0", "index1"]])
    row = {index: number for number, index in enumerate(data.indices.tolist()) if index >= 100}
    ends = [[data.mean[row[i]] for i in pairs[name]] for name in ("index0", "index1")]
    np.testing.assert_allclose(table["latent"], np.linalg.norm(np.subtract(*ends), axis=1), 1e-6)
    assert (table[["wasserstein1", "euclidean", "direct"]] > 0).all(axis=None)
    assert (table["direct"] <= table["wasserstein1"] * (1 + 1e-5)).all()
    images = load_subset(tmp_path / "subset.safetensors").images.astype(float)
    ends = [[images[row[i]] for i in pairs[name]] for name in ("index0", "index1")]
    np.testing.assert_allclose(table["pixels"], np.linalg.norm(np.subtract(*ends), axis=1), 1e-6)


def test_images_without_codes_are_named(data, tmp_path):
    # Position 5 is a training image here; among the test images there is none.
    save_table(pd.DataFrame({"pair": [0], "index0": [5], "index1": [100]}), tmp_path / "pairs.csv")
    with pytest.raises(
        DataError, match="no codes of 1 test images of those asked for, such as image 5"
    ):
        run_distances(tmp_path)
