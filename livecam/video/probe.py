"""Decides whether a file is read as an image or as a video, by its content."""

from pathlib import Path

from livecam.core.media_types import MediaType, detect_media_type, is_image, is_video


def is_moving(path: Path) -> bool:
    """Return whether a file is a video or an animated image.

    The first bytes decide; if they are unknown, the suffix; if that is unknown too, whether FFmpeg finds a
    video in the file. A file that can't be read is what its name says.
    """
    media_type = detect_media_type(path)
    if media_type is MediaType.IMAGE:
        from livecam.imaging.image_io import is_animated

        return is_animated(path)
    if media_type is MediaType.VIDEO or is_video(path):
        return True
    return not is_image(path) and _has_video(path)


def _has_video(path: Path) -> bool:
    # Imported here, because PyAV costs 80 ms that most files do not need.
    from livecam.core.errors import VideoError
    from livecam.video.demux import open_input, video_stream

    try:
        with open_input(path) as container:
            video_stream(container, path)
            # The demuxers of still images are named for their format, such as "psd_pipe".
            return not container.format.name.endswith("_pipe")
    except VideoError:
        return False
