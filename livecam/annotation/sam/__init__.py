"""Segment Anything through KerasHub: image embedding, prompts, mask candidates."""
