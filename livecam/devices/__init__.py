"""Video devices: V4L2 requests, discovery through sysfs, viewers of a virtual camera, OpenCV capture."""
