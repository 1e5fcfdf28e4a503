"""What servers do to a download: every behaviour has its line in one of two tables, and its assertion."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from listeners import Listener
from oddserver import *  # noqa: F403  fixtures
from oddserver import FILE, SIZE, OddServer, Play, Request

from SAMAdaptLib.encoders.weights import download
from SAMAdaptLib.errors import WeightsError

PAGE = b"<html>Please log in</html>"
HALF = SIZE // 2
TAG = '"first"'


@dataclass(frozen=True)
class Case:
    """A behaviour of the server, and what must come of it: the file, or an error with these ``words``."""

    name: str
    play: Play
    words: str = ""
    asked: tuple[int, ...] = (0,)
    """The first bytes of the requests that must be made."""
    kept: int | None = None
    """The bytes that must be left in the ``.part`` file after an error; None: no such file."""
    patience: float | None = None
    """Seconds, in place of the usual ones, for a server that is silent or slow."""


def once(bad: Play, then: Play = Request.file) -> Play:
    """Behaves badly at the first request only."""
    return lambda request: (bad if request.number == 1 else then)(request)


def chunked(request: Request, body: bytes = FILE, end: bytes = b"0\r\n\r\n") -> None:
    request.head("200 OK", "Transfer-Encoding: chunked")
    for start in range(0, len(body), 30000):
        piece = body[start : start + 30000]
        request.raw(b"%x\r\n%s\r\n" % (len(piece), piece))
    request.raw(end)


def with_length(text: str) -> Play:
    def play(request: Request) -> None:
        request.head("200 OK", f"Content-Length: {text}")
        request.raw(FILE)

    return play


def status(line: str, *headers: str) -> Play:
    return lambda request: request.page(line, *headers)


def to(place: str) -> Play:
    """Redirects the first request."""
    return once(status("302 Found", f"Location: {place}"))


def encoded(body: bytes, *headers: str) -> Play:
    def play(request: Request) -> None:
        request.head("200 OK", "Content-Encoding: gzip", *headers)
        request.raw(body)

    return play


def no_length(request: Request) -> None:
    request.head("200 OK")
    request.raw(FILE)


def old_protocol(request: Request) -> None:
    request.raw(b"HTTP/1.0 200 OK\r\n\r\n" + FILE)


def too_long(request: Request) -> None:
    request.head("200 OK", f"Content-Length: {SIZE}")
    request.raw(FILE + b"and more")


def page_without_length(request: Request) -> None:
    request.head("200 OK", "Content-Type: text/html; charset=utf-8")
    request.raw(PAGE)


def reset_in_the_middle(request: Request) -> None:
    request.file(sent=HALF)
    request.reset()


def broken_off_chunks(request: Request) -> None:
    if "range" in request.headers:
        request.file()
    else:
        chunked(request, FILE[:HALF], end=b"fff\r\n" + FILE[HALF : HALF + 11])


def nonsense_for_a_chunk(request: Request) -> None:
    request.file() if "range" in request.headers else chunked(request, FILE[:30000], end=b"zebra\r\n")


def drips(request: Request) -> None:
    request.head("200 OK", f"Content-Length: {SIZE}")
    request.drip(FILE, 0.05)


def silent_after_the_headers(request: Request) -> None:
    request.head("200 OK", f"Content-Length: {SIZE}")
    request.silence(1.0)


FRESH = [
    Case("a good server", Request.file),
    Case("no length", no_length),
    Case("chunks", chunked),
    Case("an old protocol", old_protocol),
    Case("a length that is no number", with_length("many")),
    Case("a length in superscript", with_length("\u00b2")),
    Case("a length below nothing", with_length("-5")),
    Case("a length of thousands of digits", with_length("9" * 5000)),
    Case("more bytes than promised", too_long),
    Case("another length", lambda r: r.file(FILE[:-1]), f"has {SIZE - 1} bytes, expected {SIZE}"),
    Case("an empty body", lambda r: r.head("200 OK"), "stopped at 0 of .*closed", (0, 0, 0, 0), 0),
    Case("a body that is cut off once", once(lambda r: r.file(sent=HALF)), asked=(0, HALF)),
    Case(
        "a body that is cut off again and again",
        lambda r: r.file(sent=1000),
        f"stopped at 4000 of {SIZE} bytes",
        (0, 1000, 2000, 3000),
        4000,
    ),
    Case("chunks that are cut off", broken_off_chunks, asked=(0, HALF + 11)),
    Case("a chunk without a size", nonsense_for_a_chunk, asked=(0, 30000)),
    Case("a reset in the middle", once(reset_in_the_middle), asked=(0, HALF)),
    Case("a reset before the answer", once(Request.reset), asked=(0, 0)),
    Case("a close without a word", once(lambda r: None), asked=(0, 0)),
    Case("a close without a word, always", lambda r: None, "stopped at 0 of", (0, 0, 0, 0)),
    Case("no protocol that is known", lambda r: r.raw(b"220 smtp ready\r\n"), r"No connection \(220 smtp ready\)"),
    Case("headers without end", lambda r: r.head("200 OK", *["A: b"] * 200), r"No connection \(got more than 100"),
    Case("a redirect within the server", to("/elsewhere")),
    Case("a redirect out of https", to("http://example.org/x"), "http://example.org/x is not an https address"),
    Case("a redirect to a file here", to("file:///etc/passwd"), "file:///etc/passwd. is not allowed"),
    Case("a redirect to another protocol", to("ftp://example.org/x"), "ftp://example.org/x is not an https address"),
    Case("a redirect to nowhere", status("302 Found"), "answered 302"),
    Case("not found", status("404 Not Found"), "answered 404 Not Found.*no longer at that address"),
    Case("gone", status("410 Gone"), "answered 410"),
    Case("forbidden", status("403 Forbidden"), "answered 403.*network filter"),
    Case("a login wanted", status("401 Unauthorized"), "answered 401.*needs a login"),
    Case("a proxy's login wanted", status("407 Proxy Authentication Required"), "answered 407.*Set https_proxy"),
    Case("a network's login wanted", status("511 Network Authentication Required"), "answered 511.*with a browser"),
    Case("nothing to send", status("204 No Content"), "answered 204"),
    Case("a range refused that nobody asked for", status("416 Range Not Satisfiable"), "answered 416"),
    Case("words for the terminal", status("404 \x1b[31mred\x07"), r"answered 404 \[31mred\."),
    Case("a moment's failure", once(status("500 Internal Server Error")), asked=(0, 0)),
    Case("a proxy's failure", once(status("502 Bad Gateway")), asked=(0, 0)),
    Case("too many requests", once(status("429 Too Many Requests", "Retry-After: 0")), asked=(0, 0)),
    Case("a lasting failure", status("503 Service Unavailable"), "stopped at 0.*answered 503", (0, 0, 0, 0)),
    Case("a portal's page", lambda r: r.page("200 OK", "Content-Type: text/html", body=PAGE), "a web page instead"),
    Case("a portal's page without a length", page_without_length, "a web page instead of the file.*with a browser"),
    Case("a portal's page without a type", lambda r: r.page("200 OK", body=PAGE), "has 26 bytes.*network filter"),
    Case("compressed", encoded(b"", "Content-Length: 400"), r"comes compressed \(gzip\), which was not asked for"),
    Case("compressed, without a length", encoded(gzip.compress(FILE)), "comes compressed"),
    Case("called compressed, but as it is", encoded(FILE, f"Content-Length: {SIZE}")),
    Case("silent before the answer", Request.silence, r"No connection \((no answer within|timed out)", patience=0.4),
    Case("headers in drips", lambda r: r.drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.05), "no answer within", patience=0.4),
    Case("a body in drips", drips, "too slow: .* bytes in .* s, .*goes on from there", patience=0.4),
    Case("silent after the headers", silent_after_the_headers, "stopped at 0 of .*timed out", (0, 0, 0, 0), 0, 0.4),
]
"""To whom nothing is here yet."""


def case_names(case: Case) -> str:
    return case.name


def fetch(server: OddServer, part: Path) -> None:
    download.download(server.address, part, SIZE, Listener(), "Downloading")


@pytest.mark.parametrize("case", FRESH, ids=case_names)
def test_a_server_that_is_asked_for_the_whole_file(case: Case, server: OddServer, tmp_path: Path, monkeypatch) -> None:
    server.play = case.play
    if case.patience is not None:
        name = "SLOW_SECONDS" if "slow" in case.words else "CONNECT_SECONDS"
        monkeypatch.setattr(download, name, case.patience)
    part = tmp_path / "file.part"
    if case.words:
        with pytest.raises(WeightsError, match=case.words):
            fetch(server, part)
        if "slow" not in case.words:
            assert (part.stat().st_size if part.exists() else None) == case.kept
        assert not part.exists() or FILE.startswith(part.read_bytes())
    else:
        fetch(server, part)
        assert part.read_bytes() == FILE
        assert [path.name for path in tmp_path.iterdir()] == ["file.part"]
    asked = [request.start for request in server.requests if request.path == "/file.bin"]
    assert tuple(asked) == case.asked


def test_a_redirect_in_a_circle_ends(server: OddServer, tmp_path: Path) -> None:
    server.play = status("302 Found", "Location: /file.bin")
    with pytest.raises(WeightsError, match="answered 302"):
        fetch(server, tmp_path / "file.part")
    assert len(server.requests) < 20


# ---- what goes on from a part ----


def without_ranges(request: Request) -> None:
    request.head("200 OK", f"Content-Length: {SIZE}")
    request.raw(FILE)


def range_of(begin: int, end: int = SIZE - 1, total: int | str = SIZE) -> Play:
    """Answers a range with this one; a whole file in full."""

    def play(request: Request) -> None:
        if "range" not in request.headers:
            return request.file()
        request.head("206 Partial Content", f"Content-Range: bytes {begin}-{end}/{total}")
        return request.raw(FILE[begin : end + 1])

    return play


def partial(*lines: str) -> Play:
    def play(request: Request) -> None:
        if "range" not in request.headers:
            return request.file()
        request.head("206 Partial Content", *lines)
        return request.raw(FILE[HALF:])

    return play


def refuses_ranges(request: Request) -> None:
    request.page("416 Range Not Satisfiable") if "range" in request.headers else request.file()


def in_pieces(request: Request) -> None:
    """Sends no more than 20,000 bytes at once, as some caches do."""
    start = request.start
    end = min(start + 20000, SIZE)
    request.head(
        "206 Partial Content", f"Content-Range: bytes {start}-{end - 1}/{SIZE}", f"Content-Length: {end - start}"
    )
    request.raw(FILE[start:end])


RESUMED = [
    Case("a good server", Request.file, asked=(HALF,)),
    Case("no ranges here", without_ranges, asked=(HALF,)),
    Case("ranges refused", refuses_ranges, asked=(HALF, 0)),
    Case("everything refused", status("416 Range Not Satisfiable"), "answered 416", (HALF, 0)),
    Case("the range from another place", range_of(HALF + 7), asked=(HALF, 0)),
    Case("the range from the start", range_of(0), asked=(HALF, 0)),
    Case("a part of the range at a time", in_pieces, asked=(HALF, HALF + 20000, HALF + 40000)),
    Case("a range of an unknown whole", range_of(HALF, total="*"), asked=(HALF,)),
    Case("a range of a longer file", range_of(HALF, total=SIZE + 1), f"has {SIZE + 1} bytes", (HALF,), HALF),
    Case("a range that is not named", partial(f"Content-Length: {SIZE - HALF}"), asked=(HALF,)),
    Case("a range that nothing is said of", partial(), asked=(HALF, 0)),
    Case("a range in nonsense", partial("Content-Range: bytes few-many/all"), asked=(HALF, 0)),
    Case("several ranges", partial("Content-Type: multipart/byteranges; boundary=x"), asked=(HALF, 0)),
    Case(
        "a portal's page", lambda r: r.page("200 OK", "Content-Type: text/html", body=PAGE), "a web page", (HALF,), HALF
    ),
    Case("a file that is gone", status("404 Not Found"), "answered 404", (HALF,), HALF),
]
"""To whom half of the file is here."""


@pytest.mark.parametrize("case", RESUMED, ids=case_names)
def test_a_server_that_is_asked_for_the_rest(case: Case, server: OddServer, tmp_path: Path) -> None:
    server.play = case.play
    part = tmp_path / "file.part"
    part.write_bytes(FILE[:HALF])
    if case.words:
        with pytest.raises(WeightsError, match=case.words):
            fetch(server, part)
        assert (part.stat().st_size if part.exists() else None) == case.kept
    else:
        fetch(server, part)
        assert part.read_bytes() == FILE
    assert tuple(server.ranges) == case.asked


# ---- a file that changes on the server ----

OTHER = bytes(SIZE)
"""What lay at the address when the first half was fetched."""
DATE, LATER = "Tue, 01 Jul 2025 10:00:00 GMT", "Wed, 02 Jul 2025 10:00:00 GMT"


def deaf_to_if_range(request: Request) -> None:
    request.headers.pop("if-range", None)
    request.file()


def half_of_another_file(server: OddServer, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch half of what is then replaced."""
    with monkeypatch.context() as patch:
        patch.setattr(download, "ATTEMPTS", 1)
        server.play = lambda request: request.file(OTHER, sent=HALF)
        with pytest.raises(WeightsError, match=f"stopped at {HALF}"):
            fetch(server, part)
    server.requests.clear()
    server.play = Request.file


