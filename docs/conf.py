"""How Sphinx sets the site: make docs."""

from importlib.metadata import version as find_version

project = "latent-transport"
author = "The latent-transport developers"
copyright = author
version = release = find_version("latent-transport")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.md5", "gallery/*.py", "gallery/*.zip"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_inherit_docstrings = False  # torch's are not of this site
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give shapes, which types do not
autosummary_imported_members = True
napoleon_google_docstring = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
}

html_theme = "furo"
html_title = "latent-transport"
html_theme_options = {"navigation_with_keys": True}
