"""m4a, mp4, mkv, webm and whatever else FFmpeg reads, through PyAV: the sound enhanced, the picture copied as it is.

Needs the extra ``media``; PyAV's wheels bring FFmpeg's libraries.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioFileError, MissingExtraError
from .formats import VIDEO
from .reader import Reader, TruncatedFileError

try:
    import av
except (ImportError, OSError) as error:
    raise MissingExtraError("media", error) from error

__all__ = ["MediaReader", "open_media", "written"]

Audio = NDArray[np.float32]

_CONTAINERS = {
    ".aac": ("adts", ("aac",)), ".m4a": ("ipod", ("aac", "alac")), ".mka": ("matroska", ("aac", "opus", "flac", "mp3")),
    ".mkv": ("matroska", ("aac", "opus", "flac", "mp3")), ".mov": ("mov", ("aac", "alac")),
    ".mp4": ("mp4", ("aac", "opus", "flac", "mp3")), ".m4v": ("mp4", ("aac",)), ".webm": ("webm", ("opus",)),
}  # fmt: skip
"""FFmpeg's name for each suffix, and the audio codecs to keep in it; the first one if the source has another."""
_ENCODERS = {"opus": "libopus", "mp3": "libmp3lame"}
_LOSSLESS = {"alac", "flac"}
_CHANNEL_BITS = {"aac": 96_000, "opus": 64_000, "mp3": 96_000}
"""Bits per second for each channel, if the source does not say."""
_SUBTYPES = {"flac": "PCM_24", "alac": "PCM_24", "pcm_s24le": "PCM_24", "pcm_f32le": "FLOAT"}
"""Sample formats to keep when the output is one of libsndfile's; else 16 bits."""
_GAP_SECONDS = 0.1, 600.0
"""A pause between frames as long as this is filled with silence, so that sound and picture stay together; a longer one
is a damaged time stamp."""
_LOOSE_SECONDS = 0.5
"""Tolerance by which a container's stated length may exceed its contents."""
_STATE_LENGTH = ("matroska", "mov")
"""Formats that state a length; for others FFmpeg guesses."""
_EXACT = "mov"
"""The family of formats (m4a, mp4, mov) that state it to the sample; Matroska rounds to milliseconds."""


