"""Training and export of the networks. Needs the train extra."""
