"""What is asked of the paths of a job before its work begins."""

from __future__ import annotations

import os
from pathlib import Path

from ..data.formats import split_frame
from ..errors import InputError
from ..utils.disk.safepaths import refuse_special
from ..utils.files import require_room


def check_readable(*paths: str) -> None:
    """Raises InputError for a path of which there is nothing, or nothing that is read."""
    for path in paths:
        refuse_special(path)
        if not split_frame(path)[0].exists():
            msg = f"{path} does not exist."
            raise InputError(msg, "Check the path.")


def check_writable(path: str) -> None:
    """Raises InputError where a file cannot be written: before the work, not after it."""
    refuse_special(path)
    target = Path(path)
    if target.is_dir():
        msg = f"{path} is a folder; a file's name is wanted."
        raise InputError(msg)
    if not target.absolute().parent.is_dir():
        msg = f"The folder {target.absolute().parent} does not exist."
        raise InputError(msg, "Create it first, or choose another place.")
    if not os.access(target.absolute().parent, os.W_OK):
        msg = f"The folder {target.absolute().parent} cannot be written to."
        raise InputError(msg, "Choose another place.")
    require_room(target)


def check_not_an_input(output: str, *inputs: str) -> None:
    """Raises InputError for an output that is one of the inputs."""
    target = Path(output).resolve()
    if any(target == split_frame(path)[0].resolve() for path in inputs):
        msg = f"The result would overwrite its input {output}."
        raise InputError(msg, "Choose another name for the result.")
