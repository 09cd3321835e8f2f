"""Annotation of frames with Segment Anything: masks of images, and data sets in Pets layout from clips."""
