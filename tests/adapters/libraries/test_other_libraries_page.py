"""The page on other libraries runs, and prints what it says."""

from tests.test_docs import check_page


def test_the_page_prints_what_it_says(capsys, monkeypatch):
    names = check_page("other-libraries.md", slice(None), capsys, monkeypatch)
    assert names["decoder"].latent_shape == (1, 2, 2)
