"""Builds the C kernels where there is a compiler for them; all else is in pyproject.toml."""

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

FOLDER = "src/latent_transport/kernels/c"
HEADERS = ("precisions", "elementary", "views", "logistic", "mixture", "fisher", "log_mass")
# No -ffast-math, not from CFLAGS either: it would let the compiler take rounding apart, and forget
# what is not a number.
FLAGS = [
    "-fno-fast-math",
    "-O3",
    "-std=gnu11",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-signed-zeros",
    "-fno-trapping-math",
    "-fopenmp-simd",
    "-fvisibility=hidden",
    "-g0",
]
# What not every compiler has, tried one after the other. GCC would make jumps of clamped numbers,
# which are no vectors.
OPENMP, GCC = "-fopenmp", "-fno-thread-jumps"
OPTIONS = ([GCC, OPENMP], [GCC], [OPENMP], [])


class BuildKernels(build_ext):
    """Builds a shared library, which is no module of Python."""

    def build_extension(self, extension: Extension) -> None:
        """Build with what the compiler has; a failure is told and leaves the extension out."""
        unix = self.compiler.compiler_type != "msvc"
        for options in OPTIONS if unix else [[]]:
            extension.extra_compile_args = [*FLAGS, *options] if unix else ["/O2"]
            extension.extra_link_args = [option for option in options if option == OPENMP]
            try:
                return super().build_extension(extension)
            except (CompileError, LinkError) as error:
                reason = error
        raise CompileError(
            "no working C compiler, so this installs without the C kernels: W1 runs many times "
            "slower. With a compiler, install again with --force-reinstall --no-cache-dir"
        ) from reason

    def get_export_symbols(self, extension: Extension) -> list[str]:
        """Return none of Python's: it is loaded by ctypes."""
        return []


setup(
    ext_modules=[
        Extension(
            "latent_transport.kernels.c.wasserstein1",
            [f"{FOLDER}/wasserstein1.c"],
            depends=[f"{FOLDER}/{name}.h" for name in HEADERS],
            py_limited_api=True,
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
