"""Slicer's bundle of a sequence of segmentations (.seq.mrb): a .seg.nrrd for each frame, and a scene that orders them.

Slicer opens it as a sequence with names, colours and terminology (``vtkMRMLSequenceStorageNode``). ``read_bundle``
reads what Slicer or ``write_bundle`` wrote; of a scene only what
it needs is looked at, and nothing in it is carried out.
"""

from __future__ import annotations

import html
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...utils.disk.safepaths import printable
from ...utils.files import write_atomically, write_content
from ..formats import RESULT_ENDING, stem
from ..image import Labelmap
from ..provenance import KEY, LONGEST_JSON, Provenance
from .index import FrameIndex

_NOTE = "SAMAdapt.json"
_LONGEST_SCENE = 16 << 20
_LARGEST_MEMBER = 1 << 30
_MOST_SHRUNK = 1032
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_ELEMENT = re.compile(r"<(\w+)\s([^>]*?)/?>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w.-]+)="([^"]*)"')


@dataclass(frozen=True)
class Bundle:
    """``members`` are the frames' files in the archive, in order; ``pairs`` hold what made it, if it says so."""

    path: Path
    members: tuple[str, ...]
    index: FrameIndex
    pairs: Mapping[str, str]

    @contextmanager
    def extracted(self, number: int) -> Iterator[Path]:
        """The file of a frame, as long as the context lasts. Raises InputError for a damaged archive."""
        with tempfile.TemporaryDirectory() as folder, _archive(self.path) as archive:
            target = Path(folder) / f"frame{RESULT_ENDING}"
            member = _member(self.path, archive, self.members[number], _LARGEST_MEMBER)
            write_content(target, archive.read(member), durable=False)  # it is compressed, and small
            yield target


def read_bundle(path: Path) -> Bundle:
    """What a bundle of segmentations holds. Raises InputError for other bundles, and for damaged ones."""
    with _archive(path) as archive:
        scene = next((name for name in archive.namelist() if name.lower().endswith(".mrml")), None)
        if scene is None:
            raise _other(path)
        text = _text(path, archive, scene, _LONGEST_SCENE)
        note = next((name for name in archive.namelist() if name.rpartition("/")[2] == _NOTE), None)
        pairs = {} if note is None else {KEY: _text(path, archive, note, LONGEST_JSON)}
    found: dict[str, dict[str, dict[str, str]]] = {}
    for tag, attributes in _ELEMENT.findall(text):
        named = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
        found.setdefault(tag, {})[named.get("id", "")] = named
    sequence = next(iter(found.get("Sequence", {}).values()), None)
    if sequence is None:
        raise _other(path)
    entries = [entry.partition(":") for entry in sequence.get("indexValues", "").split(";") if entry]
    folder = scene.rpartition("/")[0]
    members = tuple(_file_of(path, found, folder, node) for node, _colon, _value in entries)
    if not members:
        raise _other(path)
    words = " ".join(value for _node, _colon, value in entries)
    told = [sequence.get(key, "") for key in ("indexName", "indexUnit", "indexType")]
    return Bundle(path, members, FrameIndex.read(len(members), words, told[0], told[1], told[2]), pairs)


def _file_of(path: Path, found: Mapping[str, Mapping[str, Mapping[str, str]]], folder: str, node: str) -> str:
    """The name in the archive of the file of a segmentation node. Raises InputError."""
    references = found.get("Segmentation", {}).get(node, {}).get("references", "")
    storage = re.search(r"storage:([\w.-]+)", references)
    file = found.get("SegmentationStorage", {}).get(storage[1] if storage else "", {}).get("fileName", "")
    if not file:
        raise _other(path)
    return f"{folder}/{file}" if folder else file


def write_bundle(
    path: Path,
    frames: Iterator[Labelmap],
    index: FrameIndex,
    provenance: Provenance | None,
    write: Callable[[Labelmap, Path], object],
) -> None:
    """Write one segmentation a frame; ``frames`` yields them in order, ``write`` puts one into a .seg.nrrd.

    The bundle appears whole or not at all.
    Raises InputError.
    """
    name = re.sub(r"[^\w.-]+", "_", printable(stem(path)), flags=re.ASCII) or "segmentation"

    def fill(part: Path) -> None:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(part, "w") as archive:
            files = []
            for number, labelmap in enumerate(frames):
                file = f"Data/{name}_{number:04d}{RESULT_ENDING}"
                files.append(file)
                one = Path(folder) / f"frame{RESULT_ENDING}"
                write(labelmap, one)
                archive.writestr(zipfile.ZipInfo(f"{name}/{file}", _FIXED_DATE), one.read_bytes())
            scene = zipfile.ZipInfo(f"{name}/{name}.mrml", _FIXED_DATE)
            archive.writestr(scene, _scene(printable(stem(path)), files, index), zipfile.ZIP_DEFLATED)
            if provenance is not None:
                archive.writestr(zipfile.ZipInfo(f"{name}/{_NOTE}", _FIXED_DATE), provenance.to_json())
        with zipfile.ZipFile(part) as archive:
            if (damaged := archive.testzip()) is not None:
                msg = f"{damaged} did not arrive whole"
                raise OSError(msg)

    write_atomically(path, fill)


def _scene(name: str, files: Sequence[str], index: FrameIndex) -> str:
    """The scene: a segmentation and the storage of its file for each frame, and the sequence's index of them."""
    called, values = html.escape(name), index.words().split()
    nodes, stores, entries = [], [], []
    for number, (file, value) in enumerate(zip(files, values, strict=True), 1):
        node, store = f"vtkMRMLSegmentationNode{number}", f"vtkMRMLSegmentationStorageNode{number}"
        nodes.append(
            f'<Segmentation id="{node}" name="{called}" references="storage:{store};" '
            'SourceRepresentationName="Binary labelmap"></Segmentation>'
        )
        stores.append(
            f'<SegmentationStorage id="{store}" name="Storage_{number}" hideFromEditors="true" fileName="{file}" '
            'useCompression="1" defaultWriteFileExtension="seg.nrrd"></SegmentationStorage>'
        )
        entries.append(f"{node}:{value}")
    told = f'indexName="{html.escape(index.name)}" indexUnit="{html.escape(index.unit)}" indexType="{index.kind}"'
    sequence = (
        f'<Sequence id="vtkMRMLSequenceNodeSequenceIndex" name="Sequence" singletonTag="SequenceIndex" {told} '
        f'numericIndexValueTolerance="0.001" indexValues="{html.escape(";".join(entries))}"></Sequence>'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<MRML version="Slicer 4.0.0 0">']
    return "\n".join([*lines, *nodes, *stores, sequence, "</MRML>", ""])


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        msg = f"The file {path} cannot be read as a bundle ({error})."
        raise InputError(msg, "Save it again with 3D Slicer; is it whole?") from error


def _member(path: Path, archive: zipfile.ZipFile, name: str, most: int) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        msg = f"The file {path} lacks {name}, of which its scene speaks."
        raise InputError(msg, "Save it again with 3D Slicer.") from error
    if info.file_size > min(most, (info.compress_size + 64) * _MOST_SHRUNK):
        msg = f"{name} in {path} announces {info.file_size} bytes, more than it can hold or than make sense."
        raise InputError(msg, "The file is damaged: save it again with 3D Slicer.")
    return info


def _text(path: Path, archive: zipfile.ZipFile, name: str, most: int) -> str:
    with archive.open(_member(path, archive, name, most)) as stream:
        return stream.read(most).decode("utf-8", "replace")


def _other(path: Path) -> InputError:
    msg = f"{path.name} is not a bundle of a sequence of segmentations."
    return InputError(msg, "Save the sequence in 3D Slicer as .seq.mrb, or each volume as a file of its own.")
