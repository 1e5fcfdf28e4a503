"""Heads that travel with a scene: the content of a head file in a text node, which Slicer saves as a file of the scene.

A scene may come from a stranger, so that opening one writes nothing: ``take_head`` copies a head into the library when
the user asks for it, and reads it as the untrusted file that it is.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from pathlib import Path
from typing import Any

from ..data.formats import HEAD_ENDING
from ..errors import HeadFileError, InputError
from ..heads.library import import_once, usable_name
from ..utils.files import write_content
from ..utils.plaintext import cleaned

ATTRIBUTE = "SAMAdapt.HeadFile"
"""Text nodes with a head have this attribute: the name of its file."""

_NODE = "vtkMRMLTextNode"
_MOST_CHARACTERS = 1 << 27
"""A hundred megabytes in base64: no head is so large."""


def keep_head(path: Path, scene: Any) -> Any:
    """Put a head into the scene, in place of an older one of the same file name; returns the text node."""
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"The head {path} cannot be read ({error.strerror or error})."
        raise InputError(msg, "Choose another one.") from error
    older = [node for node in heads_in(scene) if node.GetAttribute(ATTRIBUTE) == path.name]
    node = older[0] if older else scene.AddNewNodeByClass(_NODE, f"SAMAdapt {path.stem}")
    node.SetAttribute(ATTRIBUTE, path.name)
    node.SetText(base64.b64encode(content).decode("ascii"))
    return node


def heads_in(scene: Any) -> list[Any]:
    """The text nodes with heads in the scene, in its order."""
    count = scene.GetNumberOfNodesByClass(_NODE)
    nodes = [scene.GetNthNodeByClass(number, _NODE) for number in range(count)]
    return [node for node in nodes if node.GetAttribute(ATTRIBUTE)]


def title_of(node: Any) -> str:
    """What the head in a text node is called, as plain text."""
    return cleaned(str(node.GetAttribute(ATTRIBUTE)).removesuffix(HEAD_ENDING))


def take_head(node: Any, folder: Path | None = None) -> Path:
    """Copy the head in a text node into the library; returns its file there, which may have been there already.

    Raises HeadFileError when it is none.
    """
    text = node.GetText() or ""
    try:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError
        content = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        msg = f"The node {cleaned(node.GetName() or '')} of the scene holds no head file."
        raise HeadFileError(msg, "Save the head with the scene again, or export it to a file.") from error
    with tempfile.TemporaryDirectory(prefix="samadapt-") as place:
        file = Path(place) / (usable_name(title_of(node)) + HEAD_ENDING)
        write_content(file, content, private=True, durable=False)
        return import_once(file, folder)
