"""Files that appear whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from .errors import InputError
from .safepaths import refuse_special


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a sibling ``.part`` file, then rename it to ``path`` in one step.

    The sibling's name is unique, so two processes never write into one another's file, and it keeps ``path``'s
    endings, since some writers choose the format by them. Raises InputError when the folder does not exist or
    cannot be written to; whatever ``write`` raises passes through, and nothing is left behind.
    """
    path = Path(path)
    refuse_special(path)
    if not path.parent.is_dir():
        msg = f"The folder {path.parent} does not exist."
        raise InputError(msg, "Create it first, or choose another place.")
    stem, dot, endings = path.name.partition(".")
    part = path.with_name(f".{stem}-{uuid.uuid4().hex[:8]}.part{dot}{endings}")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror or error})."
        raise InputError(msg, "Check the free space and the permissions of its folder.") from error
    finally:
        part.unlink(missing_ok=True)
