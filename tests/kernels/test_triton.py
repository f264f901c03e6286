"""The GPU kernels without a GPU: interpreted against float64, and compiled ahead of time."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch

from latent_transport.kernels import logistic, mixture
from latent_transport.kernels.dispatch import backend
from tests.devices import needs_gpu

triton = pytest.importorskip("triton", reason="the GPU kernels need the package triton")

torch.set_num_threads(1)

SOURCE = pathlib.Path(__file__).parents[2] / "src"
SCRIPT = textwrap.dedent("""
    import sys
    import numpy as np, torch
    from latent_transport import kernels
    from latent_transport.kernels import logistic, mixture
    torch.set_num_threads(1)
    results = {}
    with np.load(sys.argv[1]) as inputs, kernels.backend("triton"):
        for name in inputs.files:
            x = [torch.from_numpy(a) for a in inputs[name]]
            single = x[0].ndim == 1
            module = logistic if single else mixture
            function = "logistic_wasserstein1" if single else "mixture_wasserstein1"
            value, partials = getattr(module, function + "_partials")(*x)
            results[name + "/value"] = value.numpy()
            results[name + "/partials"] = partials.numpy()
            if single:
                results[name + "/alone"] = getattr(module, function)(*x).numpy()
    np.savez(sys.argv[2], **results)
""")


def draw(n, components, displacement, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n,) if components is None else (n, components)

    def parameters():
        logits = [] if components is None else [2 * torch.randn(shape, generator=generator)]
        u, v = torch.rand(2, *shape, generator=generator)
        return [*logits, u * 355 - 50, 0.05 * 1000**v]

    p, q = parameters(), parameters()
    if displacement is not None:
        u = torch.rand(len(p), *shape, generator=generator)
        q = [x * (1 + displacement * (2 * v - 1)) for x, v in zip(p, u, strict=True)]
    return torch.stack([*p, *q])


def draw_wide(n):
    """Pairs of which neither, one or both are wider than the closed form serves."""
    p = draw(2 * n, None, None)
    p[1], p[3] = p[1] * 1e5 ** (torch.arange(2 * n) % 2), p[3] * 1e5 ** (torch.arange(2 * n) // n)
    return p


def draw_far():
    """Steep pairs of which one is so far away that float32 cannot add half a level to it."""
    q = draw(100, None, None)
    q[0], q[1] = 2.0**23 + 1 + 2 * torch.arange(100), 1e-4
    return q


CASES = {
    "logistic-wide": draw_wide(100),
    "logistic-far": draw_far(),
    **{f"logistic-{d}": draw(150, None, d) for d in (None, 0.3, 0.003, 0.0)},
    **{f"mixture-{d}": draw(20, 3, d) for d in (None, 0.003)},
}
# More pairs than a GPU computes at once; the interpreter would take hours.
LARGE = {
    "logistic-large": partial(draw, 1_000_003, None, None),
    **{f"mixture-large-{k}": partial(draw, 10_007, k, None) for k in (5, 10)},
}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interpreted")
    np.savez(folder / "inputs.npz", **{name: x.numpy() for name, x in CASES.items()})
    subprocess.run(
        [sys.executable, "-c", SCRIPT, folder / "inputs.npz", folder / "results.npz"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TRITON_INTERPRET": "1"},
    )
    with np.load(folder / "results.npz") as results:
        return {name: torch.from_numpy(results[name]) for name in results.files}


def check_against_float64(inputs, value, partials):
    """Compare a kernel's value and partials with those of PyTorch's operations, on the CPU."""
    inputs = inputs.double()
    module = logistic if inputs.ndim == 2 else mixture
    function = getattr(module, f"{module.__name__.split('.')[-1]}_wasserstein1_partials")
    with backend("eager"):
        expected, slopes = function(*inputs)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(partials.double(), slopes, rtol=1e-4, atol=1e-5)
    for found, slope in zip(partials, slopes, strict=True):
        assert (found - slope).norm() <= 1e-6 * slope.norm()


@pytest.mark.parametrize("name", CASES)
def test_interpreted_kernel_matches_float64(interpreted, name):
    value, partials = interpreted[name + "/value"], interpreted[name + "/partials"]
    check_against_float64(CASES[name], value, partials)
    assert torch.equal(interpreted.get(name + "/alone", value), value)


@needs_gpu
@pytest.mark.parametrize("name", [*CASES, *LARGE])
def test_kernel_on_a_gpu_matches_float64(name):
    inputs = LARGE[name]() if name in LARGE else CASES[name]
    function = logistic.logistic_wasserstein1_partials
    if inputs.ndim == 3:
        function = mixture.mixture_wasserstein1_partials
    with backend("triton"):
        value, partials = function(*inputs.cuda())
    check_against_float64(inputs, value.cpu(), partials.cpu())


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("components", [1, 5, 10])
def test_kernel_compiles_ahead_of_time_without_spills(
    components, capability, tmp_path, monkeypatch
):
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("the interpreter does not compile")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from latent_transport.kernels import triton_logistic, triton_mixture

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    module = triton_logistic if components == 1 else triton_mixture
    constants = {"WITH_PARTIALS": True, "LANES": module.LANES}
    if components > 1:
        constants["K"] = components
    signature = {
        name: "constexpr" if name in constants else "i32" if name == "n" else "*fp32"
        for name in module.evaluate.arg_names
    }
    kernel = triton.compile(
        ASTSource(module.evaluate, signature=signature, constexprs=constants),
        target=GPUTarget("cuda", capability, 32),
    )
    assert f".target sm_{capability}" in kernel.asm["ptx"]

    dumper = pathlib.Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    if not dumper.exists():
        pytest.skip("this triton brings no cuobjdump to read the use of registers with")
    binary = tmp_path / "kernel.cubin"
    binary.write_bytes(kernel.asm["cubin"])
    usage = subprocess.run(
        [dumper, "-res-usage", binary], capture_output=True, text=True, check=True
    )
    found = re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", usage.stdout + usage.stderr)
    registers, stack, local = map(int, found.groups())
    assert registers <= 255
    assert stack == local == 0
