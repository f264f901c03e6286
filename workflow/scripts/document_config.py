"""Write config/README.md: every key of the configuration, from the schema and the two configs."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from latent_transport.storage import replacing
from workflow.configuration import code, describe_allowed, merge, read_schema, resolve, show

ROOT = Path(__file__).parents[2]
README = ROOT / "config" / "README.md"
CONFIGS = {name: ROOT / "config" / f"{name}.yaml" for name in ("paper", "quick")}

INTRODUCTION = """\
<!-- Made by: python -m workflow.scripts.document_config. Edit the schema or that script. -->
# Configuration

`paper.yaml` states every key, and every run starts from it. Files given with `--configfile`
extend it in their order, and state only what differs: `quick.yaml` and `fashion.yaml`
(Fashion-MNIST) are such files. [docs/own-data.md](../docs/own-data.md) tells how to use images of
your own.

```sh
snakemake figures --cores 2                         # Figures 1 to 4 of the paper
snakemake figures --cores 2 --config seed=1         # the same with another seed
snakemake figures --cores 2 --configfile mine.yaml  # what your own file says, else the paper
snakemake --cores 2 --configfile mine.yaml          # all of it: evidence and manuscript, too
```

Run from elsewhere, with `--snakefile PATH/Snakefile` or as a Snakemake module, this `paper.yaml` is
still what a run starts from, and results go to where it runs: the clone may be read-only. (A
`module` that is given `config:` needs all of it: load `paper.yaml` first.)

Targets stand before `--configfile`, which takes every name that follows it: give
`config/quick.yaml mine.yaml` to extend the small run. `--config` reaches single values at the top
level (`seed`, `device`, `all_digits`); what lies deeper, and lists, go into a file:

```yaml
# mine.yaml: the digits 3 and 8, with more geodesics, in folders of its own
pathvars:
  results: results/mine
  logs: results/mine/logs
  benchmarks: results/mine/benchmarks
  paper: results/mine/paper
digits: [3, 8]
geodesics:
  pairs:
    digit: {random: 200}
figures:
  surface_digit: 3
```

Without folders of its own (`pathvars`) a run replaces in `results/paper` whatever its settings
change. Lists are replaced as a whole. Write small numbers as `0.001` or `1.0e-3`: YAML takes
`1e-3` for text.

A key that is unknown, has a value that is not allowed, or contradicts another one is reported
before any job starts. The columns *paper* and *quick* give the value of each key in a run with
`paper.yaml` and with `quick.yaml`. After a change of a key or value,
`python -m workflow.scripts.document_config` writes this file anew.
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=README, help="Markdown file to write")
    arguments = parser.parse_args(argv)
    with replacing(arguments.output) as temporary:
        temporary.write_text(document(), encoding="utf-8")


def document() -> str:
    """Return the text of config/README.md."""
    schema = read_schema()
    paper, quick = (read_yaml(path) for path in CONFIGS.values())
    quick = merge(paper, quick)
    sections: dict[str, list[str]] = {}
    for path, leaf in walk(schema, schema, ()):
        cells = [code(".".join(path)), leaf["description"], describe_allowed(leaf)]
        cells += [code(show(look_up(config, path))) for config in (paper, quick)]
        title = code(path[0]) if len(path) > 1 else "Top level"
        sections.setdefault(title, []).append(f"| {' | '.join(cells)} |")
    parts = [INTRODUCTION]
    header = "| key | meaning | allowed | paper | quick |\n|---|---|---|---|---|\n"
    for title in sorted(sections, key=lambda title: title != "Top level"):
        parts.append(f"## {title}\n\n{header}" + "\n".join(sections[title]) + "\n")
    return "\n".join(parts)


def read_yaml(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def walk(
    node: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield each key without keys of its own: its path, and its part of the schema."""
    node = resolve(node, schema)
    if "properties" not in node:
        yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from walk(inner, schema, (*path, name))


def look_up(config: Mapping[str, Any], path: Sequence[str]) -> Any:
    for key in path:
        config = config[key]
    return config


if __name__ == "__main__":
    main()
