"""Conversion of a long clip in parts, by several processes: each frame is the same as in one conversion.

Each part begins with some frames that bring the temporal filter to the state that it has there in one
conversion of the whole clip; they are not written. Whether it has that state is checked to the bit: what the
pipeline keeps before the first frame of a part must be what it keeps after the last frame of the part before.
If it is not, `repair_part` converts the part again from that state, up to the place where both are equal.

So the frames that reach the encoder are those of one conversion, to the bit, on machines of the same kind:
another processor may round otherwise in the network. The encoded bytes differ, because the encoder starts
anew in each part. Its key frames are where they are in one conversion, except those that it adds at scene
cuts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from livecam.core.digest import digest
from livecam.core.errors import FrameError, VideoError
from livecam.core.types import Frame
from livecam.pipeline import Pipeline, PipelineMemory
from livecam.runtime.convert import ConversionResult, FailClosedReplacer, conversion_result, refuse_same_file
from livecam.runtime.part_plan import ClipPart as ClipPart
from livecam.runtime.part_plan import ClipPlan as ClipPlan
from livecam.runtime.part_plan import plan_parts as plan_parts
from livecam.runtime.track_passthrough import TrackPassthrough
from livecam.sinks.recorder import Recorder
from livecam.video.containers import format_for_path
from livecam.video.metadata import MetadataPolicy
from livecam.video.packet_index import FrameSpan
from livecam.video.packet_writer import EncodedFrame, read_encoded_frames
from livecam.video.timestamps import FrameTicks, KeyFrameSchedule
from livecam.video.video_reader import VideoReader

FrameCounter = Callable[[int], None]
"""Called with the number of frames that were done since the last call."""


class DamagedPartError(VideoError):
    """The recording of a part is missing, or does not have all of its frames.

    Attributes:
        number: that of the part.
    """

    number = 0

    @classmethod
    def of(cls, part: ClipPart, reason: str) -> "DamagedPartError":
        """Return the error of one part."""
        error = cls(f"part {part.number} of {part.clip} is damaged ({reason})", "convert it again")
        error.number = part.number
        return error


class Checkpoint(NamedTuple):
    """Frame at which a part can be joined, because it is a key frame.

    Attributes:
        tick: its timestamp.
        state: digest of what the pipeline keeps before this frame, and of the frame before it.
    """

    tick: int
    state: str


@dataclass(frozen=True)
class PartPiece:
    """Frames of a recording that belong to a result, in steps of its time base.

    Attributes:
        path: the recording.
        first_tick: timestamp of its first frame in the whole clip.
        begin: timestamp of the first frame that belongs to the result.
        end: timestamp of the first frame after those; None: all that follow belong to it.
    """

    path: Path
    first_tick: int
    begin: int
    end: int | None = None


@dataclass(frozen=True, eq=False)
class PartResult:
    """Result of one part.

    Attributes:
        part: the part.
        pieces: where its frames are, in order.
        frames: number of its frames.
        failed_ticks: timestamps of the frames that show the background alone, because the pipeline failed.
        first_error: error of the first of them; "" if there is none.
        checkpoints: its key frames, the first frame among them.
        exit: state after its last frame.
        memory: what the pipeline keeps after its last frame. Do not write it to a file.
        last_image: digest of its last frame, as it was read.
        last_tick: timestamp of its last frame.
        end_seconds: end of the last frame of the last part; None for the others.
        broken_off_at: where the clip breaks off, in seconds, in the last part; None if it is complete.
    """

    part: ClipPart
    pieces: tuple[PartPiece, ...]
    frames: int
    failed_ticks: tuple[int, ...]
    first_error: str
    checkpoints: tuple[Checkpoint, ...]
    exit: str
    memory: PipelineMemory
    last_image: str
    last_tick: int
    end_seconds: float | None
    broken_off_at: float | None

    @property
    def entry(self) -> str:
        """State before its first frame."""
        return self.checkpoints[0].state


def convert_part(
    part: ClipPart, pipeline: Pipeline, output: Path, progress: FrameCounter = lambda frames: None
) -> PartResult:
    """Convert one part, without its audio, into a recording of its own.

    Args:
        part: the part.
        pipeline: has the settings of the plan; it is reset first.
        output: the recording, of the same type as that of the whole clip; it is replaced.
        progress: called after each frame of the part.

    Raises:
        VideoError: the clip can't be read, or not from the middle: convert it as a whole.
        SinkError: the recording can't be written.
    """
    return _PartRun(part, pipeline, output, progress).convert()


def repair_part(
    result: PartResult,
    previous: PartResult,
    pipeline: Pipeline,
    output: Path,
    progress: FrameCounter = lambda frames: None,
) -> PartResult:
    """Convert the beginning of a part again, from the state after the part before it.

    It ends at the first key frame at which the state is that of `result`, or at the end of the part.

    Args:
        result: the part, with another state before its first frame.
        previous: the part before, which is final.
        pipeline: has the settings of the plan.
        output: another recording than those of `result`; it is replaced.
        progress: called after each frame that is converted again.

    Returns:
        The part as one conversion of the whole clip makes it. It refers to the files of `result` as well.

    Raises:
        VideoError, SinkError: as `convert_part` raises them.
    """
    return _PartRun(result.part, pipeline, output, progress).repair(result, previous)


class _PartRun:
    """One run over the frames of a part, or over the first of them."""

    def __init__(self, part: ClipPart, pipeline: Pipeline, output: Path, progress: FrameCounter) -> None:
        container = format_for_path(output, pipeline.transparent)
        if container is None or container.time_base is None:
            raise VideoError(f"{output} can't be a part of a recording", "convert the clip as a whole")
        self._part, self._pipeline, self._output, self._progress = part, pipeline, output, progress
        self._time_base = container.time_base
        self._ticks = FrameTicks(self._time_base)
        self._first_tick = 0
        self._last_image: Frame | None = None
        self._checkpoints: list[Checkpoint] = []
        self._failed_ticks: list[int] = []
        self._frames = 0

    def convert(self) -> PartResult:
        """Convert the part after its warm-up."""
        self._pipeline.reset()
        return self._run(self._part.span, self._warm_up, frozenset())

    def repair(self, result: PartResult, previous: PartResult) -> PartResult:
        """Convert the part from the state of the part before, up to a checkpoint of `result`."""
        part, before = self._part, self._part.before
        if before is None:
            raise VideoError(f"the first part of {part.clip} has no part before it")
        self._pipeline.reset()
        self._pipeline.memory = previous.memory

        def resume(image: Frame, timestamp: float) -> None:
            if digest(image) != previous.last_image:
                raise _other_frames_error(part.clip)
            self._last_image, self._ticks.last = image, previous.last_tick

        # From the same key frame, so that the frames are decoded as before.
        known = frozenset(result.checkpoints[1:])
        again = self._run(replace(part.span, first=before), resume, known)
        return _put_together(again, result) if again.checkpoints[-1] in known else again

    def _run(
        self, span: FrameSpan, prepare: Callable[[Frame, float], None], ends: frozenset[Checkpoint]
    ) -> PartResult:
        """Convert the frames of `span` that belong to the part.

        Args:
            span: begins with frames before the part.
            prepare: gets each of these and its timestamp.
            ends: the run ends before the frame of one of these.
        """
        part, pipeline = self._part, self._pipeline
        with VideoReader(part.clip) as video, self._open_recorder(video) as recorder:
            replacer = FailClosedReplacer(pipeline, video.size, pipeline.transparent)
            key_frames = KeyFrameSchedule(self._time_base)
            for image, timestamp, _ in video.frames(span):
                if timestamp < part.start_seconds:
                    prepare(image, timestamp)
                    continue
                last_tick, tick = self._ticks.last, self._ticks.next(timestamp)
                if key_frames.is_due(tick):
                    self._checkpoints.append(Checkpoint(tick, self._state(last_tick)))
                    if self._checkpoints[-1] in ends:
                        break
                self._write(recorder, replacer, image, timestamp)
            if span.end is None and video.end_seconds is not None:
                end = max(self._ticks.last + 1, round(video.end_seconds / float(self._time_base)))
                recorder.hold_until(self._relative_seconds(end))
        return self._result(video, replacer.first_error)

    def _open_recorder(self, video: VideoReader) -> Recorder:
        transparent = self._pipeline.transparent
        return Recorder(self._output, video.size, video.fps, transparent=transparent, overwrite=True)

    def _warm_up(self, image: Frame, timestamp: float) -> None:
        """Show a frame to the pipeline that is not written."""
        self._ticks.next(timestamp)
        self._last_image = image
        # A stage that fails here fails in a conversion of the whole clip too, with the same state after it.
        with suppress(Exception):
            if self._part.shows_warm_up:
                self._pipeline.replace(image, timestamp)
            else:
                self._pipeline.remember(image, timestamp)

    def _write(
        self, recorder: Recorder, replacer: FailClosedReplacer, image: Frame, timestamp: float
    ) -> None:
        """Convert a frame of the part and write it; the recording begins with its first frame."""
        tick, failed = self._ticks.last, replacer.failed_frames
        if not self._frames:
            self._first_tick = tick
        recorder.send(replacer.replace(image, timestamp), self._relative_seconds(tick))
        if replacer.failed_frames > failed:
            self._failed_ticks.append(tick)
        self._last_image = image
        self._frames += 1
        self._progress(1)

    def _relative_seconds(self, tick: int) -> float:
        return float((tick - self._first_tick) * self._time_base)

    def _state(self, last_tick: int) -> str:
        """Return the digest of all that the next frames of the result depend on."""
        return digest(self._pipeline.memory_digest(), digest(self._last_image), last_tick)

    def _result(self, video: VideoReader, error: Exception | None) -> PartResult:
        if not self._frames:
            raise _other_frames_error(self._part.clip)
        return PartResult(
            part=self._part,
            pieces=(PartPiece(self._output, self._first_tick, self._first_tick),),
            frames=self._frames,
            failed_ticks=tuple(self._failed_ticks),
            first_error=str(error or ""),
            checkpoints=tuple(self._checkpoints),
            exit=self._state(self._ticks.last),
            memory=self._pipeline.memory,
            last_image=digest(self._last_image),
            last_tick=self._ticks.last,
            end_seconds=video.end_seconds,
            broken_off_at=video.broken_off_at,
        )


def _other_frames_error(clip: Path) -> VideoError:
    return VideoError(f"{clip} has other frames if it is read from the middle", "convert it as a whole")


def _put_together(again: PartResult, result: PartResult) -> PartResult:
    """Return a part whose frames before the last checkpoint of `again` are those of `again`."""
    cut = again.checkpoints[-1].tick
    kept = [piece for piece in result.pieces if piece.end is None or piece.end > cut]
    failed = (*again.failed_ticks, *(tick for tick in result.failed_ticks if tick >= cut))
    return replace(
        result,
        pieces=(replace(again.pieces[0], end=cut), *(replace(p, begin=max(p.begin, cut)) for p in kept)),
        failed_ticks=failed,
        first_error=again.first_error or (result.first_error if failed else ""),
        checkpoints=(*again.checkpoints[:-1], *(each for each in result.checkpoints if each.tick >= cut)),
    )


def find_mismatch(results: Sequence[PartResult]) -> int | None:
    """Return the number of the first part that does not continue the one before; None if all do.

    Args:
        results: all parts of a clip up to any of them, in order. Those before the one that is returned are
            final; it has to be repaired.
    """
    for previous, result in pairwise(results):
        if result.entry != previous.exit:
            return result.part.number
    return None


def join_parts(
    results: Sequence[PartResult],
    output: Path,
    *,
    overwrite: bool = False,
    metadata: MetadataPolicy = MetadataPolicy.WITHOUT_LOCATION,
) -> ConversionResult:
    """Write one file with the encoded frames of all parts, and audio, subtitles and metadata of the clip.

    Args:
        results: all parts of the clip, in order.
        output: the file, of the same type as the recordings of the parts.
        overwrite: replace an existing file.
        metadata: what is kept of title, dates, other tags, chapters and subtitles.

    Raises:
        UsageError: the output exists, or is the clip itself.
        DamagedPartError: the recording of a part can't be read, or not to its end.
        VideoError: a part is missing, or has another state than the part before.
        SinkError: the output can't be written.
    """
    clip = results[0].part.clip
    refuse_same_file(clip, output)
    _check_parts(results)
    end_seconds, first_piece = results[-1].end_seconds, _first_piece(results[0])
    with VideoReader(clip) as video:
        size, fps, start_seconds = video.size, video.fps, video.start_seconds
    with (
        TrackPassthrough(clip, start_seconds, metadata) as tracks,
        Recorder(output, size, fps, overwrite=overwrite, copied_from=first_piece) as recorder,
    ):
        tracks.attach(recorder)
        for frame in chain.from_iterable(_frames_of(result, recorder.time_base) for result in results):
            tracks.write_until(float(frame.tick * recorder.time_base), recorder)
            recorder.copy(frame)
        if end_seconds is not None:
            recorder.hold_until(end_seconds)
        tracks.finish(recorder)
    failed = sum(len(result.failed_ticks) for result in results)
    errors = [result.first_error for result in results if result.first_error]
    return conversion_result(
        recorder,
        tracks,
        output,
        failed_frames=failed,
        first_error=FrameError(errors[0]) if errors else None,
        broken_off_at=results[-1].broken_off_at,
    )


def _check_parts(results: Sequence[PartResult]) -> None:
    clip = results[0].part.clip
    numbers = [result.part.number for result in results]
    if numbers != list(range(len(numbers))) or results[-1].part.span.end is not None:
        raise VideoError(f"a part of {clip} is missing", "convert all of its parts")
    number = find_mismatch(results)
    if number is not None:
        raise VideoError(f"part {number} of {clip} does not continue the part before it", "convert it again")


def _first_piece(result: PartResult) -> Path:
    """Return the recording of the first frames; the joined file takes the codec's parameters from it.

    Raises:
        DamagedPartError: it can't be read, or has no frame.
    """
    path = result.pieces[0].path
    try:
        if next(read_encoded_frames(path, Fraction(1), 0), None) is None:
            raise DamagedPartError.of(result.part, "it has no frame")
    except VideoError as error:
        raise DamagedPartError.of(result.part, error.problem) from error
    return path


def _frames_of(result: PartResult, time_base: Fraction) -> Iterator[EncodedFrame]:
    """Yield the encoded frames of a part.

    Raises:
        DamagedPartError: they are not all there.
    """
    frames = 0
    try:
        for piece in result.pieces:
            for frame in _frames_of_piece(piece, time_base):
                yield frame
                frames += 1
    except VideoError as error:
        raise DamagedPartError.of(result.part, error.problem) from error
    # The demuxer does not report that a file is cut off.
    if frames != result.frames:
        raise DamagedPartError.of(result.part, f"{frames} of {result.frames} frames are left")


def _frames_of_piece(piece: PartPiece, time_base: Fraction) -> Iterator[EncodedFrame]:
    is_first = True
    for frame in read_encoded_frames(piece.path, time_base, piece.first_tick):
        if frame.tick < piece.begin:
            continue
        if piece.end is not None and frame.tick >= piece.end:
            break
        if is_first and not frame.is_key:
            raise VideoError(f"{piece.path} has no key frame where it is joined")
        is_first = False
        yield frame
