"""Feeds damaged and malicious input to whatever reads what strangers wrote, and reports what does not refuse it well.

    python Testing/fuzz.py --seed 1 --seconds 60 [--target heads|jobs|segnrrd] [--keep FOLDER]

A finding is an exception outside SAMAdapt's family, a process that dies, more than 200 MB or more than 2 seconds. The
same seed makes the same inputs in the same order. Exit status 1 when there are findings; ``--keep`` writes their
inputs.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from SAMAdaptLib.errors import SAMAdaptError  # noqa: E402
from SAMAdaptLib.jobs.specs import job_from_dict  # noqa: E402
from SAMAdaptLib.worker import protocol as wire  # noqa: E402

MOST_SECONDS, MOST_MEGABYTES = 2.0, 200.0

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 255, 65536, 10**9, 2**63, -(10**30), 0.0, -0.5, 1e-320, 1e308, float("nan"), float("inf"),
    "", "x", " ", "..", "/etc/passwd", "C:\\x", "\x00", "\x1b[2J", "\u202egnp", "\ud800", "<b>x</b>",
    "9" * 4000, "x" * 70_000, "x" * 3000 + ":=", "cnn", "ensemble", "autosam", "unet",
    [], [1], [[]], [None] * 300, {}, {"a": 1}, {"": None},
)  # fmt: skip
"""Values that a field was never meant to have, or of a neighbour."""

_DEEP = "a hundred thousand brackets"


@dataclass
class Finding:
    """What went wrong with which input, the ``number``-th of its seed."""

    target: str
    number: int
    reason: str
    data: bytes = field(repr=False)


SliceCallback = Callable[[Finding], object]


@dataclass(frozen=True)
class Target:
    """``examples``: good inputs. ``changed``: one of them, spoiled. ``read``: what is tested, on a ``file``."""

    examples: Callable[[], Sequence[bytes]]
    changed: Callable[[random.Random, bytes], bytes]
    read: Callable[[Path], object]
    file: str


# --- changes ---------------------------------------------------------------------------------------------------------


def spoiled_bytes(chance: random.Random, data: bytes) -> bytes:
    """A few bytes other, gone, doubled, or cut off."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(found) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(found):
            found[at] = chance.randrange(256)
        elif kind == 1 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del found[at : at + chance.randrange(1, 40)]
        elif kind == 3:
            found[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
        else:
            found[at:] = b"" if chance.random() < 0.5 else found[at // 2 : at]
    return bytes(found)


def spoiled_document(chance: random.Random, document: Any) -> Any:
    """A JSON document with one or more values replaced, renamed, dropped, repeated or nested."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        place = chance.choice(_places(document) or [None])
        if place is None:
            return chance.choice(ODD)
        holder, key = place
        kind = chance.randrange(8)
        if kind == 0 and isinstance(holder, dict):
            holder[chance.choice(("", "extra", "left_out", "called", "schema", "x" * 99))] = holder.pop(key)
        elif kind == 1:
            del holder[key]
        elif kind == 2:
            holder[key] = [copy.deepcopy(holder[key])] * chance.choice((2, 9, 300, 5000))
        elif kind == 3:
            holder[key] = chance.choice(([[[1]]], {"a": {"b": [{}]}}, _DEEP))
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every (object or list, key) in a document."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < 5000:
        here = waiting.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        waiting += [here[key] for key in keys]
    return found


def as_json(document: Any) -> str:
    return json.dumps(document).replace(json.dumps(_DEEP), "[" * 100_000 + "]" * 100_000)


# --- head files ------------------------------------------------------------------------------------------------------


@cache
def heads() -> tuple[bytes, ...]:
    """Small head files of several types, with priors and a closer look."""
    import torch
    from balls import ball_head

    from SAMAdaptLib.heads.card import HeadCard
    from SAMAdaptLib.heads.head import Head, save_head
    from SAMAdaptLib.networks import head_class
    from SAMAdaptLib.networks.shape_prior import ShapePrior

    torch.manual_seed(0)
    base, channels = ball_head().card.to_dict(), {"neck": 8, "fine": 8}
    made = [ball_head()]
    for kind, more in (("cnn", {"width": 8}), ("fusion", {"width": 8, "fine": 4}), ("unet", {"width": 4})):
        module = head_class(kind)(channels, 2, **more)
        prior = ShapePrior(2, 2, (4, 4))
        document = {**base, "head": module.named(), "shapes": {**prior.hyper(), "distance_mm": 3.0}}
        document["closer"] = {"side_mm": 60.0, "head": module.named(), "shapes": document["shapes"], "alone": False}
        card = HeadCard.from_json(json.dumps({**document, "schema": 1}), kind)
        closer = Head(card.closer_card() or card, copy.deepcopy(module), copy.deepcopy(prior))
        made.append(Head(card, module, prior, closer))
    with tempfile.TemporaryDirectory() as folder:
        return tuple(save_head(head, Path(folder) / "a.samhead").read_bytes() for head in made)


def changed_head(chance: random.Random, data: bytes) -> bytes:
    """Another card, another list of tensors, or other bytes."""
    if chance.random() < 0.2:
        return spoiled_bytes(chance, data)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if chance.random() < 0.75:
        card = spoiled_document(chance, json.loads(header["__metadata__"]["samadapt"]))
        header["__metadata__"]["samadapt"] = as_json(card)
    else:
        header = spoiled_document(chance, header)
    text = as_json(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def read_head(path: Path) -> None:
    """Whatever is done with a stranger's head short of segmenting: listing, describing, loading, following it."""
    from SAMAdaptLib.data.structure import Structure
    from SAMAdaptLib.encoders.registry import registered
    from SAMAdaptLib.evaluation.report.page import card_facts
    from SAMAdaptLib.evaluation.report.recorder import card_curves
    from SAMAdaptLib.heads.card import read_card
    from SAMAdaptLib.heads.head import load_head
    from SAMAdaptLib.jobs.runner import head_facts
    from SAMAdaptLib.preprocessing.intensity import IntensityRule

    card = read_card(path)
    wire.encode(wire.Result(1, head_facts(card)))
    (card.summary(), card_facts(card), card_curves(card.training), card.expected_dice, card.closer_card())
    IntensityRule.from_dict(card.intensity)
    [Structure.from_dict(structure) for structure in card.structures]
    load_head(path).card.to_json().encode()
    registered(card.encoder.name)


# --- job lines -------------------------------------------------------------------------------------------------------


def job_lines() -> list[bytes]:
    """A line for each kind of job."""
    from test_jobs import ALL

    return [wire.encode(wire.Run(number, job.to_dict())).encode() for number, job in enumerate(ALL)]


def changed_line(chance: random.Random, data: bytes) -> bytes:
    if chance.random() < 0.3:
        return spoiled_bytes(chance, data)
    document = spoiled_document(chance, json.loads(data))
    if chance.random() < 0.01:
        document = [document, *([{"a": {}}] * 1_000_000)]
    return (as_json(document) + "\n").encode()


def read_line(path: Path) -> None:
    """As the worker reads a line, and logs what it was asked to do."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in wire.lines_of(stream):
            try:
                word = wire.decode(line, wire.TO_WORKER)
                if isinstance(word, wire.Run):
                    job = job_from_dict(word.spec)
                    if job_from_dict(json.loads(json.dumps(job.to_dict()))) != job:
                        msg = "a job that JSON changes"
                        raise AssertionError(msg)
                    str(job.settings()).encode(errors="surrogateescape")
            except SAMAdaptError as error:
                if len(str(error)) > 3000:
                    msg = f"the error repeats the input: {len(str(error))} characters"
                    raise AssertionError(msg) from error


# --- segmentation files ----------------------------------------------------------------------------------------------


@cache
def segmentations() -> tuple[bytes, ...]:
    """A small segmentation file, compressed or not."""
    import SimpleITK as sitk
    from balls import ball_arrays, image_of

    from SAMAdaptLib.data.io.seg_nrrd import header_of
    from SAMAdaptLib.data.io.volumes import Labelmap

    image = image_of(ball_arrays()[1])
    for key, value in header_of(Labelmap.from_sitk(image)).items():
        image.SetMetaData(key, value)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.seg.nrrd"
        found = []
        for compressed in (False, True):
            sitk.WriteImage(image, str(path), compressed)
            found.append(path.read_bytes())
    return tuple(found)


def changed_segmentation(chance: random.Random, data: bytes) -> bytes:
    if chance.random() < 0.2:
        return spoiled_bytes(chance, data)
    head, gap, voxels = data.partition(b"\n\n")
    lines = head.decode().split("\n")
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(1, len(lines))
        key, mark, value = lines[at].replace(":=", ":").partition(":")
        words = value.split(" ")
        if chance.random() < 0.6:
            words[chance.randrange(len(words))] = _odd_word(chance)
        lines[at] = f"{key}{':=' if '_' in key else mark}{' '.join(words)}"
        if chance.random() < 0.15:
            lines.insert(at, lines[at] if chance.random() < 0.5 else lines.pop())
    return "\n".join(lines).encode("utf-8", "surrogatepass") + gap + voxels


def _odd_word(chance: random.Random) -> str:
    value = chance.choice(ODD)
    return value[:5000].replace("\n", " ") if isinstance(value, str) else str(value)[:200]


def read_segmentation(path: Path) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap

    labelmap = read_labelmap(path)
    (labelmap.volumes_ml(), [structure.name.encode() for structure in labelmap.structures])


TARGETS = {
    "heads": Target(heads, changed_head, read_head, "a.samhead"),
    "jobs": Target(job_lines, changed_line, read_line, "line.json"),
    "segnrrd": Target(segmentations, changed_segmentation, read_segmentation, "a.seg.nrrd"),
}


# --- the loop --------------------------------------------------------------------------------------------------------


def fuzz(name: str, seed: int, seconds: float, most: int = 2**62, skip: int = 0, hear: SliceCallback = print) -> int:
    """Try inputs until the time is over, or ``most`` were tried; returns how many. The first ``skip`` are left out.

    ``hear`` is told of every input before it is tried, and of what was found.
    """
    target, chance = TARGETS[name], random.Random(f"{name} {seed}")
    examples = target.examples()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / target.file
        for data in examples:  # what is imported at the first use is no fault of an input
            path.write_bytes(data)
            _read(target, path)
        number, end = 0, time.monotonic() + seconds
        while number < most and (time.monotonic() < end or number <= skip):
            data = target.changed(chance, chance.choice(examples))
            number += 1
            if number <= skip:
                continue
            path.write_bytes(data)
            hear(Finding(name, number, "", data))
            for reason in _judged(target, path):
                hear(Finding(name, number, reason, data))
    return number


def _read(target: Target, path: Path) -> str:
    """Why this was not read or refused as it should be, "" when it was."""
    try:
        target.read(path)
    except SAMAdaptError:
        return ""
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]!r} at {Path(last.filename).name}:{last.lineno}"
    return ""


def _judged(target: Target, path: Path) -> list[str]:
    before, began = _peak_megabytes(), time.process_time()
    reason = _read(target, path)
    took, more = time.process_time() - began, _peak_megabytes() - before
    return [
        *([reason] if reason else []),
        *([f"took {took:.1f} s of the processor"] if took > MOST_SECONDS else []),
        *([f"took {more:.0f} MB"] if more > MOST_MEGABYTES else []),
    ]


def _peak_megabytes() -> float:
    """The most memory that this process had so far; 0 where that is not known."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


class Tale:
    """What a fuzzing process leaves in a folder: the input that it tries, and what it found."""

    def __init__(self, folder: Path) -> None:
        self.current, self.found = folder / "current", folder / "found"

    def hear(self, one: Finding) -> None:
        document = json.dumps([one.number, one.reason, one.data.hex()])
        if one.reason:
            with self.found.open("a") as stream:
                stream.write(document + "\n")
        else:
            self.current.write_text(document)

    def findings(self, target: str) -> list[Finding]:
        lines = self.found.read_text().splitlines() if self.found.exists() else []
        return [self._finding(target, line) for line in lines]

    def last(self, target: str) -> Finding:
        """The input that was tried last."""
        return self._finding(target, self.current.read_text())

    def _finding(self, target: str, line: str) -> Finding:
        number, reason, data = json.loads(line)
        return Finding(target, number, reason, bytes.fromhex(data))


def guarded(name: str, seed: int, seconds: float) -> tuple[int, list[Finding]]:
    """As ``fuzz``, in processes of their own: one that dies of an input is a finding as well, and the next goes on."""
    number, deaths, end = 0, [], time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        tale = Tale(Path(folder))
        while True:
            left = max(end - time.monotonic(), 1.0)
            words = ["--child", folder, "--target", name, "--seed", seed, "--seconds", left, "--skip", number]
            done = subprocess.run([sys.executable, __file__, *map(str, words)], check=False)
            number = tale.last(name).number
            if done.returncode == 0:
                return number, tale.findings(name) + deaths
            deaths.append(replace(tale.last(name), reason=f"the process died with {done.returncode}"))
            if time.monotonic() > end:
                return number, tale.findings(name) + deaths


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="default: all of them")
    parser.add_argument("--keep", type=Path, help="folder to write the inputs of findings into")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--skip", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        fuzz(options.target[0], options.seed, options.seconds, skip=options.skip, hear=Tale(options.child).hear)
        return 0
    found = False
    for name in options.target or sorted(TARGETS):
        tried, findings = guarded(name, options.seed, options.seconds)
        sys.stdout.write(f"{name}: {tried} inputs, {len(findings)} findings\n")
        for one in findings[:50]:
            sys.stdout.write(f"  input {one.number}: {one.reason}\n")
        found = found or bool(findings)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            for one in findings:
                (options.keep / f"{one.number}-{TARGETS[name].file}").write_bytes(one.data)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
