import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from livecam.datasets.pets import list_samples
from livecam.imaging.trimap import read_trimap
from tests.support.scripts import SCRIPTS, load_script

SCRIPT = SCRIPTS / "fetch_pets.py"
NAMES = ("Abyssinian_1", "beagle_2", "pug_3")


class Shop(ThreadingHTTPServer):
    """Serve archives with configurable faults; `requests` keeps each path and its Range header."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.ranges, self.cuts, self.status, self.slow = True, 0, 200, 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/pets"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        shop, byte_range = self.server, self.headers.get("Range")
        shop.requests.append((self.path, byte_range))
        content = shop.files.get(self.path.removeprefix("/pets/"))
        if content is None or shop.status != 200:
            self.send_error(404 if content is None else shop.status)
            return
        start = int(byte_range.removeprefix("bytes=").removesuffix("-")) if byte_range and shop.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if shop.cuts:
            shop.cuts -= 1
            rest = rest[: len(rest) // 2]
        for i in range(0, len(rest), 4096):
            self.wfile.write(rest[i : i + 4096])
            self.wfile.flush()
            time.sleep(shop.slow)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def png(image: np.ndarray) -> bytes:
    kept = io.BytesIO()
    Image.fromarray(image).save(kept, "PNG")
    return kept.getvalue()


def pack(files: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return kept.getvalue()


def official_archives() -> dict[str, bytes]:
    """Build archives like the official ones: noise images, and files that macOS and MATLAB left there."""
    rng = np.random.default_rng(0)
    images = {f"images/{n}.jpg": png(rng.integers(0, 255, (90, 120, 3), np.uint8)) for n in NAMES}
    images |= {f"images/{NAMES[0]}.mat": b"matlab", "images/._x.jpg": b"mac", "elsewhere/x.jpg": b"other"}
    trimap = np.full((90, 120), 2, np.uint8)
    trimap[20:60, 30:80] = 1
    notes = {f"annotations/trimaps/{n}.png": png(trimap) for n in NAMES}
    notes |= {f"annotations/trimaps/._{n}.png": b"mac" for n in NAMES}
    notes["annotations/trainval.txt"] = f"{NAMES[0]} 1 1 1\n{NAMES[1]} 2 2 1\n".encode()
    notes["annotations/test.txt"] = f"{NAMES[2]} 3 2 2\n".encode()
    return {"images.tar.gz": pack(images), "annotations.tar.gz": pack(notes)}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        server.files = official_archives()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def fetching(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the program with the checksums of the shop's archives and no wait between tries."""
    module = load_script("fetch_pets")
    sums = {n: hashlib.sha256(shop.files[f"{n}.tar.gz"]).hexdigest() for n in module.SHA256}
    monkeypatch.setattr(module, "SHA256", sums)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    return module


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("fetch_pets: ")]
    assert len(lines) == 1
    return lines[0]


def test_what_is_fetched_can_be_trained_with(fetching: ModuleType, shop: Shop, tmp_path: Path) -> None:
    assert fetching.main([str(tmp_path / "a" / "pets"), "--url", shop.url + "/"]) == 0

    samples = {split: list_samples(tmp_path / "a" / "pets", split) for split in ("trainval", "test")}
    assert [s.name for s in samples["trainval"]] == list(NAMES[:2])
    assert [s.name for s in samples["test"]] == list(NAMES[2:])
    assert set(np.unique(read_trimap(samples["test"][0].trimap))) == {1, 2}


def test_what_macos_and_matlab_left_there_is_left_out(
    fetching: ModuleType, shop: Shop, tmp_path: Path
) -> None:
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0

    assert left_in(tmp_path) == {"images", "annotations"}
    assert left_in(tmp_path / "images") == {f"{name}.jpg" for name in NAMES}
    assert left_in(tmp_path / "annotations" / "trimaps") == {f"{name}.png" for name in NAMES}