@pytest.mark.parametrize(
    ("before", "after", "if_range"),
    [
        ((TAG, ""), ('"second"', ""), TAG),
        ((TAG, DATE), ('"second"', DATE), TAG),
        (("", DATE), ("", LATER), DATE),
        (('W/"weak"', DATE), ('W/"other"', LATER), DATE),
    ],
    ids=["tag", "tag and date", "date", "a weak tag is not enough"],
)
def test_a_file_that_was_changed_is_fetched_from_its_beginning(
    before, after, if_range: str, server: OddServer, tmp_path: Path, monkeypatch
) -> None:
    part = tmp_path / "file.part"
    server.etag, server.modified = before
    half_of_another_file(server, part, monkeypatch)
    server.etag, server.modified = after
    fetch(server, part)
    assert part.read_bytes() == FILE
    assert [request.headers.get("if-range") for request in server.requests] == [if_range]


@pytest.mark.parametrize("after", [('"second"', ""), (TAG, LATER), ('"second"', LATER)])
def test_a_changed_file_is_noticed_although_the_server_is_deaf_to_if_range(
    after, server: OddServer, tmp_path: Path, monkeypatch
) -> None:
    part = tmp_path / "file.part"
    server.etag, server.modified = TAG, DATE
    half_of_another_file(server, part, monkeypatch)
    server.etag, server.modified = after
    server.play = deaf_to_if_range
    fetch(server, part)
    assert part.read_bytes() == FILE
    assert server.ranges == [HALF, 0]


