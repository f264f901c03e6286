"""What a user tells of a model beside the model itself."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from latent_transport.adapters.decoder import Likelihood


@dataclass(frozen=True)
class Arguments:
    """Of :func:`latent_transport.adapt`; None where none was given."""

    likelihood: Likelihood | None = None
    library_size: float | None = None
    batch: Any = None

    def refuse_others(self, name: str, *known: str) -> None:
        """Refuse arguments that a model has no use for.

        Raises
        ------
        TypeError
            If there are any.
        """
        for field in fields(self):
            if field.name not in known and getattr(self, field.name) is not None:
                raise TypeError(
                    f"{field.name}= is of no use to {name}; "
                    + (f"it takes {', '.join(known)}" if known else "leave it out")
                )


Reader = Callable[[Any, Arguments], Any]
