"""Conversion of a trained network to LiteRT with a model card."""
