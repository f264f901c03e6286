"""The Python examples of the pages in docs/ run, and hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import latent_transport

DOCS = Path(__file__).parents[1] / "docs"
FASHION = Path("/usr/share/datasets/fashion-mnist")
# Smaller numbers for the same lines, so that the example takes seconds.
SMALLER = {
    "epochs=30": "epochs=2",
    "train, validation, schedule": "train[:500], validation[:100], schedule",
    "[:100]": "[:6]",
    "[100:200]": "[6:12]",
}


def examples_of(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def run(examples, page):
    names = {}
    torch.manual_seed(0)
    for example in examples:
        exec(compile(example, page, "exec"), names)  # noqa: S102 - our own text
    return names


def test_pages_with_examples_are_those_run_here():
    pages = {path.name for path in DOCS.glob("*.md") if examples_of(path.name)}
    assert pages == {"distances.md", "families.md", "own-decoder.md", "solver.md", "statistics.md"}


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


def homes():
    """Module in which each public name stands, as the stub of the package says."""
    stub = Path(latent_transport.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    return {name: home for home, name in re.findall(r"from \.([\w.]+) import (\w+) as", stub)}


def test_api_pages_have_every_public_name(tmp_path):
    pytest.importorskip("pdoc")
    modules = sorted({f"latent_transport.{home}" for home in homes().values()})
    command = [sys.executable, "-m", "pdoc", *modules, "--docformat", "numpy", "--no-show-source"]
    subprocess.run([*command, "--output-directory", str(tmp_path)], check=True)
    for name, home in homes().items():
        page = tmp_path / "latent_transport" / f"{home.replace('.', '/')}.html"
        assert f'id="{name}"' in page.read_text(encoding="utf-8"), name


def test_table_of_the_api_is_complete():
    rows = re.findall(r"^\| .+? \| (`.+`) \| (`.+`) \|$", (DOCS / "api.md").read_text(), re.M)
    named = {
        name: re.findall(r"`([\w.]+)`", pages)
        for names, pages in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert set(named) == set(latent_transport.__all__) == set(homes())
    for name, pages in named.items():
        assert homes()[name] in pages, name
