"""Stages that change the frame itself: framing, color match and low light."""
