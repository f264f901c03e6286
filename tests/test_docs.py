"""The Python examples of the pages in docs/ run, and hold."""

import re
import runpy
from pathlib import Path

import pytest
import torch

import latent_transport

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = sorted((DOCS.parent / "examples" / "gallery").glob("*.py"))
FASHION = Path("/usr/share/datasets/fashion-mnist")
# Smaller numbers for the same lines, so that the example takes seconds.
SMALLER = {
    "epochs=30": "epochs=2",
    "train, validation, schedule": "train[:500], validation[:100], schedule",
    "[:100]": "[:6]",
    "[100:200]": "[6:12]",
}

# A page a situation, each of which says what it prints.
SITUATIONS = ("counts.md", "generators.md", "images.md", "sequences.md")


def examples_of(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def run(examples, page):
    names = {}
    torch.manual_seed(0)
    for example in examples:
        exec(compile(example, page, "exec"), names)  # noqa: S102 - our own text
    return names


def check_page(page, which, capsys, monkeypatch):
    """Run some examples of a page, and compare what they print with what the page says they do."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = run(examples_of(page)[which], page)
    said = re.findall(r"```text\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert said
    printed = capsys.readouterr().out
    number = r"\d+(?:\.\d+)?"
    for found, expected in zip(
        printed.splitlines(), "".join(said[which]).splitlines(), strict=True
    ):
        assert re.sub(number, "#", found) == re.sub(number, "#", expected)
        numbers = [[float(x) for x in re.findall(number, line)] for line in (found, expected)]
        # Other processors round otherwise, and training makes more of it.
        assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.1)
    return names


def test_pages_with_examples_are_those_run_here():
    pages = {path.name for path in DOCS.glob("*.md") if examples_of(path.name)}
    others = ("distances.md", "families.md", "index.md", "own-decoder.md", "solver.md")
    assert pages == {*others, *SITUATIONS, "other-libraries.md", "statistics.md"}


@pytest.mark.parametrize("page", SITUATIONS)
def test_pages_print_what_they_say(page, capsys, monkeypatch):
    check_page(page, slice(None), capsys, monkeypatch)


def test_examples_of_arrays_print_what_they_say(capsys, monkeypatch):
    # The rest of the page needs another library, and runs in tests/adapters/libraries/.
    check_page("other-libraries.md", slice(1), capsys, monkeypatch)


def test_examples_of_distances_hold():
    names = run(examples_of("distances.md"), "distances.md")
    z, distances = names["z"], names["distances"]
    assert names["near"].shape == (2, 3)
    assert len(names["labels"]) == len(z)
    torch.testing.assert_close(names["length"], distances[0, 1:], rtol=1e-3, atol=0)
    torch.testing.assert_close(names["ends"], z[1:], rtol=0, atol=1e-2)
    assert names["downhill"] @ z.mean(0) > 0
    assert names["again"].tolist() == names["neighbours"].kneighbors()[1].tolist()
    assert names["moved"].shape == (3, 2)
    expected = torch.tensor([4.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(names["curvature"], expected, rtol=2e-2, atol=0)


def test_examples_of_statistics_hold():
    names = run(examples_of("statistics.md"), "statistics.md")
    mean, median, pca = names["mean"], names["median"], names["pca"]
    assert mean.converged
    assert median.converged
    assert median.distances.mean() < mean.distances.mean()
    assert sorted(set(names["labels"])) == [0, 1]
    assert len(names["medoids"].medoid_indices_) == 2
    assert pca.explained_variance_ratio_.sum() == pytest.approx(1)
    torch.testing.assert_close(names["again"], names["z"], rtol=0, atol=1e-2)
    near, far = (
        latent_transport.geodesic_distance(names["geometry"], names["z"], foot)
        for foot in (
            names["feet"],
            names["nearest"].inverse_transform(pca.transform(names["z"])[:, :1]),
        )
    )
    assert (near <= far * (1 + 1e-3) + 1e-3).all()
    assert near.sum() < far.sum()
    little, much = names["smooth"]
    assert (little - names["values"]).abs().sum() < (much - names["values"]).abs().sum()
    assert names["there"].shape == (3,)
    bowl = (1 + 4 * names["z"].square().sum(-1)).log() / 2
    torch.testing.assert_close(names["volume"].value, bowl, rtol=0, atol=1e-2)
    assert (names["uniform"].abs() <= 1).all()
    assert names["walks"].shape == (12, 5, 2)


def test_examples_of_the_solver_hold():
    names = run(examples_of("solver.md"), "solver.md")
    assert names["plain"].length < names["inside"].length * 10  # both were solved


def test_example_of_a_decoder_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(examples_of("own-decoder.md")[:1], "own-decoder.md")
    assert names["paths"].converged.all()
    assert torch.equal(names["again"].length, names["paths"].length)
    assert names["longest"].length == names["paths"].length.max()
    assert names["middle"].shape == (20, 2)


def test_examples_of_families_hold():
    names = run(examples_of("families.md"), "families.md")
    for paths in ("letters", "both", "own"):
        assert names[paths].converged.all(), paths


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_from_files_to_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = examples_of("own-decoder.md")[1]
    for there, here in SMALLER.items():
        assert there in example, there
        example = example.replace(there, here)
    names = run([example], "own-decoder.md")
    assert names["sneakers"].images.shape == (7000, 784)
    assert set(names["sneakers"].labels) == {7}
    assert names["paths"].length.shape == (6,)
    assert (names["paths"].length > 0).all()
    assert names["along"].shape == (6, 9, 784)
    assert ((names["along"] >= 0) & (names["along"] <= 255)).all()


@pytest.mark.parametrize("page", [path.name for path in DOCS.glob("*.md")])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (DOCS / link).exists(), link


def test_every_public_name_has_a_page():
    listed = re.findall(r"^   (\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(set(latent_transport.__all__) - {"GEOMETRIES"})


def test_every_page_is_in_the_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert pages <= set(index.splitlines())


def test_example_of_the_home_page_holds():
    (example,) = examples_of("index.md")
    names = run([example.replace("1000", "20")], "index.md")
    assert names["paths"].converged.all()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_the_gallery_run(example, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "agg")
    matplotlib.use("agg")
    torch.manual_seed(0)
    names = runpy.run_path(str(example))
    assert all(torch.as_tensor(x.converged).all() for x in names.values() if is_solved(x))
    tensors = [x for x in names.values() if isinstance(x, torch.Tensor)]
    assert tensors
    assert all(torch.isfinite(x).all() for x in tensors)


def is_solved(x):
    """Whether it says of itself that it has converged."""
    return not isinstance(x, type) and hasattr(x, "converged")