def test_a_second_run_does_nothing(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetching.main([str(tmp_path), "--url", shop.url])
    requests, before = len(shop.requests), (tmp_path / "images").stat().st_mtime_ns

    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0
    assert (len(shop.requests), (tmp_path / "images").stat().st_mtime_ns) == (requests, before)
    assert "already" in capsys.readouterr().out


def test_a_lost_connection_is_taken_up_where_it_broke(
    fetching: ModuleType, shop: Shop, tmp_path: Path
) -> None:
    shop.cuts = 3
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0

    starts = [int(w.removeprefix("bytes=").removesuffix("-")) for _, w in shop.requests if w]
    assert len(starts) == 3
    assert 0 < starts[0] < starts[1] < starts[2]
    assert left_in(tmp_path) == {"images", "annotations"}


def test_what_came_is_kept_for_the_next_run(
    fetching: ModuleType,
    shop: Shop,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "TRIES", 1)
    shop.cuts = 1
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "run it again to go on" in one_line(capsys)
    assert left_in(tmp_path) == {"annotations.tar.gz.part"}
    kept = (tmp_path / "annotations.tar.gz.part").stat().st_size

    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0
    assert shop.requests[1] == ("/pets/annotations.tar.gz", f"bytes={kept}-")


def test_a_server_that_gives_no_parts_is_asked_for_all_anew(
    fetching: ModuleType, shop: Shop, tmp_path: Path
) -> None:
    shop.ranges, shop.cuts = False, 1
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0
    assert left_in(tmp_path) == {"images", "annotations"}


def test_a_part_that_was_whole_already_is_used(fetching: ModuleType, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "images.tar.gz.part").write_bytes(shop.files["images.tar.gz"])
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0
    assert left_in(tmp_path / "images") == {f"{name}.jpg" for name in NAMES}


def test_a_wrong_checksum_is_one_line_and_the_file_is_removed(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = shop.files["annotations.tar.gz"]
    shop.files["annotations.tar.gz"] = bytes([*good[:-1], good[-1] ^ 1])
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "annotations.tar.gz is damaged or another file" in one_line(capsys)
    assert left_in(tmp_path) == set()

    shop.files["annotations.tar.gz"] = good
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0


def test_an_archive_put_there_by_hand_is_checked_too(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "annotations.tar.gz").write_bytes(shop.files["annotations.tar.gz"])
    (tmp_path / "images.tar.gz").write_bytes(b"something else")
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "images.tar.gz is damaged" in one_line(capsys)
    assert shop.requests == []
    assert left_in(tmp_path) == {"annotations"}


def test_an_archive_that_is_not_there_is_one_line(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.files.clear()
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "annotations.tar.gz says 404" in (line := one_line(capsys))
    assert "--url" in line
    assert len(shop.requests) == 1


def test_the_second_address_is_tried_when_the_first_has_nothing(
    fetching: ModuleType, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BASES", (f"{shop.url}/moved", shop.url))
    assert fetching.fetch(tmp_path, fetching.BASES)
    assert left_in(tmp_path) == {"images", "annotations"}


def test_a_busy_server_is_asked_again_and_then_given_up(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.status = 503
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "503" in one_line(capsys)
    assert len(shop.requests) == fetching.TRIES


def test_no_server_is_one_line(
    fetching: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetching.main([str(tmp_path), "--url", "http://127.0.0.1:9"]) == 1
    assert "can't be reached" in one_line(capsys)


def test_a_link_out_of_the_folder_is_not_made(fetching: ModuleType, tmp_path: Path) -> None:
    archive = tmp_path / "images.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("images/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("images/cat.jpg"))
    fetching.extract(archive, "images")
    assert left_in(tmp_path / "images") == {"cat.jpg"}


def test_a_file_that_would_climb_out_is_refused_and_nothing_appears(
    fetching: ModuleType, tmp_path: Path
) -> None:
    archive = tmp_path / "deep" / "images.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(pack({"images/cat.jpg": b"cat", "images/../../out.jpg": b"climbs"}))
    with pytest.raises(fetching.FetchError, match="can't be unpacked"):
        fetching.extract(archive, "images")
    assert left_in(tmp_path) == {"deep"}
    assert left_in(archive.parent) == {"images.tar.gz"}


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="there is no /dev/full, which stands for a full disk"
)
def test_a_full_disk_is_one_line_that_names_the_space(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "annotations.tar.gz.part").symlink_to("/dev/full")
    assert fetching.main([str(tmp_path), "--url", shop.url]) == 1
    assert "free space" in (line := one_line(capsys))
    assert "No space left" in line


def test_a_folder_that_is_a_file_is_one_line(
    fetching: ModuleType, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pets").touch()
    assert fetching.main([str(tmp_path / "pets"), "--url", shop.url]) == 1
    assert "choose another folder" in one_line(capsys)


def test_an_address_that_is_none_of_the_web_is_wrong_usage(
    fetching: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        fetching.main([str(tmp_path), "--url", "file:///etc"])
    assert caught.value.code == 2
    assert "http" in one_line(capsys)


def test_ctrl_c_while_unpacking_leaves_the_archive_and_nothing_half(
    fetching: ModuleType, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_names: list[str] = []

    def stop(member: tarfile.TarInfo, name: str) -> bool:
        read_names.append(member.name)
        if len(read_names) == 3:
            raise KeyboardInterrupt
        return True

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_is_wanted", stop)
        assert fetching.main([str(tmp_path), "--url", shop.url]) == 130
    assert left_in(tmp_path) == {"annotations.tar.gz"}

    assert fetching.main([str(tmp_path), "--url", shop.url]) == 0
    assert [path for path, _ in shop.requests] == ["/pets/annotations.tar.gz", "/pets/images.tar.gz"]


@pytest.mark.skipif(os.name != "posix", reason="there is no such Ctrl-C here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_came_and_says_130(shop: Shop, tmp_path: Path, number: signal.Signals) -> None:
    shop.files["annotations.tar.gz"], shop.slow = bytes(8 << 20), 0.01
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--url", shop.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        part, until = tmp_path / "annotations.tar.gz.part", time.monotonic() + 20
        while not (part.is_file() and part.stat().st_size) and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(number)
        out, error = run.communicate(timeout=20)
    assert (run.returncode, out, error) == (130, "", "fetch_pets: interrupted; run it again to go on\n")
    assert part.stat().st_size > 0
    assert left_in(tmp_path) == {part.name}


def test_the_sums_of_the_official_archives_are_whole() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "Oxford-IIIT" in done.stdout
    sums = [word.strip('",') for word in SCRIPT.read_text().split() if len(word.strip('",')) == 64]
    assert len(sums) == 2
    assert all(int(word, 16) for word in sums)
