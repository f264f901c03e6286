"""What the C kernels promise beyond their numbers: any input and thread, a way on without them."""

import ast
import math
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import kernel_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from latent_transport.kernels import constants, dispatch, native
from latent_transport.kernels.dispatch import VARIABLE, backend, resolve_backend
from latent_transport.kernels.logistic import (
    logistic_norm,
    logistic_wasserstein1,
    logistic_wasserstein1_partials,
)
from latent_transport.kernels.mixture import (
    mixture_norm,
    mixture_wasserstein1,
    mixture_wasserstein1_partials,
)

torch.set_num_threads(1)

SOURCE = Path(__file__).parents[2] / "src"
needs_library = pytest.mark.skipif(native.load() is None, reason="the C kernels were not built")
FUNCTIONS = {
    "logistic": (logistic_wasserstein1_partials, None),
    "logistic norm": (logistic_norm, None),
    "mixture": (mixture_wasserstein1_partials, 3),
    "mixture norm": (mixture_norm, 3),
}


def draw(n, components=None, dtype=torch.float32, seed=0):
    """Parameters of two distributions a pair, or of one and its velocity."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n,) if components is None else (n, components)

    def side():
        logits = [] if components is None else [torch.randn(shape, generator=generator)]
        u, v = torch.rand(2, *shape, generator=generator)
        return [x.to(dtype) for x in (*logits, u * 355 - 50, 0.05 * 1000**v)]

    return [*side(), *side()]


def evaluate(function, inputs, name):
    with backend(name):
        found = function(*inputs)
    return found if isinstance(found, tuple) else (found,)


@pytest.fixture(params=FUNCTIONS)
def case(request):
    """A function of the library and how many components it has, if any."""
    if native.load() is None:
        pytest.skip("the C kernels were not built")
    return FUNCTIONS[request.param]


locations = st.one_of(
    st.floats(-50, 305), st.floats(-1e6, 1e6), st.sampled_from([-0.5, 0.5, 127.5, 254.5])
)
scales = st.floats(math.log(1e-6), math.log(1e15)).map(math.exp)
steps = st.sampled_from([0.0, 1e-7, -1e-7, 1e-3, 0.5])


@needs_library
@settings(max_examples=100, deadline=None)
@given(locations, scales, st.none() | locations, st.none() | scales, steps, steps)
def test_extremes_match_the_dense_sum(loc_p, scale_p, loc_q, scale_q, dloc, dscale):
    loc_q = loc_p * (1 + dloc) if loc_q is None else loc_q
    scale_q = scale_p * (1 + dscale) if scale_q is None else scale_q
    p_q = [torch.tensor([x], dtype=torch.float64) for x in (loc_p, scale_p, loc_q, scale_q)]
    p_q = [x.float().double() for x in p_q]
    limited = [p_q[0], p_q[1].clamp(1e-5, 1e15), p_q[2], p_q[3].clamp(1e-5, 1e15)]
    limited = [x.clamp(-1e15, 1e15) for x in limited]
    expected = reference.logistic_wasserstein1_without_cancellation(*limited)
    ends = (
        reference.logistic_cdf_slopes(*limited[:2]),
        reference.logistic_cdf_slopes(*limited[2:]),
    )
    moved = [x.abs().sum(-1) for end in ends for x in end]
    for dtype in (torch.float32, torch.float64):
        inputs = [x.to(dtype) for x in p_q]
        value, partials = evaluate(logistic_wasserstein1_partials, inputs, "c")
        eager = evaluate(logistic_wasserstein1, inputs, "eager")[0]
        rounding = torch.finfo(dtype).eps * sum(
            x.abs() * y for x, y in zip(limited, moved, strict=True)
        )
        single = dtype == torch.float32
        closed = (1e-3 if single else 1e-6) * (min(limited[1], limited[3]) <= 1e4)
        allowed = (1e-5 if single else 1e-7) * expected + closed * (1 + expected)
        # Far from steep distributions the sum's own terms cancel.
        far = (limited[0].abs() + limited[2].abs() + 255) / min(limited[1], limited[3])
        allowed += 4 * torch.finfo(torch.float64).eps * far * expected
        assert (value - expected).abs() <= allowed + 4 * rounding
        assert (value - eager).abs() <= 1e-5 * (1 + eager) + 4 * rounding
        assert partials.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_eager(case, dtype):
    function, components = case
    inputs = draw(997, components, dtype)
    expected = evaluate(function, inputs, "eager")
    for found, truth in zip(evaluate(function, inputs, "c"), expected, strict=True):
        assert found.dtype == dtype
        near = 1e-5 if dtype == torch.float32 else 1e-11
        torch.testing.assert_close(found, truth, rtol=near, atol=10 * near)


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", range(6))
def test_what_is_no_number_is_treated_as_eager_does(case, special, number):
    function, components = case
    inputs = draw(70, components)
    if number >= len(inputs):
        pytest.skip("this one has four inputs")
    inputs[number].view(70, -1)[::7, 0] = special
    near = {"rtol": 1e-4, "atol": 1e-4, "equal_nan": True}
    expected, found = (evaluate(function, inputs, name) for name in ("eager", "c"))
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, **near)


def test_threads_change_no_bit(case):
    function, components = case
    inputs = draw(40_000 if components is None else 3000, components)
    expected = evaluate(function, inputs, "c")
    torch.set_num_threads(2)
    try:
        found = evaluate(function, inputs, "c")
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(x, y) for x, y in zip(found, expected, strict=True))


def test_a_pair_is_the_same_wherever_it_stands(case):
    function, components = case
    inputs = draw(1100, components)
    (whole, *_), (tail, *_) = (
        evaluate(function, x, "c") for x in (inputs, [y[1093:] for y in inputs])
    )
    assert torch.equal(whole[1093:], tail)


def test_strides_do_not_matter(case):
    function, components = case
    rest = () if components is None else (components,)
    base = [x.reshape(6, 5, 20, *rest) for x in draw(600, components)]
    layouts = [
        base[0].transpose(0, 1).contiguous().transpose(0, 1),
        base[1].flip(1).flip(1)[:, :, ::1],
        torch.cat((base[2], base[2]), 2)[:, :, :20],
        base[3][:1, :, :1].expand(6, 5, 20, *rest),
        *base[4:],
    ]
    layouts[1] = torch.stack((layouts[1], layouts[1]), -1)[..., 1]
    found = evaluate(function, [x[1:, :, 2:] for x in layouts], "c")
    expected = evaluate(function, [x[1:, :, 2:].contiguous() for x in layouts], "c")
    assert all(torch.equal(x, y) for x, y in zip(found, expected, strict=True))


def test_any_number_of_dimensions(case):
    function, components = case
    inputs = draw(24, components)
    rest = () if components is None else (components,)
    expected = evaluate(function, inputs, "c")[0]
    shape = (1,) * 20 + (2, 1, 3, 4, *rest)
    many = evaluate(function, [x.reshape(shape) for x in inputs], "c")[0]
    assert torch.equal(many.flatten(), expected)
    assert torch.equal(evaluate(function, [x[5] for x in inputs], "c")[0], expected[5])
    assert evaluate(function, [x[:0] for x in inputs], "c")[0].shape == (0,)


@needs_library
def test_numbers_that_are_not_in_memory_are_read_right():
    loc, scale, dloc, dscale = draw(50)
    expected = evaluate(logistic_norm, (loc, scale, -dloc, 0 * dscale), "c")[0]
    late = (loc, scale, torch._neg_view(dloc), torch._efficientzerotensor((50,)))
    assert torch.equal(evaluate(logistic_norm, late, "c")[0], expected)


@needs_library
@pytest.mark.parametrize("capability", ["DEFAULT", "AVX2", "AVX512"])
def test_every_level_of_instructions_agrees(capability, tmp_path):
    levels = ["DEFAULT", "AVX2", "AVX512"]
    highest = torch.backends.cpu.get_cpu_capability()
    if levels.index(capability) > (levels.index(highest) if highest in levels else 0):
        pytest.skip(f"this processor has no {capability}")
    np.savez(tmp_path / "inputs.npz", *(x.numpy() for x in draw(500) + draw(100, 3)))
    script = (
        "import sys, numpy, torch\n"
        "from latent_transport.kernels import logistic, mixture\n"
        "torch.set_num_threads(1)\n"
        "x = [torch.from_numpy(a) for a in numpy.load(sys.argv[1]).values()]\n"
        "for dtype in torch.float32, torch.float64:\n"
        "    x = [a.to(dtype) for a in x]\n"
        "    found = (*logistic.logistic_wasserstein1_partials(*x[:4]), "
        "logistic.logistic_norm(*x[:4]), *mixture.mixture_wasserstein1_partials(*x[4:]), "
        "mixture.mixture_norm(*x[4:]))\n"
        "    name = sys.argv[2] + str(dtype)[6:] + '.npz'\n"
        "    numpy.savez(name, *(a.numpy() for a in found))\n"
    )
    for name in ("eager", "c"):
        command = [sys.executable, "-c", script, tmp_path / "inputs.npz", tmp_path / name]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), VARIABLE: name}
        environment["ATEN_CPU_CAPABILITY"] = capability.lower()
        subprocess.run(command, check=True, env=environment)
    for precision, near in (("float32", 1e-5), ("float64", 1e-11)):
        found, expected = (np.load(tmp_path / f"{name}{precision}.npz") for name in ("c", "eager"))
        for x, y in zip(found.values(), expected.values(), strict=True):
            np.testing.assert_allclose(x, y, rtol=near, atol=10 * near)


@needs_library
def test_gradients_of_the_norm_are_not_lost():
    inputs = [x.requires_grad_() for x in draw(20, 3, torch.float64)]
    with backend("c"):
        assert mixture_norm(*inputs).requires_grad
        mapped = torch.func.vmap(logistic_norm)(*(x.detach() for x in inputs[:4]))
        torch.testing.assert_close(mapped, logistic_norm(*(x.detach() for x in inputs[:4])))


@needs_library
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_what_is_traced_is_recorded():
    """A recorded program holds PyTorch's operations, and computes anew from other inputs."""
    first, other = draw(9), draw(9, seed=1)
    expected = logistic_wasserstein1(*other)
    with backend("c"):
        for trace in (make_fx(logistic_wasserstein1)(*first), compile_eagerly):
            torch.testing.assert_close(trace(*other), expected, rtol=1e-5, atol=1e-5)


