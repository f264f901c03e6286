"""The strength whose images are the most plausible is found."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.claims.strengths import score_strengths
from latent_transport.evidence.vocabulary import PLAUSIBILITY
from latent_transport.storage import DataError


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    line = pd.DataFrame({measure: rng.normal(size=50) for measure in PLAUSIBILITY})
    parts = []
    for path, gain in (("line", 0.0), ("0.1", 0.5), ("1.0", 2.0)):
        part = line.copy()
        for measure, words in PLAUSIBILITY.items():
            noise = 0.0 if path == "line" else rng.normal(size=50)
            part[measure] += words.sign * gain + noise
        parts.append(part.assign(path=path, pair=range(50)))
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_scores_are_mean_differences_in_units_of_their_spread():
    scores = score_strengths(make_table(), "line").set_index("strength")
    assert set(scores.index) == {0.1, 1.0}
    np.testing.assert_allclose(scores.loc[0.1, list(PLAUSIBILITY)].astype(float), 0.5, atol=0.5)
    np.testing.assert_allclose(scores.loc[1.0, "score"], 2.0, atol=0.3)
    assert scores.loc[1.0, "score"] == pytest.approx(scores.loc[1.0, list(PLAUSIBILITY)].mean())


def test_an_unknown_reference_is_refused():
    with pytest.raises(DataError, match="no path 'geodesic' among"):
        score_strengths(make_table(), "geodesic")
