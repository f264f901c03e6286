"""The page of the zoo: a Markdown table of the worst error of each problem."""

import math

import pandas as pd

INTRODUCTION = """\
<!-- Made by: make zoo. Edit the problems in src/latent_transport/evidence/zoo, not this page. -->
# A zoo of known answers

Pairs of points whose geodesic distances are known from closed forms, quadrature or SciPy's
`solve_bvp`, solved by `connecting_geodesics(geometry, z0, z1, solver=...)`, all else by default.

Each cell is the largest error of the length, relative to the distance (in units of the data where
the distance is 0), among the pairs that are flagged `converged`; beside it, where these are not all
pairs, their share. "None" says that none is. *d* is the number of latent dimensions.
"""


def render_page(table: pd.DataFrame) -> str:
    """Return the page (Markdown) of a table.

    Parameters
    ----------
    table : DataFrame
        As :func:`latent_transport.evidence.zoo.solving.solve_zoo` returns it: a row for each
        problem, solver and dtype, of which every problem has the same.
    """
    columns = list(table[["solver", "dtype"]].drop_duplicates().itertuples(index=False, name=None))
    names = [f"{solver}, {dtype}" for solver, dtype in columns]
    lines = [_row("problem", "what it is", "*d*", "pairs", *names)]
    lines.append("|---|---|" + "--:|" * (2 + len(columns)))
    for name, rows in table.groupby("problem", sort=False):
        first = rows.iloc[0]
        each = rows.set_index(["solver", "dtype"]).loc[columns]
        cells = [show_error(row.worst_error_converged, row.converged) for row in each.itertuples()]
        lines.append(_row(name, first["note"], first["dimension"], first["pairs"], *cells))
    totals = []
    for _, rows in table.groupby(["solver", "dtype"], sort=False):
        share = (rows["converged"] * rows["pairs"]).sum() / rows["pairs"].sum()
        totals.append(show_error(rows["worst_error_converged"].max(), share))
    lines.append(_row("**all**", "the largest error, and the share of all pairs", "", "", *totals))
    return f"{INTRODUCTION}\n" + "\n".join(lines) + "\n"


def show_error(error: float, share: float) -> str:
    """Show an error with one digit, and the share of pairs that converged where it is not all."""
    if not share or math.isnan(error):
        return "none"
    mantissa, _, exponent = f"{error:.0e}".partition("e")
    shown = f"{mantissa}e{int(exponent)}" if math.isfinite(error) and error else f"{error:g}"
    # Rounded down, so that a pair that is missing is never rounded away.
    return shown if share >= 1 else f"{shown} ({math.floor(100 * share)} %)"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
