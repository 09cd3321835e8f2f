"""Labelled images and clips on disk: Pets layout and evaluation sets. Needs no Keras."""
