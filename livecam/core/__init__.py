"""Errors, types, geometry, clocks, configuration and files; imports nothing of livecam."""
