"""Training, evaluation and export of the segmenter; needs the train extra."""
