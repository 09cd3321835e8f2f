"""Threads of all decoders and encoders of this process, which a worker of a cluster limits."""

_limit = 0


def limit_codec_threads(count: int) -> None:
    """Limit the threads of each decoder and encoder that is opened from now on; 0: no limit.

    FFmpeg gives each decoder a thread for each processor. Where a process has one processor of many, these
    only wait for each other, and hold frames in memory.
    """
    global _limit
    _limit = count


def limited(threads: int) -> int:
    """Return a number of threads within the limit; 0: as many as there are processors."""
    return min(threads or _limit, _limit) if _limit else threads
