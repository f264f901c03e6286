"""What networks return: a tensor, a distribution, or a record that holds one of the two."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

FIELDS = ("reconstruction", "sample")  # of pythae's and of diffusers' records


def read_output(output: Any, name: str) -> Distribution | Tensor:
    """Take the tensor or distribution out of what a decoder returns.

    Parameters
    ----------
    output : object
        A tensor, a distribution, or a record with one of :data:`FIELDS`.
    name : str
        Whose decoder it is.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(output, Tensor | Distribution):
        return output
    for field in FIELDS:
        value = output.get(field) if isinstance(output, Mapping) else getattr(output, field, None)
        if isinstance(value, Tensor):
            return value
    parts = output.values() if isinstance(output, Mapping) else output
    inside = ", ".join(type(part).__name__ for part in parts) if isinstance(output, tuple) else ""
    raise TypeError(
        f"the decoder of {name} returns a {type(output).__name__}"
        f"{f' of ({inside})' if inside else ''}; expected a tensor or a distribution: say what it "
        "means, such as adapt(model, likelihood=lambda out: Normal(out[0], out[1].exp()))"
    )
