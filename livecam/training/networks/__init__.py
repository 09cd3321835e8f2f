"""Network architectures, their registry and their initial weights."""
