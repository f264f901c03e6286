"""A VAE's decoder as data, to be run without torch."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from latent_transport.evidence.page.packing import pack
from latent_transport.storage import DataError


def pack_decoder(weights: Mapping[str, np.ndarray], architecture: str) -> dict[str, Any]:
    """Pack the decoder of a model that :func:`latent_transport.models.save_vae` wrote.

    Weights are rounded to half precision, which moves the means of the paper's planes by less than
    a fifth of a grey level.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The model's arrays; those named ``decoder.net.<layer>.weight`` and ``.bias`` count.
    architecture : str
        The model's metadata of that name, JSON.

    Returns
    -------
    dict
        ``layers``, each with ``weight`` (out, in) and ``bias`` (out,), SiLU between them;
        ``components`` and ``minScale`` of the discretised logistic mixture; ``hidden`` widths and
        ``pixels``.

    Raises
    ------
    DataError
        If the decoder is no perceptron.
    """
    fields = json.loads(architecture)
    if fields.get("kind", "mlp") != "mlp":
        raise DataError(
            f"the decoder's kind is {fields['kind']}; the page computes mlp ones alone: set the "
            "config key models.digit.architecture.kind to mlp"
        )
    numbers = sorted(
        int(name.split(".")[2])
        for name in weights
        if name.startswith("decoder.net.") and name.endswith(".weight")
    )
    layers = [
        {
            part: pack(weights[f"decoder.net.{number}.{part}"].astype(np.float16))
            for part in ("weight", "bias")
        }
        for number in numbers
    ]
    return {
        "layers": layers,
        "components": fields["components"],
        "minScale": fields["min_scale"],
        "hidden": fields["hidden"],
        "pixels": fields["data_dim"],
    }
