"""What SAMAdapt does today, as plain data: labels, state dictionaries, cache names, JSON documents, wire lines, names.

``record_goldens.py`` writes these facts to ``goldens/``; ``test_golden.py`` compares them with what is stored there.
Nearly all is asked of the public Python functions and of the command line, so that modules may move.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import SimpleITK as sitk

import SAMAdaptLib as samadapt
from SAMAdaptLib import errors
from SAMAdaptLib.cli import main
from SAMAdaptLib.cli.parser import build_parser
from SAMAdaptLib.utils import timing

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).resolve().parent / "goldens"
STARTER = ROOT / "SAMAdapt" / "Resources" / "Heads" / "Hippocampus-starter.samhead"

STEPS = {"linear": 60, "cnn": 14, "autosam": 12, "fusion": 7, "student": 5, "unet": 5}
"""Optimizer steps of each head type: enough to find something on the phantom, few enough for a second."""


# Phantoms: of whole numbers, the same on every machine --------------------------------------------------------------


def as_image(array: np.ndarray, spacing: Sequence[float]) -> sitk.Image:
    """A SimpleITK image of ``array`` (k, j, i)."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(spacing))
    image.SetOrigin((-10.0, 5.0, 30.0))
    return image


def texture(shape: Sequence[int], seed: int) -> np.ndarray:
    """int16 (k, j, i) of pseudo-random values 0..15 from integer arithmetic alone."""
    values = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed * 7919 + 1)
    values = (values * np.uint64(2654435761)) % np.uint64(2**32)
    return ((values >> np.uint64(13)) % np.uint64(16)).astype(np.int16).reshape(tuple(shape))


def two_boxes(shift: int = 0) -> tuple[sitk.Image, sitk.Image]:
    """An image and its labels, 6 slices of 36 x 40: a bright ellipse (2) and a dark one (5), of half the slices."""
    k, j, i = np.mgrid[:6, :36, :40]
    inner = (k > 0) & (k < 5)
    bright = inner & ((j - 18) ** 2 + (i - 12 - shift) ** 2 < 50)
    dark = inner & ((j - 18) ** 2 + 2 * (i - 28 - shift) ** 2 < 60)
    values = 100 + texture(k.shape, shift) + 80 * bright.astype(np.int16) - 60 * dark.astype(np.int16)
    labels = np.where(bright, 2, np.where(dark, 5, 0)).astype(np.uint8)
    return as_image(values.astype(np.int16), (1.0, 1.1, 3.0)), as_image(labels, (1.0, 1.1, 3.0))


def hippocampus_phantom() -> sitk.Image:
    """A slim grey body in a bright surrounding with a dark gap beside it, two sagittal slices as of a T1 volume."""
    k, j, i = np.mgrid[:36, :50, :2]
    body = ((j - 25) / 18.0) ** 2 + ((k - 17) / 6.0) ** 2 < 1
    gap = ((j - 25) / 20.0) ** 2 + ((k - 26) / 2.5) ** 2 < 1
    values = 150 + texture(k.shape, 1) - 50 * body.astype(np.int16) - 110 * (gap & ~body).astype(np.int16)
    return as_image(values.astype(np.int16), (1.0, 1.0, 1.0))


# Labels -------------------------------------------------------------------------------------------------------------


def run_lengths(labels: np.ndarray) -> dict[str, Any]:
    """The labels as {shape, values, runs}: each run has one value, in C order."""
    flat = labels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(starts, flat.size))
    return {"shape": list(labels.shape), "values": flat[starts].tolist(), "runs": lengths.tolist()}


def from_run_lengths(stored: dict[str, Any]) -> np.ndarray:
    """The labels that ``run_lengths`` described."""
    return np.repeat(stored["values"], stored["runs"]).reshape(stored["shape"])


def agreement(found: np.ndarray, stored: np.ndarray) -> dict[int, float]:
    """Dice of each label value but 0 that either shows."""
    values = {int(value) for value in (*np.unique(found), *np.unique(stored))} - {0}
    return {
        value: 2 * float(((found == value) & (stored == value)).sum())
        / float((found == value).sum() + (stored == value).sum())
        for value in values
    }  # fmt: skip