def compile_eagerly(*inputs):
    return torch.compile(logistic_wasserstein1, backend="eager")(*inputs)


@needs_library
def test_c_is_chosen_for_plain_tensors_alone(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert resolve_backend(torch.zeros(2)) == "c"
    assert resolve_backend(torch.zeros(2, requires_grad=True), torch.zeros(2)) == "c"
    assert resolve_backend(torch.zeros(2, device="meta")) == "eager"
    assert resolve_backend(torch._to_functional_tensor(torch.zeros(2))) == "eager"
    with backend("c"), torch.inference_mode():
        assert resolve_backend(torch.zeros(2)) == "c"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The folder, still empty, from which the library is loaded anew."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    caches = (native._load, dispatch._warn_without_c)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


def test_without_the_library_the_kernels_go_on_and_say_so(folder):
    inputs = draw(5)
    with pytest.warns(RuntimeWarning, match=r"without its C kernels.*none were built"):
        value = logistic_wasserstein1(*inputs)
    assert torch.equal(value, evaluate(logistic_wasserstein1, inputs, "eager")[0])
    with (
        backend("c"),
        pytest.raises(ImportError, match=r"no C kernels.*none were built.*--no-cache-dir"),
    ):
        mixture_wasserstein1(*draw(5, 2))


def test_a_library_that_does_not_load_counts_as_none_and_says_why(folder):
    suffix = native.importlib.machinery.EXTENSION_SUFFIXES[0]
    (folder / f"{native.NAME}{suffix}").write_bytes(b"of another machine")
    assert native.load() is None
    with pytest.warns(RuntimeWarning, match="does not load here"):
        logistic_wasserstein1(*draw(5))


def test_a_library_of_an_older_version_counts_as_none_and_says_why(folder):
    suffix = native.importlib.machinery.EXTENSION_SUFFIXES[0]
    # Any other library lacks the functions of this version, too.
    shutil.copy(torch._C.__file__, folder / f"{native.NAME}{suffix}")
    with pytest.warns(RuntimeWarning, match="built of an older version.*--force-reinstall"):
        logistic_wasserstein1(*draw(5))


def test_a_folder_that_may_not_be_read_counts_as_empty(folder, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    assert native.load() is None
    assert "Permission denied" in native.explain()


def test_fast_mathematics_of_the_environment_is_switched_off():
    """CFLAGS come before our flags; -ffast-math among them would forget what is no number."""
    compiler = sysconfig.get_config_var("CC")
    if not compiler or not shutil.which(compiler.split()[0]):
        pytest.skip("there is no C compiler")
    setup = (SOURCE.parent / "setup.py").read_text("utf-8")
    flags = ast.literal_eval(re.search(r"^FLAGS = (\[.*?^\])", setup, re.MULTILINE | re.DOTALL)[1])
    command = [*compiler.split(), "-ffast-math", *flags, "-dM", "-E", "-x", "c", os.devnull]
    macros = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "__FAST_MATH__" not in macros
    assert "#define __FINITE_MATH_ONLY__ 0" in macros


def test_the_sources_have_the_constants_of_the_others():
    text = "".join(path.read_text("utf-8") for path in sorted(native.FOLDER.glob("*.h")))
    found = dict(re.findall(r"^#define (\w+) ([\d.e-]+)(?: |$)", text, re.MULTILINE))
    names = ("EDGES", "MIN_SCALE", "LIMIT", "DIRECT_EDGES", "STAIRCASE_EDGES", "STEEP")
    assert {name: float(found[name]) for name in names} == {
        name: getattr(constants, name) for name in names
    }
    assert float(found["LAST"]) == constants.EDGES
