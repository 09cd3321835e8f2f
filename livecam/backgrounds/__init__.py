"""backgrounds."""
