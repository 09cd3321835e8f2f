"""Sinks: virtual camera, recorder and preview window."""
