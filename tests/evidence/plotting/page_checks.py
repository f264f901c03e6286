"""What every figure is held to."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latent_transport.evidence.plotting.style import save_figure


def check_figure(draw: Callable[[], Figure], folder: Path) -> None:
    """Drawn twice, a figure gives the same bytes; nothing runs off the page."""
    for saved in ("first", "second"):
        save_figure(draw(), folder / f"{saved}.pdf", folder / f"{saved}.png")
    for suffix in (".pdf", ".png"):
        first = (folder / f"first{suffix}").read_bytes()
        assert (folder / f"second{suffix}").read_bytes() == first
    figure = draw()
    tight = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert tight.min.min() > -0.01
    assert (tight.max < figure.get_size_inches() + 0.01).all()
