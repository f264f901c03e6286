"""Pairs in halves, where they cannot be solved together: no memory, or errors of the decoder."""

import torch
from torch import Tensor

from latent_transport.geodesics.method import Method
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geometries.base import BLAMED
from latent_transport.memory import halve, is_exhausted

HOPELESS = 4  # pairs in a row for which a decoder raises, and none before, as it may for all


class Bisection:
    """Connects pairs, fewer at once where memory runs out, and finds those that cannot be.

    Parameters
    ----------
    method : Method
        How pairs are connected.

    Attributes
    ----------
    raised : list of str
        The error of each pair for which the decoder raised one, and which was given up.
    solved : int
        Pairs for which it raised none.
    """

    def __init__(self, method: Method) -> None:
        self.method = method
        self.raised: list[str] = []
        self.solved = 0
        self._most: int | None = None  # pairs for which the memory suffices, as far as is known

    def connect(self, z0: Tensor, z1: Tensor, usable: Tensor) -> Geodesics:
        """Connect pairs (B, d), all but those that are not usable (B,), which are given up.

        Raises
        ------
        Exception
            If memory runs out for a single pair, or the decoder raises an error for all.
        """
        lost = [(~usable).nonzero().squeeze(-1)]  # (b,) each
        waiting = [usable.nonzero().squeeze(-1)]  # (b,) each, the next one last
        rows: list[Tensor] = []
        parts: list[Geodesics] = []
        while waiting:
            first, *others = waiting.pop().split(self._most or len(z0))
            waiting += others[::-1]
            if len(first) == 0:
                continue
            try:
                part = self.method.connect(z0[first], z1[first])
            except Exception as error:
                half = self._halve(len(first), error, last=not waiting)
                if half:
                    waiting += first.split(half)[::-1]
                else:
                    lost.append(first)
                continue
            rows.append(first)
            parts.append(part)
            self.solved += len(first)
        away = torch.cat(lost)  # (b,)
        if len(away):
            rows.append(away)
            parts.append(self.method.give_up(z0[away], z1[away]))
        if len(parts) == 1:
            return parts[0]
        return Geodesics.join(parts)[torch.cat(rows).argsort()]

    def _halve(self, count: int, error: Exception, *, last: bool) -> int:
        """How many of so many pairs to try next after an error: 0 to give a single one up."""
        if is_exhausted(error):
            self._most = halve(count, error)
            return self._most
        if not any(note.startswith(BLAMED) for note in getattr(error, "__notes__", ())):
            raise error
        if count > 1:
            return (count + 1) // 2
        if self.solved == 0 and (last or len(self.raised) + 1 >= HOPELESS):
            raise error
        self.raised.append(f"{type(error).__name__}: {error}")
        return 0
