"""Detectors: one pure module each; ``catalogue.py`` lists them."""
