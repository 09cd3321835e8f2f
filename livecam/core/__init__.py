"""Errors, types, geometry, clocks, configuration and file access; imports no other package of livecam."""
