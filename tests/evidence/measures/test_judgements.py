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
        switches = torch.zeros(len(images))
        first, last = images[:, 0, 0], images[:, -1, 0]
        return {"first": first, "last": last, "noise": noise, "label_switches": switches}

    def measure_points(self, points, generator):
        return self.measure(points, generator) | {"pixel_entropy": torch.zeros(len(points))}

    def measure_paths(self, points, fractions, generator):
        place = (fractions * (points.shape[1] - 1)).long()
        return self.measure_points(points[:, place], generator) | {
            "length": points[:, 0, 0],
            "latent_length": 2 * points[:, 0, 0],
        }

    def measure_fades(self, ends, fractions, generator):
        images = torch.lerp(ends[:, :1], ends[:, 1:], fractions[:, None])
        return self.measure(images, generator) | {"length": (ends[:, 1] - ends[:, 0]).abs()[:, 0]}


PAIRS = pd.DataFrame({"pair": [4, 2, 9], "kind": ["far", "random", "far"], "row0": 0}, [8, 1, 5])
FRACTIONS = torch.tensor([0.25, 0.5])
PATHS = {
    name: (start + torch.arange(3.0))[:, None, None] + torch.linspace(0, 0.5, 5)[:, None]
    for name, start in (("geodesic", 10.0), ("line", 20.0))
}


def test_every_path_of_every_pair_has_a_row():
    table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=0)
    measures = ["first", "last", "noise", "label_switches", "pixel_entropy"]
    measures += ["length_ratio", "latent_ratio"]
    assert list(table.columns) == ["kind", "pair", "path", *measures]
    assert table["path"].tolist() == ["geodesic"] * 3 + ["line"] * 3
    assert table["pair"].tolist() == [4, 2, 9] * 2
    assert table["kind"].tolist() == ["far", "random", "far"] * 2
    np.testing.assert_allclose(table["first"], [10.125, 11.125, 12.125, 20.125, 21.125, 22.125])
    np.testing.assert_allclose(table["last"] - table["first"], 0.125)
    np.testing.assert_allclose(table["length_ratio"], [10 / 20, 11 / 21, 12 / 22, 1, 1, 1])
    np.testing.assert_array_equal(table["latent_ratio"], table["length_ratio"])


def test_all_paths_are_judged_with_the_same_noise_and_the_seed_decides():
    for at_once in (1, 2, 3):
        table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=3, at_once=at_once)
        noise = table.pivot(index="pair", columns="path", values="noise")
        np.testing.assert_array_equal(noise["geodesic"], noise["line"])
        assert noise["line"].nunique() == 3
    other = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=4)
    assert not np.isin(other["noise"], table["noise"]).any()


def test_a_pair_that_a_path_lacks_has_no_row_and_changes_no_other():
    for at_once in (1, 2, 3):
        whole = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, seed=3, at_once=at_once)
        lacking = {name: points.clone() for name, points in PATHS.items()}
        lacking["geodesic"][:2] = torch.nan
        table = judge_paths(Echo(), PAIRS, lacking, FRACTIONS, seed=3, at_once=at_once)
        pd.testing.assert_frame_equal(table, whole.drop(index=[0, 1]).reset_index(drop=True))


def test_cross_fades_between_the_ends_come_after_the_paths():
    ends = torch.tensor([[[0], [100]], [[200], [0]], [[40], [40]]], dtype=torch.uint8)
    fades = {"interpolation": ends}
    table = judge_paths(Echo(), PAIRS, PATHS, FRACTIONS, fades=fades, seed=0, at_once=2)
    faded = table[table["path"] == "interpolation"]
    assert table["path"].tolist()[-3:] == ["interpolation"] * 3
    assert faded["first"].tolist() == [25, 150, 40]
    assert faded["last"].tolist() == [50, 100, 40]
    assert faded["pixel_entropy"].isna().all()
    np.testing.assert_array_equal(faded["noise"], table.loc[table["path"] == "line", "noise"])
    np.testing.assert_allclose(faded["length_ratio"], [100 / 20, 200 / 21, 0])
    assert faded["latent_ratio"].isna().all()


def test_what_is_on_no_path_is_judged_without_order():
    points = torch.arange(12.0).reshape(3, 2, 2)
    table = judge_paths(
        *(Echo(), PAIRS, PATHS, FRACTIONS),
        images={"images": points.to(torch.uint8)},
        points={"prior": points + 100},
        seed=0,
        at_once=2,
    )
    assert table["path"].tolist()[-6:] == ["images"] * 3 + ["prior"] * 3
    floors = table.tail(6)
    assert floors["first"].tolist() == [0, 4, 8, 100, 104, 108]
    assert floors["last"].tolist() == [2, 6, 10, 102, 106, 110]
    assert floors[["label_switches", "length_ratio"]].isna().all(axis=None)
    assert floors["pixel_entropy"].isna().tolist() == [True] * 3 + [False] * 3
    np.testing.assert_array_equal(floors["noise"].tail(3), floors["noise"].head(3))
