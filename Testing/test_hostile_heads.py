"""Head files of strangers: refused within bounds of time and memory, listed with the reason, never followed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from balls import ball_head, write_ball
from test_heads import HYPER, a_card, rewritten, saved  # noqa: F401  saved is a fixture

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.io.result_file import read_provenance
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.encoders import load_encoder, load_encoder_of
from SAMAdaptLib.errors import HeadFileError, InputError, WorkerError
from SAMAdaptLib.heads.card import MAXIMUM_HEADER_BYTES, METADATA_KEY, read_card
from SAMAdaptLib.heads.head import load_head, save_head
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.jobs.specs import job_from_dict
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.utils import plaintext
from SAMAdaptLib.worker import protocol as wire

ROOT = Path(__file__).resolve().parent.parent
MOST_MEGABYTES, MOST_SECONDS = 200, 2.0

# --- bounds ----------------------------------------------------------------------------------------------------------

JUDGE = """
import contextlib, json, resource, sys, time
import torch, safetensors.torch
from SAMAdaptLib.utils.segment_anything import import_sam_modeling
from SAMAdaptLib.errors import SAMAdaptError
from SAMAdaptLib.networks import head_class
from SAMAdaptLib.heads.head import load_head
for kind in ("ensemble", "fusion", "unet", "student", "autosam"):
    head_class(kind)
with contextlib.suppress(SAMAdaptError):
    import_sam_modeling()
pages = int(open("/proc/self/statm").read().split()[0]) if sys.platform == "linux" else 0
if pages:
    most = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
for path in sys.argv[2:]:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        load_head(path)
        said = "accepted"
    except SAMAdaptError as error:
        said = str(error)
    except BaseException as error:
        said = "!" + repr(error)[:300]
    took = time.process_time() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps([said, took, more]))
