"""The evidence of one paper: what is measured, claimed and drawn. The library never imports it."""
