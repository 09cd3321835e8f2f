"""Implementation of `livecam learn`: a user's own model from a few of their own frames."""
