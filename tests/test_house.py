"""The house: rooms in the order of their imports, and faces that are for users alone."""

import ast
import re
import sys
from itertools import pairwise
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "latent_transport"
FACES = {
    ".".join(path.relative_to(SOURCE.parent).parent.parts) for path in SOURCE.rglob("__init__.pyi")
} | {"latent_transport.solvers", "latent_transport.training"}
# From the bottom up, rooms within rooms: a module imports from its own room and those before it.
INNER = {
    "latent_transport.evidence": (
        *("keys", "vocabulary", "data", "zoo", "measures", "peers", "claims", "plotting", "page"),
    ),
    "latent_transport.evidence.zoo": (
        *("problems", "clairaut", "boundary", "spheres", "surfaces", "developable", "families"),
        *("weights", "collection", "solving", "pages"),
    ),
    "latent_transport.evidence.peers": (
        *("problems", "base", "lengths", "catalogue", "workers"),
        ("finslerax", "geomstats", "ours", "solve_bvp", "stochman"),
    ),
    "latent_transport.adapters": (
        *("decoder", "arguments", "outputs", "twins"),
        ("diffusers", "modules", "pythae", "scvi", "stochman"),
        *("arrays", "adapt"),
    ),
    "latent_transport.geodesics": (
        *("curves", "rounding", "solvers", "verification", "refinement", "records", "drawing"),
        *("images", "paths", "graphs", "stochman", "choice", "method", "bisection", "checkpoints"),
        *("connect", "settings"),
    ),
    "latent_transport.maps": (
        *("momenta", "logarithm", "segments", "exponential", "transport", "curvature"),
    ),
    "latent_transport.statistics": (
        *(
            "estimators",
            "neighbours",
            "distances",
            "smoothing",
            "fans",
            "centres",
            "assignment",
            "clusters",
            "means",
        ),
        *("projections", "components", "randomness"),
    ),
    "latent_transport.models": (
        *("architectures", "networks", "weights", "vae", "elbo", "loop", "training", "densities"),
        *("uncertainty", "ensembles", "loading"),
    ),
    "latent_transport.geodesics.solvers": (
        *("names", "outcomes", "base", "batches", "objective", "normal_matrix", "preconditioners"),
        *("quadratic", "krylov", "region", "budget", "newton", "secants", "steps", "stopping"),
        *("descent", "lbfgs", "gauss_newton", "adam"),
    ),
    "latent_transport.kernels": (
        *(
            "constants",
            "native",
            "dispatch",
            "blocks",
            "autograd",
            "triton_math",
            "triton_logistic",
        ),
        *("logistic", "mixture_terms", "mixture_unrolled", "triton_mixture", "mixture"),
    ),
}


@pytest.fixture(scope="module")
def graph():
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    try:
        return grimp.build_graph("latent_transport", "workflow", cache_dir=None)
    finally:
        del sys.path[:2]


@pytest.fixture(scope="module")
def rows():
    """Rooms of the library, a tuple a row of the map in CONTRIBUTING.md, from the bottom up."""
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    table = [re.findall(r"`(\w+)(?:\.py|/)`", line) for line in lines if line.startswith("| ")]
    rows = [tuple(name for name in row if exists(name)) for row in table]
    return [row for row in rows if row]


def exists(name: str) -> bool:
    return (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def find_illegal(graph, rows, container="latent_transport"):
    """Imports against the order of the rows."""
    found = graph.find_illegal_dependencies_for_layers(
        layers=[set(row) if isinstance(row, tuple) else {row} for row in reversed(rows)],
        containers={container},
    )
    return sorted(f"{each.importer} imports {each.imported}" for each in found)


def test_every_room_is_on_the_map(rows):
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert {name for row in rows for name in row} == packages | modules


def test_rooms_import_only_from_those_above_them_on_the_map(graph, rows):
    assert find_illegal(graph, rows) == []
    assert find_illegal(graph, rows[::-1])  # the order matters


@pytest.mark.parametrize("room", INNER)
def test_inside_a_room_imports_go_one_way(graph, room):
    assert find_illegal(graph, INNER[room], room) == []


def test_no_module_imports_itself_by_way_of_others(graph):
    modules = [module for module in graph.modules if module.startswith("latent_transport.")]
    circles = [module for module in modules if module in graph.find_upstream_modules(module)]
    assert circles == []


def test_our_own_code_imports_no_face(graph):
    imported = {
        (module, face)
        for module in graph.modules - FACES
        for face in graph.find_modules_directly_imported_by(module) & FACES
    }
    # A module of a room may be imported through it, as in "from room import module".
    assert {pair for pair in imported if not names_modules_only(*pair)} == set()


def names_modules_only(module: str, face: str) -> bool:
    path = (SOURCE.parent if module.startswith("latent_transport") else ROOT) / Path(
        *module.split(".")
    ).with_suffix(".py")
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == face
        for alias in node.names
    ]
    folder = SOURCE.parent / Path(*face.split("."))
    return bool(names) and all((folder / f"{name}.py").is_file() for name in names)


@pytest.mark.parametrize("face", sorted(FACES))
def test_faces_have_no_logic(face):
    path = SOURCE.parent / Path(*face.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    allowed = (ast.Import, ast.ImportFrom, ast.Assign)
    first, *others = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(first, ast.Expr)  # the docstring
    assert all(isinstance(node, allowed) for node in others)


def test_no_two_files_of_tests_have_one_name():
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, other in pairwise(names) if name == other] == []
