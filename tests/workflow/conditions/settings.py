"""Mistakes in settings: each is named before any job; and forms of a file that are none."""

from collections.abc import Callable

from conditions.harness import Box, Condition


def override(*settings: str) -> Callable[[Box], None]:
    """Settings on the command line."""

    def prepare(box: Box) -> None:
        box.options += ["--config", *settings]

    return prepare


def write(text: str, encoding: str = "utf-8") -> Callable[[Box], None]:
    """A second file of settings, as someone's editor writes it."""

    def prepare(box: Box) -> None:
        path = box.clone.parent / "mine.yaml"
        path.write_bytes(text.encode(encoding))
        box.options += [str(path)]  # after the first one

    return prepare


SETTINGS = [
    Condition(
        "--config: a section", prepare=override("models={digit: 3}"), refused="config key models"
    ),
    Condition(
        "--config: a number for a list",
        prepare=override("digits=1"),
        refused="config key digits is 1; expected list of 1 or more different values",
    ),
    Condition(
        "--config: an unknown key",
        prepare=override("digit=[1]"),
        refused="config key digit is unknown; expected one of",
    ),
    Condition(
        "--configfile: BOM and CRLF",
        prepare=write("seed: 2022\r\ndevice: cpu\r\n", "utf-8-sig"),
    ),
    Condition("--configfile: JSON", prepare=write('{"seed": 2022}')),
    # In Latin-1, Snakemake ends in a traceback of its own before it reads our Snakefile.
    Condition("--configfile: empty", prepare=write(""), refused="with keys at top level"),
    Condition(
        "--configfile: tabs", prepare=write("data:\n\tseed: 1\n"), refused="not valid JSON or YAML"
    ),
]
