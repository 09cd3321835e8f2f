"""The stages that turn a coarse matte into a full-resolution matte."""