def starter_labels(encoder: Any) -> dict[str, Any]:
    """What the starter head finds in its phantom."""
    return run_lengths(samadapt.segment(hippocampus_phantom(), STARTER, encoder=encoder).voxels)


# Trainings ----------------------------------------------------------------------------------------------------------


class StopsAfter:
    """A monitor that cancels a training after so many optimizer steps: the head of then is what comes back."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def progress(self, stage: str, done: int, total: int) -> None:
        """Nothing is shown."""

    def metric(self, name: str, step: int, value: float) -> None:
        self.left -= name == "loss"

    def warning(self, text: str) -> None:
        """Nothing is shown."""

    def cancelled(self) -> bool:
        return self.left <= 0


class _AllQuick(dict[str, list[float]]):
    """Paces as of a computer on which nothing takes long."""

    def get(self, _key: str, _default: Any = None) -> list[float]:
        return [1e-3] * timing.RUNS


@contextlib.contextmanager
def without_time() -> Iterator[None]:
    """Budgets are counted as if no time passed: steps and learning rates follow from them, and a busy computer would
    make another head."""
    with mock.patch.object(timing.clock, "now", lambda: 0.0), mock.patch.object(timing, "_read", lambda _: _AllQuick()):
        yield


def trained(kind: str) -> dict[str, Any]:
    """A short training of a head of that type: its tensors' shapes and norms, its hyper-parameters, its labels."""
    options = {"encoder": "tiny", "input_size": 256, "budget": "fast", "plane": "axial", "annotated_slices_only": True}
    with without_time():
        head = samadapt.train(two_boxes(), head=kind, seed=3, device="cpu", monitor=StopsAfter(STEPS[kind]), **options)
    found = samadapt.segment(two_boxes(shift=2)[0], head)
    card = json.loads(head.card.to_json())
    return {
        "type": card["head"]["type"],
        "hyper": card["head"]["hyper"],
        "steps": card["training"]["steps"],
        "tensors": {
            key: {"shape": list(tensor.shape), "norm": float(f"{tensor.double().norm().item():.5g}")}
            for key, tensor in head.state().items()
        },
        "labels": run_lengths(found.voxels),
    }


# Cache --------------------------------------------------------------------------------------------------------------


def cache_names(folder: Path, home: Path) -> dict[str, Any]:
    """The file names that the features of a fixed volume get, and what the first of the keys is made of.

    ``folder`` is one after ``write_inputs``; ``home`` is SAMADAPT_HOME.
    """
    parts: list[dict[str, Any]] = []
    dumps = json.dumps

    def listening(value: Any, *arguments: Any, **options: Any) -> str:
        if isinstance(value, dict) and {"volume", "slice"} <= value.keys():
            parts.append(json.loads(dumps(value)))
        return dumps(value, *arguments, **options)

    arguments = ["embed", "--head", str(folder / "linear.samhead"), str(folder / "image.nii.gz"), "--quiet"]
    with mock.patch("json.dumps", listening), _quiet():
        main(arguments)
    files = sorted(path.relative_to(home).as_posix() for path in (home / "features").rglob("*.npy"))
    return {"files": files, "parts": parts[0]}


# Command line -------------------------------------------------------------------------------------------------------


def shape_of(value: Any) -> Any:
    """A JSON document's keys and types, without its values; a list has the shapes that occur in it."""
    if isinstance(value, dict):
        return {key: shape_of(part) for key, part in sorted(value.items())}
    if isinstance(value, list):
        shapes: list[Any] = []
        for part in map(shape_of, value):
            if part not in shapes:
                shapes.append(part)
        return shapes
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "number" if isinstance(value, int | float) else "text"


