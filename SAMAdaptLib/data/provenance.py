"""What made a result: head, encoder, version, options, input. Written into every result, compared when work is resumed.

Standard library only, so that whoever writes results, in whatever format, can use ``Provenance``: as a dictionary
(``to_dict``), or as one line of ASCII (``to_json``) under ``KEY``. Hashes and names of heads and encoders alone: no
path, nothing about the patient, nothing about the machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InputError
from .formats import split_frame

TOOL = "SAMAdapt"

KEY = "SAMAdapt.Provenance"
"""The field of an NRRD or MetaImage file, and the attribute of a node, that holds ``to_json``."""

HEAD_KEY = "SAMAdapt.Head"
"""The attribute of a segmentation node, and the tag of a segment, that name the head."""

HEAD_HASH_KEY = "SAMAdapt.HeadSha256"
"""The tag of a segment that holds the head's hash."""

LONGEST_JSON = 1 << 14
"""Longer ones are damage or malice."""

_LONGEST_NAME = 200
_SHOWN = 8
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    ``head`` is the name on its card, ``head_sha256`` the hash of its file; ``encoder`` and ``encoder_sha256`` are those
    of its card (the hash is of the weights). ``options``: those that decide what is found, see ``InferenceConfig``.
    ``voxels_sha256``: of the input's voxels and grid; ``file_sha256``: of the input's file, empty where there was none.
    ``labels_sha256``: of the result's voxels, set on writing, so that a result that was edited since can be told.
    ``channels``: what the input's channels are called, in the head's order and in one line; empty where there is one.
    """

    head: str
    head_sha256: str
    encoder: str
    encoder_sha256: str
    options: Mapping[str, Any] = field(default_factory=dict)
    voxels_sha256: str = ""
    file_sha256: str = ""
    labels_sha256: str = ""
    version: str = __version__
    channels: str = ""

    def __post_init__(self) -> None:
        for name in ("head", "encoder"):
            text = "".join(sign if sign.isprintable() else " " for sign in str(getattr(self, name)))
            # An encoder may be named by its file: folders of this machine are nobody's business.
            name_only = text.replace("\\", "/").rpartition("/")[2] if name == "encoder" else text
            object.__setattr__(self, name, " ".join(name_only.split())[:_LONGEST_NAME])

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, with ``made_by``; without ``channels`` where there is one."""
        found = {"made_by": TOOL, **asdict(self)}
        return {name: value for name, value in found.items() if name != "channels" or value}

    def to_json(self) -> str:
        """One line of ASCII."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, document: Any) -> Provenance | None:
        """What ``to_dict`` wrote, or None for anything else; keys it does not know are ignored."""
        if not isinstance(document, Mapping) or document.get("made_by") != TOOL:
            return None
        known = {item.name: document[item.name] for item in fields(cls) if item.name in document}
        options = known.pop("options", {})
        needed = {"head", "head_sha256", "encoder", "encoder_sha256", "version"}
        if not (needed <= known.keys() and all(isinstance(value, str) for value in known.values())):
            return None
        return cls(**known, options=options) if isinstance(options, Mapping) else None

    @classmethod
    def from_json(cls, text: str) -> Provenance | None:
        """What ``to_json`` wrote, or None for anything else."""
        if len(text) > LONGEST_JSON:
            return None
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError):
            return None

    def of_input(self, path: str | Path, *channels: str | Path) -> Provenance:
        """The same, made from the file or folder ``path``, and those of its further channels."""
        digests = [input_digest(each) for each in (path, *channels)]
        together = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        return replace(self, file_sha256=together if channels else digests[0])

    def differences(self, wanted: Provenance) -> list[str]:
        """In words, what made this result otherwise than ``wanted`` would; empty when nothing did.

        What either side does not know of the input does not count.
        """
        found = []
        if self.head_sha256 != wanted.head_sha256:
            found.append(f"head {_named(self.head, self.head_sha256)}, now {_named(wanted.head, wanted.head_sha256)}")
        if self.encoder_sha256 != wanted.encoder_sha256:
            ours, theirs = _named(self.encoder, self.encoder_sha256), _named(wanted.encoder, wanted.encoder_sha256)
            found.append(f"encoder {ours}, now {theirs}")
        if self.version != wanted.version:
            found.append(f"version {self.version}, now {wanted.version}")
        for name in sorted({*self.options, *wanted.options}):
            before, after = self.options.get(name), wanted.options.get(name)
            if before != after:
                found.append(f"{name} {_shown(before)}, now {_shown(after)}")
        inputs = ((self.file_sha256, wanted.file_sha256), (self.voxels_sha256, wanted.voxels_sha256))
        if any(before and after and before != after for before, after in inputs):
            found.append("the image was another one")
        return found


def file_digest(path: str | Path) -> str:
    """sha256 (hex) of a file. Raises InputError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error})."
        raise InputError(msg, "Check the path and the permissions.") from error
    return digest.hexdigest()


def input_digest(path: str | Path) -> str:
    """sha256 (hex) of a file, of a frame of one, or of all files of a folder by whatever names. Raises InputError."""
    path, frame = split_frame(path)
    if frame is not None:
        return hashlib.sha256(f"{file_digest(path)}@{frame}".encode()).hexdigest()
    if not path.is_dir():
        return file_digest(path)
    parts = sorted(file_digest(item) for item in path.iterdir() if item.is_file())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _named(name: str, sha256: str) -> str:
    return f"{name} ({sha256[:_SHOWN]})" if sha256 else name


def _shown(value: Any) -> str:
    return "as the head has it" if value is None else json.dumps(value)