"""


def judged(*paths: Path) -> list[str]:
    """What a process of its own says of these files, each within the bounds; it is denied more memory than that."""
    pytest.importorskip("resource", reason="this system does not say how much memory a process took")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(MOST_MEGABYTES), *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(paths)
    for path, (said, took, more) in zip(paths, rows, strict=True):
        assert not said.startswith("!"), f"{path.name}: {said}"
        assert took < MOST_SECONDS, path.name
        assert more < MOST_MEGABYTES, path.name
    return [said for said, _, _ in rows]


def head_file(path: Path, card: dict[str, Any], tensors: dict[str, list[int]] | None = None, weights: int = -1) -> Path:
    """A head file with these float32 tensors; its ``weights`` bytes (default: as announced) take no room on the disk,
    and the last four are no number."""
    header: dict[str, Any] = {"__metadata__": {METADATA_KEY: json.dumps(card)}}
    at = 0
    for name, shape in (tensors or {}).items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream.truncate(8 + len(text) + (at if weights < 0 else weights))
        if at and weights < 0:
            stream.seek(-4, os.SEEK_END)
            stream.write(struct.pack("<f", float("nan")))
    return path


def a_document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(a_card().to_json()), **changes}


def bombs(folder: Path) -> list[Path]:
    """Files that announce, or ask for, far more than the bounds; all must be refused."""
    wide = [1024] * 5
    linear = {"channels": {"neck": 4096}, "classes": 255}
    many = {
        "channels": {"neck": 256},
        "classes": 255,
        "members": [{"type": "autosam", "hyper": {**linear, "channels": {"neck": 256}}}] * 5,
    }
    structures = [{"value": n, "name": "x"} for n in range(1, 255)]
    cards = {
        "arrangement": a_document(arrangement={"classes": 3, "widths": wide, "cell_mm": 3.0}),
        "shapes": a_document(shapes={"classes": 3, "widths": wide, "fold": 4, "distance_mm": 3.0}),
        "unet": a_document(head={"type": "unet", "hyper": {"channels": {}, "classes": 3, "width": 1024}}),
        "closer": a_document(
            closer={
                "side_mm": 9.0,
                "head": {"type": "student", "hyper": {"channels": {}, "classes": 3, "width": 1024}},
                "shapes": {"classes": 3, "widths": wide, "distance_mm": 3.0},
            }
        ),
        "wide": a_document(head={"type": "linear", "hyper": linear}, structures=structures),
        "ensembles": a_document(
            head={"type": "ensemble", "hyper": many},
            structures=structures,
            closer={"side_mm": 9.0, "head": {"type": "ensemble", "hyper": many}, "shapes": {}},
        ),
        "notes": a_document(training={"notes": [[{}] * 9_000] * 60}),
        "curve": a_document(training={"curve": [[1, 0.5, 0.5]] * 90_000}),
        "structures": a_document(structures=[{"value": n, "name": "x"} for n in range(1, 40_000)]),
        "digits": a_document(plane={"name": "axial", "acquisition": True, "side_mm": 7}),
    }
    paths = [head_file(folder / f"{name}.samhead", card) for name, card in cards.items()]
    paths[-1].write_bytes(paths[-1].read_bytes().replace(b'\\"side_mm\\": 7', b'\\"side_mm\\": ' + b"7" * 1_000_000))
    many = {f"t{n}": [1, 1] for n in range(20_000)}
    paths.append(head_file(folder / "tensors.samhead", a_document(), many))
    paths.append(head_file(folder / "huge.samhead", a_document(), {"norm.mean": [2**31 - 1, 64]}, weights=0))
    lists = folder / "lists.samhead"
    text = b"[" + b"{}," * (MAXIMUM_HEADER_BYTES // 3 - 1) + b"0]"
    lists.write_bytes(struct.pack("<Q", len(text)) + text)
    axes = folder / "axes.samhead"
    header = {
        **json.loads('{"t": {"dtype": "F32", "data_offsets": [0, 4]}}'),
        "__metadata__": {METADATA_KEY: json.dumps(a_document())},
    }
    header["t"]["shape"] = [2**30] * 100_000
    text = json.dumps(header).encode()
    axes.write_bytes(struct.pack("<Q", len(text)) + text)
    return [*paths, lists, axes]


def test_no_file_takes_more_than_200_mb_or_2_seconds_to_be_refused(tmp_path: Path) -> None:
    paths = bombs(tmp_path)
    assert all(said != "accepted" for said in judged(*paths))


def test_a_large_file_with_one_weight_that_is_no_number_is_refused_piece_by_piece(tmp_path: Path) -> None:
    hyper = {"channels": {}, "classes": 3, "width": 256}
    import torch

    from SAMAdaptLib.networks import build_head

    with torch.device("meta"):
        module = build_head("unet", hyper)
    shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
    card = a_document(head={"type": "unet", "hyper": hyper})
    path = head_file(tmp_path / "nan.samhead", card, shapes)
    assert path.stat().st_size > 100 * 2**20
    (said,) = judged(path)
    assert "not finite" in said


def test_the_handed_heads_are_refused_and_the_good_ones_read(shared_cases: Path) -> None:
    paths = sorted((shared_cases / "hostile-heads").glob("*.samhead"))
    assert len(paths) >= 20
    answers = dict(zip((path.stem for path in paths), judged(*paths), strict=True))
    good = {name for name, said in answers.items() if said == "accepted"}
    # Markup is plain text: it is shown as it is. The file with the changed bit is of a version without checksums.
    assert good == {"ok", "name-html", "one-bit-of-a-weight"}


# --- what is no file -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_a_folder_and_a_device_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.samhead")
    (tmp_path / "folder.samhead").mkdir()
    (tmp_path / "zero.samhead").symlink_to("/dev/zero")
    for path in (*tmp_path.iterdir(), Path("nul\0.samhead"), tmp_path / "none.samhead"):
        with pytest.raises(HeadFileError, match="samhead"):
            read_card(path)


def test_tensors_that_overlap_leave_gaps_or_lie_about_their_length_are_refused(saved: Path) -> None:  # noqa: F811
    data = saved.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    name = next(key for key in header if key != "__metadata__")
    begin, end = header[name]["data_offsets"]
    changes: list[dict[str, Any]] = [
        {"data_offsets": [begin + 4, end + 4]},
        {"data_offsets": [begin, end - 4]},
        {"data_offsets": [end, begin]},
        {"data_offsets": None},
        {"shape": [-1, -3]},
        {"shape": [True]},
        {"dtype": "I64"},
        {"dtype": []},
    ]
    for change in changes:
        text = json.dumps({**header, name: {**header[name], **change}}).encode()
        saved.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        with pytest.raises(HeadFileError, match="list of tensors is damaged"):
            read_card(saved)


def test_loading_a_head_draws_no_chance_and_lets_go_of_the_file(saved: Path) -> None:  # noqa: F811
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    head = load_head(saved)
    assert torch.rand(1) == expected
    before = {name: value.clone() for name, value in head.state().items()}
    with saved.open("r+b") as stream:
        stream.seek(-64, os.SEEK_END)
        stream.write(b"\x7f" * 64)
    assert all(torch.equal(value, before[name]) for name, value in head.state().items())


# --- listing ---------------------------------------------------------------------------------------------------------


def test_one_bad_file_is_listed_as_bad_and_hides_no_other(tmp_path: Path, empty_home: Path, capsys: Any) -> None:
    library = empty_home / "heads"
    library.mkdir(parents=True)
    save_head(ball_head("good"), library / "good.samhead")
    for number, change in enumerate(({"quality": None}, {"training": []}, {"head": {}}, {"name": "\x1b]0;pwn\x07"})):
        rewritten(save_head(ball_head(), library / f"bad {number}.samhead"), **change)
    (library / "nested.samhead").write_bytes(struct.pack("<Q", 100_000) + b"[" * 100_000)
    assert main(["heads", "--json"]) == 0
    out = capsys.readouterr()
    rows = json.loads(out.out)["heads"]
    assert [row["name"] for row in rows if "error" not in row][0] == "good"
    assert len([row for row in rows if "error" in row]) == 5
    assert out.err.count("error: ") == 5
    assert "\x1b" not in out.out + out.err


def test_what_reaches_the_terminal_holds_no_control_codes(tmp_path: Path, capsys: Any) -> None:
    bad = tmp_path / "\x1b]0;pwn\x07\u202e.samhead"
    bad.write_bytes(b"")
    assert main(["heads", str(bad)]) == 2
    found = capsys.readouterr()
    assert not set("\x1b\x07\u202e") & set(found.out + found.err)
    assert "\\x1b]0;pwn\\x07\\u202e.samhead" in found.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Lever – 肝脏 – كبد", "Lever – 肝脏 – كبد"),
        ("a\x1b[2Jb\x9bc", "a\\x1b[2Jb\\x9bc"),
        ("two\nlines\tx", "two\nlines\tx"),
        ("\ud800\u2028\u2066\x7f", "\\ud800\\u2028\\u2066\\x7f"),
    ],
)
def test_what_is_not_plain_is_written_out(text: str, shown: str) -> None:
    assert plaintext.shown(text) == shown
    assert plaintext.is_plain(text) == (text == shown and "\n" not in text)


def test_names_of_structures_are_plain_everywhere() -> None:
    for name in ("a\x00b", "a\u202eb", "a\udc80b", "a\u2028b"):
        with pytest.raises(InputError, match="must be one line"):
            Structure(1, name, (0, 0, 0))
    assert plaintext.cleaned("a\u202eb\ud800" + "c" * 9, 5) == "a?b?c"


# --- the encoder -----------------------------------------------------------------------------------------------------


def test_the_encoder_that_a_head_names_is_looked_up_and_not_followed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_bytes(b"a file of that very name")
    with pytest.raises(HeadFileError, match="encoder 'mine', which is none of those .*--encoder FILE"):
        load_encoder_of("mine", None, "cpu", Silent())


def test_a_head_on_an_encoder_of_ones_own_segments_where_that_is_named(tmp_path: Path, empty_home: Path) -> None:
    head, volume = ball_head(), read_volume(write_ball(tmp_path)[0])
    own = replace(head, card=replace(head.card, encoder=replace(head.card.encoder, name="own")))
    with pytest.raises(HeadFileError, match="--encoder FILE"):
        segment(volume, own, device="cpu")
    assert segment(volume, own, encoder=load_encoder("tiny"), device="cpu").values() == segment(volume, head).values()


# --- job lines -------------------------------------------------------------------------------------------------------


def words_of(line: str) -> Callable[[], object]:
    def read() -> object:
        word = wire.decode(line, wire.TO_WORKER)
        return job_from_dict(word.spec) if isinstance(word, wire.Run) else word

    return read


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "segment", "image": "x" * 15_000_000, "head": "h", "output": "o"},
        {"kind": "x" * 15_000_000},
        {"kind": ["x" * 15_000_000]},
        {"kind": "segment", "x" * 15_000_000: 1},
        {"kind": "probe", "encoder": "x" * 15_000_000},
        {"kind": "suggest", "image": "i", "head": "h", "count": int("9" * 4000)},
        {"kind": "segment", "image": "a\0b", "head": "h", "output": "o"},
        {"kind": "segment", "image": "\ud800", "head": "h", "output": "o"},
        {"kind": "train", "cases": [{"image": "a", "labels": "b"}], "output": "h.samhead", "seed": -1},
    ],
    ids=lambda spec: str(spec)[:40],
)
def test_a_long_or_odd_job_line_is_refused_and_not_repeated(spec: dict[str, Any]) -> None:
    line = json.dumps({"say": "run", "job": 1, "spec": spec})
    with pytest.raises((InputError, WorkerError)) as caught:
        words_of(line)()
    assert len(str(caught.value)) < 1000


def test_a_line_with_more_values_than_makes_sense_is_refused_before_it_is_read() -> None:
    with pytest.raises(WorkerError, match="more than 500000 values"):
        wire.decode('{"say": "run", "job": 1, "spec": {"a": [' + "{}," * 600_000 + "0]}}", wire.TO_WORKER)


def test_of_a_line_without_end_no_more_is_kept_than_makes_sense() -> None:
    class Endless:
        left, longest = 3 * wire.LONGEST_LINE, 0

        def readline(self, size: int) -> str:
            self.longest = max(size, self.longest)
            size, self.left = min(size, self.left), self.left - min(size, self.left)
            return "x" * size if size else ""

    stream = Endless()
    lines = list(wire.lines_of(stream))  # type: ignore[arg-type]
    assert len(lines) == 1
    assert stream.longest <= wire.LONGEST_LINE + 1
    with pytest.raises(WorkerError, match="characters came"):
        wire.decode(lines[0], wire.TO_WORKER)


def test_what_the_other_side_would_not_read_is_not_said() -> None:
    with pytest.raises(WorkerError, match="was to go over the worker's wire"):
        wire.encode(wire.Warned(1, "x" * (wire.LONGEST_LINE + 1)))


# --- segmentation files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [b"kinds: " + b"x" * 2000, b"space: " + b"x" * 2000 + b":=", b"x" * 2000, b"spacings: " + b"9" * 70_000],
    ids=["kinds", "with a mark in it", "no field", "spacings"],
)
def test_a_field_that_would_end_the_reader_is_refused_before_it_is_read(tmp_path: Path, line: bytes) -> None:
    import fuzz

    path = tmp_path / "a.seg.nrrd"
    path.write_bytes(fuzz.segmentations()[0].replace(b"encoding:", line + b"\nencoding:", 1))
    with pytest.raises(InputError, match=r"a.seg.nrrd has a field of \d+ characters"):
        read_labelmap(path)
    with pytest.raises(InputError, match=r"a.seg.nrrd has a field of \d+ characters"):
        read_provenance(path)


def test_long_terminology_and_notes_are_no_long_fields(tmp_path: Path) -> None:
    import fuzz

    path = tmp_path / "a.seg.nrrd"
    lines = b"# " + b"x" * 3000 + b"\ncontent: " + b"x" * 3000 + b"\nA_key:=" + b"x" * 3000 + b"\nencoding:"
    path.write_bytes(fuzz.segmentations()[0].replace(b"encoding:", lines, 1))
    assert read_labelmap(path).values()


def test_names_of_segments_are_made_plain(tmp_path: Path) -> None:
    import fuzz

    path = tmp_path / "a.seg.nrrd"
    data = fuzz.segmentations()[0]
    named = b"Segment0_Name:=" + "a\u202e<b>\x1b".encode() + b"\xff\nSegment\xff_Name:=x\nencoding:"
    path.write_bytes(data.replace(b"Segment0_Name:=Structure 1\n", b"").replace(b"encoding:", named, 1))
    (structure,) = read_labelmap(path).structures
    assert structure.name == "a?<b>??"
    assert read_provenance(path) is None


# --- at random -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("target", ["heads", "jobs", "segnrrd"])
def test_some_hundred_spoiled_inputs_are_refused_well(target: str) -> None:
    import fuzz

    found: list[fuzz.Finding] = []
    assert fuzz.fuzz(target, seed=7, seconds=2.0, most=300, hear=found.append)
    assert not [one for one in found if one.reason]
