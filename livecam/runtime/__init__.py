"""Run a pipeline: the live loop with its threads and states, the live session, and video conversion."""
