"""Deprecated names of `livecam.annotation`, kept for one release."""
