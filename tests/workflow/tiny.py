"""The tiny run: its settings, and what of it must be the same every time."""

import hashlib
import json
from pathlib import Path

import pandas as pd
from sandbox import plan, run_snakemake, write_config

SETTINGS = {
    "pathvars": {
        "results": "results/tiny",
        "logs": "results/tiny/logs",
        "benchmarks": "results/tiny/benchmarks",
        "paper": "results/tiny/paper",
    },
    "device": "cpu",
    "data": {"source": "sample", "validation_fraction": 0.2},
    "digits": [1],
    "models": {
        "digit": {
            "architecture": {"hidden": [32]},
            "schedule": {"epochs": 2, "batch_size": 32, "learning_rate": 0.004},
        },
        "all": {
            "architecture": {"latent_dim": 3, "hidden": [32]},
            "schedule": {"epochs": 2, "batch_size": 64, "learning_rate": 0.004},
        },
    },
    "geodesics": {
        "controls": 4,
        "points": 12,
        "max_iterations": 8,
        "chunks": 2,
        "pairs": {"digit": {"random": 2, "far": 1}, "all": {"random": 2, "far": 1}},
    },
    "figures": {
        "field_size": 6,
        "indicatrices": 3,
        "curves": 2,
        "pairs": 2,
        "images": 3,
        "extended": ["wasserstein2"],
        "surface_digit": 1,
    },
    "evidence": {
        "parts": [],
        "classifier": {"epochs": 1, "batch_size": 256, "learning_rate": 0.01},
    },
    "paper": {"benchmarks": False, "reference": None},
}
# What a run tells of its times, and of the machine's load.
TIMES = r"seconds.*|finished"


def change(settings: dict, **changes: object) -> dict:
    """Copy settings with some keys changed; two underscores stand for a dot."""
    changed = json.loads(json.dumps(settings))
    for path, value in changes.items():
        *sections, key = path.split("__")
        part = changed
        for section in sections:
            part = part[section]
        part[key] = value
    return changed


def plan_tiny(repository: Path, *targets: str, **changes: object) -> dict[str, int]:
    """Return how many jobs of each rule a tiny run with some settings changed would start."""
    config = write_config(repository, change(SETTINGS, **changes))
    return plan(repository, *targets, "--configfile", config)


def run_tiny(repository: Path, *targets: str, cores: int = 2, **changes: object) -> None:
    """Make a tiny run with some settings changed."""
    config = write_config(repository, change(SETTINGS, **changes))
    done = run_snakemake(repository, *targets, "--cores", cores, "--configfile", config)
    assert done.returncode == 0, done.stdout


def fingerprint(results: Path) -> dict[str, str]:
    """Return a hash of each result of a run, by its path; of tables, without their times."""
    return {
        str(path.relative_to(results)): hashlib.sha256(read_timeless(path)).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
        and not path.name.endswith(".provenance.json")
    }


def read_timeless(path: Path) -> bytes:
    """Return what a file holds, apart from times."""
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table.drop(columns=table.filter(regex=TIMES)).to_csv(index=False).encode()
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        return table.drop(columns=table.filter(regex=TIMES)).to_parquet(index=False)
    if path.name == "numbers.json":
        return json.dumps(drop_times(json.loads(path.read_text()))).encode()
    if path.name == "numbers.tex":
        lines = path.read_text().splitlines()
        return "\n".join(line for line in lines if "Seconds" not in line).encode()
    return path.read_bytes()


def drop_times(numbers: object) -> object:
    """Return the tree of numbers without times."""
    if not isinstance(numbers, dict):
        return numbers
    return {
        name: drop_times(value) for name, value in numbers.items() if not name.startswith("seconds")
    }
