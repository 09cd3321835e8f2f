"""Frame sources: webcam, video file, image, demo and on-demand camera."""