def test_a_file_that_changes_during_a_download_starts_that_anew(server: OddServer, tmp_path: Path) -> None:
    def play(request: Request) -> None:
        server.etag = TAG if request.number == 1 else '"second"'
        request.file(OTHER, sent=HALF) if request.number == 1 else request.file()

    server.play = play
    fetch(server, tmp_path / "file.part")
    assert (tmp_path / "file.part").read_bytes() == FILE
    assert server.ranges == [0, HALF]


def test_a_file_whose_version_changes_with_every_answer_ends_all_the_same(server: OddServer, tmp_path: Path) -> None:
    def play(request: Request) -> None:
        server.etag = f'"{request.number}"'
        request.headers.pop("if-range", None)
        request.file(sent=HALF)

    server.play = play
    with pytest.raises(WeightsError, match="transfer stopped"):
        fetch(server, tmp_path / "file.part")
    assert server.ranges == [0, HALF, 0, HALF]


def test_an_unchanged_file_is_continued_and_the_note_of_it_goes(server: OddServer, tmp_path: Path, monkeypatch) -> None:
    part, note = tmp_path / "file.part", tmp_path / "file.part.origin"
    server.etag = TAG
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.play = lambda request: request.file(sent=HALF)
    with pytest.raises(WeightsError, match="stopped"):
        fetch(server, part)
    assert json.loads(note.read_text()) == {"address": server.address, "etag": TAG, "modified": ""}
    server.play = Request.file
    fetch(server, part)
    assert part.read_bytes() == FILE
    assert server.requests[-1].headers["if-range"] == TAG
    assert server.ranges == [0, HALF]
    assert not note.exists()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"address": 3}',
        '{"address": "HERE", "etag": 7, "modified": ""}',
        '{"address": "HERE", "etag": "\\"a\\r\\nHost: b", "modified": ""}',
        '{"address": "https://example.org/another", "etag": "\\"first\\"", "modified": ""}',
    ],
)
def test_a_note_that_says_nothing_of_use_is_ignored(note: str, server: OddServer, tmp_path: Path) -> None:
    part = tmp_path / "file.part"
    part.write_bytes(FILE[:HALF])
    part.with_name("file.part.origin").write_text(note.replace("HERE", server.address))
    fetch(server, part)
    assert part.read_bytes() == FILE
    assert "if-range" not in server.requests[0].headers
    assert server.ranges == [HALF]
