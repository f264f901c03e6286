"""Set the manuscript: Typst source, bibliography, numbers and figures become a PDF."""

import argparse
import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typst

from latent_transport.storage import DataError, replacing
from workflow.scripts.command import run

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", required=True, type=Path, help="manuscript (Typst), beside what it includes"
    )
    parser.add_argument("--numbers", required=True, type=Path, help="numbers (JSON)")
    parser.add_argument("--figures", nargs="*", default=[], type=Path, help="PDF, PNG or SVG")
    parser.add_argument(
        "--captions", nargs="*", default=[], type=Path, help="NAME.rst of figures new to the source"
    )
    parser.add_argument(
        "--beside", nargs="*", default=[], type=Path, help="numbers and figures of another run"
    )
    parser.add_argument("--output", required=True, type=Path, help="PDF to write")
    arguments = parser.parse_args(argv)
    missing = [str(p) for p in (arguments.source, arguments.numbers) if not p.is_file()]
    if missing:
        raise DataError(f"{', '.join(missing)} is missing: run the workflow again to make it")
    own = (arguments.source, arguments.numbers, *arguments.figures)
    files = [path.resolve() for path in (*own, *arguments.beside)]
    # Typst reads no file outside its root; the results may lie anywhere.
    root = Path(os.path.commonpath([path.parent for path in files]))
    source, numbers, *figures = (f"/{path.relative_to(root).as_posix()}" for path in files)
    figures, others = figures[: len(arguments.figures)], figures[len(arguments.figures) :]
    captions = {path.stem: _read_caption(path) for path in arguments.captions}
    listed = {
        path.stem: {"path": figure, "caption": captions.get(path.stem, "")}
        for path, figure in zip(arguments.figures, figures, strict=True)
    }
    compile_manuscript = partial(
        typst.compile_with_warnings,
        root / source[1:],
        root=root,
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={
            "numbers": numbers,
            "figures": json.dumps(listed),
            "beside": json.dumps({Path(path).stem: path for path in others}),
        },
        # Of no consequence to the page, but the same bytes every time.
        timestamp=0,
    )
    try:
        pdf, problems = _compile(compile_manuscript)
    except typst.TypstError as error:
        raise DataError(f"{arguments.source} cannot be set: {error.diagnostic}") from error
    for problem in problems:
        logger.warning(problem.diagnostic)
    with replacing(arguments.output) as temporary:
        temporary.write_bytes(pdf)


def _compile(compile_manuscript: Callable[..., Any]) -> Any:
    """Set the manuscript with tags for those who hear it read; without, where they break it.

    Typst 0.15.1 fails at some breaks of pages, whatever the source ("internal error: parent
    group"), while it tags the file.
    """
    try:
        return compile_manuscript()
    except typst.TypstError as error:
        if "internal error" not in str(error):
            raise
        logger.info("set without tags, since Typst fails to write them: %s", error)
        return compile_manuscript(pdf_tags=False)


def _read_caption(path: Path) -> str:
    """Text of a caption of the report, without its title; empty if it depends on the report."""
    text = path.read_text(encoding="utf-8").strip()
    return "" if "{{" in text else re.sub(r"^\*\*.*?\*\*\s*", "", text)


if __name__ == "__main__":
    run(main)
