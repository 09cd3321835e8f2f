"""Synthetic training scenes: sampling, rendering, augmentation, batches."""