def write_inputs(folder: Path) -> None:
    """Volumes, labels, a head and broken files that the commands below work on."""
    image, labels = two_boxes()
    other, truth = two_boxes(shift=2)
    for part, picture, answer in (("one", image, labels), ("two", other, truth)):
        for kind, written in (("images", picture), ("labels", answer)):
            (folder / "data" / kind).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(written, str(folder / "data" / kind / f"{part}.nii.gz"))
    sitk.WriteImage(image, str(folder / "image.nii.gz"))
    sitk.WriteImage(labels, str(folder / "labels.nii.gz"))
    sitk.WriteImage(other, str(folder / "other.nii.gz"))
    sitk.WriteImage(truth[:20], str(folder / "small.nii.gz"))
    for name in ("linear", "whole"):
        (folder / f"{name}.samhead").write_bytes((FOLDER / f"{name}.samhead").read_bytes())
    (folder / "damaged.samhead").write_bytes((FOLDER / "linear.samhead").read_bytes()[:-20])


_RECIPE = "--encoder tiny --input-size 256 --head linear --budget fast --annotated-slices-only --device cpu"

COMMANDS = {
    "train": f"train --case image.nii.gz labels.nii.gz {_RECIPE} --name 2=Bright -o new.samhead",
    "train, no such file": "train --case none.nii.gz labels.nii.gz -o h.samhead",
    "train, other grid": "train --case image.nii.gz small.nii.gz --encoder tiny -o h.samhead",
    "segment": "segment --head linear.samhead other.nii.gz -o found.seg.nrrd --device cpu",
    "segment into a folder": "segment --head linear.samhead image.nii.gz other.nii.gz -o found/ --device cpu",
    "segment, there already": "segment --head linear.samhead image.nii.gz other.nii.gz -o found/ --device cpu",
    "segment, one is bad": "segment --head linear.samhead image.nii.gz none.nii.gz -o more/ --device cpu",
    "segment, no such head": "segment --head nothing image.nii.gz -o found.nii.gz",
    "embed": "embed --head linear.samhead image.nii.gz --device cpu",
    "embed, one is bad": "embed --head linear.samhead image.nii.gz none.nii.gz --device cpu",
    "evaluate": "evaluate found.seg.nrrd data/labels/two.nii.gz --by-value",
    "evaluate, other grid": "evaluate labels.nii.gz small.nii.gz",
    "benchmark": f"benchmark --data data --support one --query two {_RECIPE}",
    "encoders": "encoders",
    "encoders, unknown": "encoders --fetch nothing",
    "heads": "heads .",
    "heads, damaged": "heads damaged.samhead",
    "cache": "cache",
    "cache, cleared": "cache --clear",
    "probe": "probe --encoder tiny --no-measure",
}
"""Each command line whose JSON answer is kept, in the order in which they run."""


def documents(folder: Path) -> dict[str, Any]:
    """The exit status and the shape of the JSON answer of each command, run in ``folder`` after ``write_inputs``."""
    with _working_in(folder):
        return {name: _answer(line.split()) for name, line in COMMANDS.items()}


def _answer(arguments: list[str]) -> dict[str, Any]:
    with _quiet() as stream:
        status = main([*arguments, "--json", "--quiet"])
    answer = json.loads(stream.getvalue())
    if answer["kind"] == "probe":  # what this machine has
        answer["packages"], answer["processor"]["features"] = {}, []
    return {"status": status, "document": shape_of(answer)}


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Standard output goes into the stream that this yields, standard error nowhere."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(io.StringIO()):
        yield stream


def statuses() -> dict[str, int]:
    """The exit status of a command that is interrupted, or whose work raises each error of the family."""
    family = {kind.__name__: kind("bad") for kind in vars(errors).values() if _is_error(kind)}
    found = {}
    for name, error in {"KeyboardInterrupt": KeyboardInterrupt(), "KeyError": KeyError("k"), **family}.items():
        with mock.patch("SAMAdaptLib.cli.verbs.run_job", side_effect=error), _quiet():
            found[name] = main(["train", "--case", "a", "b", "-o", "h.samhead", "--json", "--quiet"])
    return found


