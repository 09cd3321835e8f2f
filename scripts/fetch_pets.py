#!/usr/bin/env python3
"""Fetch the Oxford-IIIT Pet set (0.8 GB) as a folder to train with: images/ and annotations/.

scripts/fetch_pets.py [FOLDER]; an interrupted run continues when the program is started again. Folders that
exist are not changed. Archives are removed after they are unpacked.

The set: Parkhi, Vedaldi, Zisserman and Jawahar, "Cats and Dogs", CVPR 2012; terms:
https://www.robots.ox.ac.uk/~vgg/data/pets/
"""

import argparse
import errno
import hashlib
import shutil
import signal
import sys
import tarfile
import time
import zlib
from gzip import BadGzipFile
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import NoReturn, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

FAILED, USAGE, INTERRUPTED = 1, 2, 130
PAGE = "https://www.robots.ox.ac.uk/~vgg/data/pets/"
BASES = (f"{PAGE}data", "https://thor.robots.ox.ac.uk/pets")
"""The address on the page of the set, and the address it redirected to in 2026."""
SHA256 = {
    "annotations": "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    "images": "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
}
"""Of NAME.tar.gz; all its files are in NAME/."""
TRIES, PAUSE_SECONDS, TIMEOUT_SECONDS = 5, 3.0, 60
"""Tries without new bytes before it gives up, the wait between tries, the timeout for a silent server."""
CHUNK = 1 << 18


class FetchError(Exception):
    """What can't be fetched, and the hint, in one line."""


class _LostError(Exception):
    """The transfer was interrupted; another try may succeed."""


class _AbsentError(Exception):
    """The file is not at this address; another address may have it."""


