"""Bulk labelling, clip conversion and evaluation on a Ray cluster."""
