"""Long jobs on disk: pairs are written as they are solved, and not solved again."""

import hashlib
import re
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.bisection import Bisection
from latent_transport.geodesics.method import Method
from latent_transport.geodesics.paths import Geodesics, load_geodesics
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

FORMAT = "latent_transport.checkpoint/1"
JOB = "job.safetensors"  # what is solved, and how
PAIRS = re.compile(r"pairs-(\d+)-(\d+)\.safetensors")  # first, and behind the last

FIRST_PAIRS, MOST_PAIRS = 1024, 4096  # in the first file, and in any, at most
QUICK = 20.0  # seconds; what takes less is followed by twice as many pairs
PROBES = 8  # pairs whose distances tell a decoder from another
PROBE_TOLERANCE = 1e-3  # by which distances differ on another device, but not of another decoder
FREE = ("progress", "memory")  # settings of a solver on which no result depends


def connect_in_chunks(
    folder: Path,
    bisection: Bisection,
    z0: Tensor,
    z1: Tensor,
    usable: Tensor,
    label: str | None,
) -> Geodesics:
    """Connect pairs a chunk at a time, each written to the folder when it is done.

    Chunks that are there already are not solved again. A chunk has at most as many pairs as are
    solved at once anyway: 1,024, and up to 4,096 once they are known to take seconds, which is what
    a kill costs. Two processes at once do no harm.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    bisection : Bisection
        Connects the pairs of a chunk.
    z0, z1 : Tensor, shape (B, d)
        Ends.
    usable : Tensor of bool, shape (B,)
        Whether the decoder's parameters are finite at both.
    label : str or None
        Of a progress bar, if there is to be one.

    Raises
    ------
    DataError
        If the folder holds another job, or something else.
    TypeError
        If the curves are of a kind that cannot be saved.
    """
    method = bisection.method
    _open(folder, method, z0, z1)
    known = _find_chunks(folder, len(z0))
    bisection.solved += sum(end - begin for begin, end in known.items())
    most = min(MOST_PAIRS, method.count_pairs(z0[usable]))
    size = min(FIRST_PAIRS, most)
    files = []
    begin = 0
    with tqdm(total=len(z0), desc=label, disable=label is None, unit="pair") as bar:
        while begin < len(z0):
            end = known.get(begin)
            if end is None:
                end = min([begin + size, len(z0), *(other for other in known if other > begin)])
                rows = slice(begin, end)
                start = time.monotonic()
                paths = bisection.connect(z0[rows], z1[rows], usable[rows])
                paths.save(folder / _name(begin, end))
                if time.monotonic() - start < QUICK:
                    size = min(2 * size, most)
            files.append(folder / _name(begin, end))
            bar.update(end - begin)
            begin = end
    return Geodesics.join([load_geodesics(path, method.geometry) for path in files]).to(z0.device)


def _name(begin: int, end: int) -> str:
    return f"pairs-{begin:09d}-{end:09d}.safetensors"


def _find_chunks(folder: Path, count: int) -> dict[int, int]:
    """First pairs of the chunks that are whole, and the pairs behind their last ones."""
    found: dict[int, int] = {}
    for path in sorted(folder.iterdir()):
        match = PAIRS.fullmatch(path.name)
        if match is None:
            continue
        begin, end = map(int, match.groups())
        try:
            load_metadata(path)
        except DataError:
            continue  # cut off with the machine's power: solved again
        if begin < end <= count:
            found[begin] = end
    return found


def _open(folder: Path, method: Method, z0: Tensor, z1: Tensor) -> None:
    """Make the folder this job's, or check that it is."""
    job, distances = _describe(method, z0, z1), _measure(method, z0, z1)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"checkpoint is {folder}, a file; expected a folder, or a new name of one")
    if not (folder / JOB).exists():
        others = [path.name for path in folder.glob("*") if not path.name.startswith(".")]
        if others:
            raise DataError(
                f"checkpoint is {folder}, which holds other files ({', '.join(sorted(others)[:3])})"
                "; expected a folder of its own, or a new name of one"
            )
        save_arrays(folder / JOB, {"distances": distances}, job)
        return
    before = load_metadata(folder / JOB)
    if before.get("format") != FORMAT:
        raise DataError(f"{folder / JOB} is no checkpoint of ours: give another folder")
    advice = "give another folder, or delete this one to begin anew"
    for name, value in job.items():
        if before.get(name) != value:
            raise DataError(
                f"checkpoint {folder} is of another job: its {name} was {before.get(name)}, and is "
                f"{value}; {advice}"
            )
    earlier = load_arrays(folder / JOB, "distances")["distances"]
    slack = PROBE_TOLERANCE * np.nanmax(earlier, initial=0)
    if not np.allclose(earlier, distances, PROBE_TOLERANCE, slack, equal_nan=True):
        raise DataError(
            f"checkpoint {folder} is of another job: the geometry, or its decoder, has other "
            f"distances between the same points; {advice}"
        )


def _describe(method: Method, z0: Tensor, z1: Tensor) -> dict[str, str]:
    """What decides on a job's results, in words."""
    solver, start = method.solver, method.start
    settings = [
        f"{name}={value!r}"
        for name, value in vars(solver).items()
        if name not in FREE and isinstance(value, int | float | str | None)
    ]
    words = {
        "format": FORMAT,
        "dtype": str(z0.dtype),
        "pairs": f"{len(z0)} in {z0.shape[1]} dimensions ({_digest(z0, z1)})",
        "geometry": type(method.geometry).__name__,
        "solver": f"{type(solver).__name__}({', '.join(settings)})",
        "controls": str(method.controls),
        "points": str(method.points),
        "start": "line",
        "restarts": f"{len(method.bends)} ({_digest(method.bends)})",
    }
    if start != "line":
        words["start"] = (
            f"graph of {len(start.codes)} codes, {start.neighbours} neighbours "
            f"({_digest(start.codes)})"
        )
    return words


def _digest(*tensors: Tensor) -> str:
    """A few hexadecimal digits that tell tensors from others."""
    found = hashlib.sha256()
    for x in tensors:
        found.update(x.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def _measure(method: Method, z0: Tensor, z1: Tensor) -> np.ndarray:
    """Distances of the ends of a few pairs, nan where the decoder's parameters are not finite."""
    rows = torch.linspace(0, len(z0) - 1, min(PROBES, len(z0))).long().to(z0.device)
    with torch.no_grad():
        segments = torch.stack((z0[rows], z1[rows]), 1)  # (p, 2, d)
        return method.geometry.segment_lengths(segments)[:, 0].double().cpu().numpy()
