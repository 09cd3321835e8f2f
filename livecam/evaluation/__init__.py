"""Metrics and reports of a model on labelled images or clips. Needs no Keras."""