def _is_error(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


def options() -> dict[str, Any]:
    """Every verb's options: their names, number of values, choices, defaults, and whether they must be there."""
    actions = build_parser()._actions
    verbs = next(action for action in actions if isinstance(action, argparse._SubParsersAction))
    found: dict[str, Any] = {"(before the verb)": sorted(name for action in actions for name in action.option_strings)}
    for verb, parser in verbs.choices.items():
        found[verb] = [_option(action) for action in parser._actions]
    return json.loads(json.dumps(found))


def _option(action: argparse.Action) -> dict[str, Any]:
    facts = {
        "names": list(action.option_strings),
        "values": action.nargs,
        "metavar": action.metavar,
        "choices": list(action.choices) if action.choices else None,
        "default": None if action.default == argparse.SUPPRESS else action.default,
        "required": action.required,
        "repeated": type(action).__name__ in ("_AppendAction", "_ExtendAction"),
    }
    return {name: value for name, value in facts.items() if value is not None and value is not False}


# Worker -------------------------------------------------------------------------------------------------------------


def wire_lines() -> dict[str, Any]:
    """PROTOCOL and a line of each word, to the worker and from it."""
    from SAMAdaptLib.worker import protocol as wire

    told = {
        "run": {"job": 1, "spec": {"kind": "probe", "path": "/d/é.nii"}},
        "cancel": {"job": 1},
        "quit": {},
        "hello": {"protocol": wire.PROTOCOL, "version": "0.1.0", "pid": 42},
        "started": {"job": 1},
        "progress": {"job": 1, "stage": "Encoding", "done": 2, "total": 5, "seconds_left": 1.5},
        "metric": {"job": 1, "name": "held-out Dice/2", "step": 25, "value": float("nan")},
        "warning": {"job": 1, "text": "careful"},
        "stopping": {"job": 1},
        "result": {"job": 1, "result": {"kind": "probe", "values": (1, 2.5, None, True)}},
        "error": {"job": 1, "code": "input", "message": "x is bad.", "hint": "Export it again."},
        "bye": {"reason": "quit"},
    }
    known = {**wire.TO_WORKER, **wire.FROM_WORKER}
    return {
        "protocol": wire.PROTOCOL,
        "to the worker": sorted(wire.TO_WORKER),
        "from the worker": sorted(wire.FROM_WORKER),
        "lines": {say: wire.encode(known[say](**facts)) for say, facts in told.items()},
    }


# Slicer -------------------------------------------------------------------------------------------------------------


def slicer_names() -> dict[str, Any]:
    """Names that scenes and scripts keep: of the parameter node, of enumerations, of attributes, of widgets."""
    tree = ast.parse((ROOT / "SAMAdaptLib" / "gui" / "parameters.py").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    enums = {
        name: _members(node) for name, node in classes.items() if any("Enum" in ast.unparse(b) for b in node.bases)
    }
    nodes = {name: _fields(node) for name, node in classes.items() if name not in enums}
    form = ElementTree.parse(ROOT / "SAMAdapt" / "Resources" / "UI" / "SAMAdapt.ui").getroot()
    bound = {}
    for widget in form.iter("widget"):
        for setting in widget.findall("property"):
            if setting.get("name") == "SlicerParameterName":
                bound[widget.get("name")] = "".join(setting.itertext()).strip()
    return {
        "parameter nodes": nodes,
        "enumerations": enums,
        "attributes": sorted(_attribute_names()),
        "widgets": {str(item.get("name")): item.get("class") for item in form.iter("widget")},
        "bound parameters": bound,
    }


def _members(node: ast.ClassDef) -> dict[str, Any]:
    """Of an enumeration: {name: value}."""
    return {
        ast.unparse(item.targets[0]): ast.literal_eval(item.value) for item in node.body if isinstance(item, ast.Assign)
    }


def _fields(node: ast.ClassDef) -> dict[str, str]:
    """Of a parameter node or pack: {name: type}."""
    return {
        ast.unparse(item.target): ast.unparse(item.annotation) for item in node.body if isinstance(item, ast.AnnAssign)
    }


def _attribute_names() -> set[str]:
    """All string constants of the library that look like the name of an attribute or tag of ours."""
    found: set[str] = set()
    for path in (ROOT / "SAMAdaptLib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^SAMAdapt\.[A-Z]\w+$", node.value))
    return found
