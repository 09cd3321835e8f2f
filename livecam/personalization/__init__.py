"""personalization."""