def fetch(folder: Path, bases: tuple[str, ...] = BASES) -> bool:
    """Complete the set in `folder`; return whether anything had to be done.

    Raises:
        FetchError: it can't be fetched, is not what it should be, or can't be written.
    """
    missing = [name for name in SHA256 if not (folder / name).is_dir()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in missing:
            archive = folder / f"{name}.tar.gz"
            if archive.is_file():
                check(archive)
            else:
                download(archive, bases)
            extract(archive, name)
            archive.unlink()
    except OSError as error:
        full = "; what came is kept: free space (2 GB in all) and run it again"
        remedy = full if error.errno in (errno.ENOSPC, errno.EDQUOT) else "; choose another folder"
        raise FetchError(f"can't write in {folder} ({error.strerror or error}){remedy}") from error
    return bool(missing)


def download(archive: Path, bases: tuple[str, ...]) -> None:
    """Fetch `archive` from the first address that has it; continue its ``.part`` file.

    Raises:
        FetchError: no address has it, the connection is lost for good, or its checksum is wrong.
    """
    part = archive.with_name(f"{archive.name}.part")
    refusals = []
    for base in bases:
        try:
            _persist(f"{base.rstrip('/')}/{archive.name}", part)
            break
        except _AbsentError as refused:
            refusals.append(str(refused))
    else:
        raise FetchError(f"{'; '.join(refusals)}; see {PAGE} for the address and give it with --url")
    check(part)
    part.replace(archive)


def _persist(url: str, part: Path) -> None:
    """Try until the file is complete, or until `TRIES` tries in a row bring no new bytes."""
    failed = 0
    while True:
        before = _bytes_of(part)
        try:
            _transfer(url, part)
            return
        except _LostError as lost:
            failed = 1 if _bytes_of(part) > before else failed + 1
            if failed >= TRIES:
                raise FetchError(f"{url}: {lost}; what came is kept, run it again to go on") from lost
            tqdm.write(f"{part.name}: {lost}; trying again", file=sys.stderr)
        time.sleep(PAUSE_SECONDS)


def _bytes_of(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _transfer(url: str, part: Path) -> None:
    """Append the missing bytes to `part`; fetch all again if the server does not send ranges."""
    have = _bytes_of(part)
    answer = _open(url, have)
    if answer is None:
        return
    with answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if answer.status == 206 and not goes_on:
            raise _LostError("the server gave another piece than the one asked for")
        start = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        got = start + _pour(answer, part, start, total)
    if total is not None and got < total:
        raise _LostError(f"the connection was lost after {got} of {total} bytes")


def _open(url: str, have: int) -> HTTPResponse | None:
    """Open the response of the server; None if there is nothing after the first `have` bytes."""
    request = Request(url, headers={"User-Agent": "livecam fetch_pets"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        return cast(HTTPResponse, urlopen(request, timeout=TIMEOUT_SECONDS))
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return None
        if error.code >= 500 or error.code in (408, 429):
            raise _LostError(f"the server says {error.code} {error.reason}") from error
        raise _AbsentError(f"{url} says {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        raise _LostError(f"can't be reached ({getattr(error, 'reason', error) or 'no answer'})") from error


def _pour(answer: HTTPResponse, part: Path, start: int, total: int | None) -> int:
    """Write the response after the first `start` bytes of `part`; return the number of new bytes."""
    came = 0
    bar = tqdm(
        total=total, initial=start, desc=part.name.removesuffix(".part"),
        unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True, disable=None,
    )  # fmt: skip
    with bar, part.open("ab" if start else "wb") as file:
        while piece := _next(answer):
            file.write(piece)
            came += len(piece)
            bar.update(len(piece))
    return came


def _next(answer: HTTPResponse) -> bytes:
    # Separate from writing: an error here is of the network, an error there is of the disk.
    try:
        return answer.read(CHUNK)
    except (HTTPException, OSError) as error:
        raise _LostError(f"the connection was lost ({error or type(error).__name__})") from error


def check(archive: Path) -> None:
    """Verify the checksum of `archive`; remove it if it is not the official archive.

    Raises:
        FetchError: it is not the official archive.
    """
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    is_, should = digest.hexdigest(), SHA256[archive.name.partition(".")[0]]
    if is_ != should:
        archive.unlink()
        raise FetchError(
            f"{archive.name.removesuffix('.part')} is damaged or another file (SHA-256 {is_[:12]}..., "
            f"not {should[:12]}...) and was removed; run it again, or give another address with --url"
        )


def extract(archive: Path, name: str) -> None:
    """Unpack ``name/`` of the archive beside it; the folder appears only when it is complete.

    Raises:
        FetchError: the archive can't be read, holds what is unsafe, or nothing of that name.
    """
    beside = archive.with_name(f".{name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with tarfile.open(archive, "r:gz") as tar, tqdm(desc=name, unit="file", disable=None) as bar:
            for member in tar:
                if _is_wanted(member, name):
                    tar.extract(member, beside, filter="data")
                    bar.update()
        if not (beside / name).is_dir():
            raise FetchError(f"{archive} holds no {name}/; remove it and run this again")
        (beside / name).replace(archive.with_name(name))
    except (tarfile.TarError, EOFError, zlib.error, BadGzipFile) as error:
        raise FetchError(f"{archive} can't be unpacked ({error}); remove it and run this again") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_wanted(member: tarfile.TarInfo, name: str) -> bool:
    """Return whether the member is data, not a file that macOS or MATLAB left in the archive."""
    path = PurePosixPath(member.name)
    left = path.name.startswith(".") or path.suffix == ".mat"
    return member.isreg() and path.parts[:1] == (name,) and not left


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see --help\n")


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run the program with `argv`; return the exit code."""
    parser = _Parser(
        prog="fetch_pets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("pets"), help="where to (pets)")
    parser.add_argument("--url", metavar="BASE", help="another address of both archives")
    args = parser.parse_args(argv)
    if args.url and urlsplit(args.url).scheme not in ("http", "https"):
        parser.error(f"--url {args.url} is no web address; give http://... or https://...")
    if not hasattr(tarfile, "data_filter"):
        print("fetch_pets: this Python can't unpack safely; use 3.10.12, 3.11.4 or newer", file=sys.stderr)
        return FAILED
    try:
        done = fetch(args.folder, (args.url,) if args.url else BASES)
    except FetchError as error:
        print(f"fetch_pets: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("fetch_pets: interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    print(f"{args.folder}: {'images/ and annotations/ are here' if done else 'all was here already'}")
    return 0


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.exit(main())
