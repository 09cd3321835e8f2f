"""Matting models: cards, lookup, inference with LiteRT and archives."""
