"""The evidence of one paper: what is measured, claimed and drawn. The library never imports it."""

from importlib.util import find_spec

_NEEDED = ("kmedoids", "matplotlib", "pandas", "seaborn", "sklearn")

if _missing := [name for name in _NEEDED if find_spec(name) is None]:
    raise ImportError(
        f"latent_transport.evidence needs {', '.join(_missing)}, which the extra 'pipeline' has: "
        "pip install 'latent-transport[pipeline]'"
    )