class MediaReader:
    """A file that FFmpeg reads; see :class:`percepnet_wasm.files.reader.Reader`.

    Attributes
    ----------
    container : av.container.InputContainer
    stream : av.AudioStream
        The first audio stream, which is enhanced.
    others : list of av.Stream
        Set by the writer: streams to copy. Their packets are passed to :attr:`pass_on`.
    pass_on : callable
        Set by the writer too; takes a packet.
    start : Fraction
        Seconds on the container's clock at which the sound begins; known with the first block.
    """

    def __init__(self, container: Any, path: Path) -> None:
        self.container, self.name = container, str(path)
        if not container.streams.audio:
            raise AudioFileError(f"{path} has no sound: there is nothing to enhance")
        self.stream = container.streams.audio[0]
        codec = self.stream.codec_context
        self.samplerate, self.channels = codec.sample_rate, codec.layout.nb_channels
        self.format, self.subtype = "WAV", _SUBTYPES.get(codec.name, "PCM_16")
        length = self.stream.duration * self.stream.time_base if self.stream.duration else None
        if length is None and container.duration:
            length = Fraction(container.duration, av.time_base)
        self.seconds = float(length) if length else None
        bits = codec.bit_rate if codec.name not in _LOSSLESS else None
        self.bit_rate = float(bits) if bits else None
        self.others: list[Any] = []
        self.pass_on: Callable[[Any], None] = lambda packet: None
        self.start = Fraction(0)

    def blocks(self) -> Iterator[Audio]:
        """Yield blocks of about a second."""
        pieces: list[Audio] = []
        broken: TruncatedFileError | None = None
        try:
            for piece in self._pieces():
                pieces.append(piece)
                if sum(map(len, pieces)) >= self.samplerate:
                    yield np.concatenate(pieces)
                    pieces = []
        except TruncatedFileError as error:
            broken = error
        if pieces:
            yield np.concatenate(pieces)
        if broken:
            raise broken

    def _pieces(self) -> Iterator[Audio]:
        """Decode frame by frame, and pass the other streams' packets on."""
        resampler = av.AudioResampler("flt", self.stream.codec_context.layout, self.samplerate)
        position, reached, first = 0, Fraction(0), True
        try:
            # All streams: the picture may outlast the sound.
            for packet in self.container.demux():
                if packet.pts is not None and packet.time_base:
                    reached = max(reached, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream is not self.stream:
                    if packet.stream in self.others and packet.dts is not None:
                        self.pass_on(packet)
                    continue
                for frame in packet.decode():
                    if frame.pts is not None:
                        at = frame.pts * frame.time_base
                        if first:
                            self.start = at
                        gap = float(at - self.start) - position / self.samplerate
                        if gap > _GAP_SECONDS[1]:
                            raise TruncatedFileError("the time stamps jump")
                        if gap > _GAP_SECONDS[0]:
                            silence = np.zeros((round(gap * self.samplerate), self.channels), np.float32)
                            position += len(silence)
                            yield silence
                    first = False
                    for plain in resampler.resample(frame):
                        samples = plain.to_ndarray().reshape(-1, self.channels).astype(np.float32, copy=False)
                        samples = samples[: len(samples) - self._padding(position + len(samples), len(samples))]
                        position += len(samples)
                        yield samples
        except av.FFmpegError as error:
            raise TruncatedFileError(str(error.strerror)) from error
        whole = self.container.duration if self.container.format.name.startswith(_STATE_LENGTH) else None
        if whole and float(reached) + _LOOSE_SECONDS < whole / av.time_base + self._offset():
            raise TruncatedFileError

    def _padding(self, position: int, last: int) -> int:
        """Count the samples of padding at the end of a frame of ``last`` samples: those beyond the stated end."""
        if not self.stream.duration or not self.container.format.name.startswith(_EXACT):
            return 0
        end = ((self.stream.start_time or 0) + self.stream.duration) * self.stream.time_base - self.start
        beyond = position - round(end * self.samplerate)
        return beyond if 0 < beyond < last else 0  # by more than a frame: the stated end is wrong

    def _offset(self) -> float:
        """The time in seconds at which the container's clock starts."""
        return (self.container.start_time or 0) / av.time_base


@contextmanager
def open_media(path: Path) -> Iterator[MediaReader]:
    """Open a file for reading, or say why it cannot be opened."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{path} cannot be read as audio ({reason}): copy or export it again") from error
    with container:
        yield MediaReader(container, path)


@contextmanager
def written(partial: Path, target: Path, reader: Reader) -> Iterator[Callable[[Audio], None]]:
    """Provide a function that writes blocks to ``partial``, in the format that ``target``'s suffix indicates.

    If source and target are both videos, all other streams are copied as they are.

    Raises
    ------
    AudioFileError
        The format cannot hold what is to be written.
    """
    name, codecs = _CONTAINERS[target.suffix.lower()]
    media = reader if isinstance(reader, MediaReader) else None
    try:
        with av.open(str(partial), "w", format=name) as output:
            copies: dict[int, Any] = {}
            if media:
                encoder = _streams(media, output, target, codecs, copies)
                output.metadata.update(media.container.metadata)

                def pass_on(packet: Any) -> None:
                    packet.stream = copies[packet.stream.index]
                    output.mux(packet)

                media.others = [stream for stream in media.container.streams if stream.index in copies]
                media.pass_on = pass_on
            else:
                encoder = _Encoder(output, reader, codecs)
            output.start_encoding()
            yield encoder
            encoder.flush()
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, AudioFileError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{target} cannot be written ({reason}): use .mkv, which holds any video") from error


def _streams(
    media: MediaReader, output: Any, target: Path, codecs: tuple[str, ...], copies: dict[int, Any]
) -> "_Encoder":
    """Add the sound to the output, and what is copied: all that a video holds, or the cover art of a piece of music."""
    video = target.suffix.lower() in VIDEO
    same = Path(media.name).suffix.lower() == target.suffix.lower()
    for stream in media.container.streams:
        if stream is media.stream:  # in its place: players number the tracks
            encoder = _Encoder(output, media, codecs)
            continue
        cover = bool(stream.disposition & av.stream.Disposition.attached_pic)
        wanted = stream.type == "video" and (video and not cover or same and target.suffix.lower() in (".m4a", ".mp4"))
        wanted |= video and (stream.type == "audio" or (same and stream.type == "subtitle"))
        if wanted:
            copies[stream.index] = copy = output.add_stream_from_template(stream)
            copy.disposition = stream.disposition
            copy.metadata.update(stream.metadata)
    return encoder


class _Encoder:
    """Writes blocks of sound into a container; call it with float32 (n, channels)."""

    def __init__(self, output: Any, reader: Reader, codecs: tuple[str, ...]) -> None:
        media = reader if isinstance(reader, MediaReader) else None
        before = media.stream.codec_context.name if media else None
        codec = before if before in codecs else codecs[0]
        rates = av.Codec(_ENCODERS.get(codec, codec), "w").audio_rates or [reader.samplerate]
        enough = [rate for rate in rates if rate >= reader.samplerate]
        rate = min(enough) if enough else max(rates)
        self._stream = output.add_stream(_ENCODERS.get(codec, codec), rate=rate)
        self._layout = media.stream.codec_context.layout if media else _layout(reader.channels)
        context = self._stream.codec_context
        context.layout = self._layout
        if media:
            self._stream.metadata.update(media.stream.metadata)
        if codec not in _LOSSLESS:
            kept = reader.bit_rate if codec == before else None
            context.bit_rate = round(kept or _CHANNEL_BITS[codec] * reader.channels)
        formats = [found.name for found in context.codec.audio_formats]
        context.format = next((name for name in ("fltp", "flt", "s32p", "s32") if name in formats), formats[0])
        context.time_base = Fraction(1, rate)
        self._output, self._reader, self._media = output, reader, media
        self._resampler: Any = None
        self._position = 0
        self._rate = rate

    def __call__(self, block: Audio) -> None:
        if not len(block):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.reshape(1, -1)), "flt", self._layout)
        frame.sample_rate = self._reader.samplerate
        frame.time_base = Fraction(1, self._reader.samplerate)
        frame.pts = self._position
        self._position += len(block)
        self._encode(frame)

    def flush(self) -> None:
        """Write what is still buffered."""
        self._encode(None)
        for packet in self._stream.encode(None):
            self._output.mux(packet)

    def _encode(self, frame: Any) -> None:
        context = self._stream.codec_context
        if self._resampler is None:  # the encoder is open by now, and knows how long its frames are
            self._resampler = av.AudioResampler(context.format, self._layout, self._rate, context.frame_size or None)
        start = round((self._media.start if self._media else 0) * self._rate)
        for piece in self._resampler.resample(frame):
            if piece.pts is not None:
                piece.pts = piece.pts + start
            for packet in self._stream.encode(piece):
                self._output.mux(packet)


def _layout(channels: int) -> str:
    """FFmpeg's name for a number of channels whose layout is unknown."""
    return {1: "mono", 2: "stereo"}.get(channels) or f"{channels} channels"
