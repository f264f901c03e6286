"""Tables of judged paths: which images are judged, with which noise, under which names."""

import numpy as np
import pandas as pd
import torch

from latent_transport.evidence.measures.judgements import judge_paths

torch.set_num_threads(1)


class Echo:
    """A judge that tells what it was given, and draws a number."""

    def measure(self, images, generator):
        noise = torch.rand(len(images), generator=generator)
        return {"first": images[:, 0, 0], "last": images[:, -1, 0], "noise": noise}

    def measure_paths(self, points, fractions, generator):
        place = (fractions * (points.shape[1] - 1)).long()
        found = self.measure(points[:, place], generator)
        return found | {"pixel_entropy": torch.zeros(len(points))}


PAIRS = pd.DataFrame({"pair": [4, 2, 9], "kind": ["far", "random", "far"], "row0": 0}, [8, 1, 5])
FRACTIONS = torch.tensor([0.25, 0.5])
PATHS = {
    name: (start + torch.arange(3.0))[:, None, None] + torch.linspace(0, 0.5, 5)[:, None]
    for name, start in (("geodesic", 10.0), ("line", 20.0))
}


def test_every_path_of_every_pair_has_a_row():
    table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=0)
    measures = ["first", "last", "noise", "pixel_entropy"]
    assert list(table.columns) == ["kind", "pair", "path", *measures]
    assert table["path"].tolist() == ["geodesic"] * 3 + ["line"] * 3
    assert table["pair"].tolist() == [4, 2, 9] * 2
    assert table["kind"].tolist() == ["far", "random", "far"] * 2
    np.testing.assert_allclose(table["first"], [10.125, 11.125, 12.125, 20.125, 21.125, 22.125])
    np.testing.assert_allclose(table["last"] - table["first"], 0.125)


def test_all_paths_are_judged_with_the_same_noise_and_the_seed_decides():
    for at_once in (1, 2, 3):
        table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=3, at_once=at_once)
        noise = table.pivot(index="pair", columns="path", values="noise")
        np.testing.assert_array_equal(noise["geodesic"], noise["line"])
        assert noise["line"].nunique() == 3
    other = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=4)
    assert not np.isin(other["noise"], table["noise"]).any()


def test_cross_fades_between_the_ends_come_last():
    ends = torch.tensor([[[0], [100]], [[200], [0]], [[40], [40]]], dtype=torch.uint8)
    table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, ends=ends, seed=0, at_once=2)
    faded = table[table["path"] == "interpolation"]
    assert table["path"].tolist()[-3:] == ["interpolation"] * 3
    assert faded["first"].tolist() == [25, 150, 40]
    assert faded["last"].tolist() == [50, 100, 40]
    assert faded["pixel_entropy"].isna().all()
    np.testing.assert_array_equal(faded["noise"], table.loc[table["path"] == "line", "noise"])
