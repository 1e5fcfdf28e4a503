"""SHA-256 of large files, computed once and remembered for as long as a file keeps its size and time of change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from pathlib import Path

from ...errors import InputError, WeightsError
from ...progress import CHECKING, Monitor, Silent, raise_if_cancelled
from ...utils.disk.notes import read_notes
from ...utils.files import write_content
from ...utils.paths import folder, home

_CHUNK = 1 << 22
_MEMORY = "verified.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_of(path: Path, monitor: Monitor | None = None) -> str:
    """The file's SHA-256 in hexadecimal, remembered or computed. Raises WeightsError if it cannot be read."""
    key, state = _identity(path)
    known = _remembered().get(key)
    if known and all(known.get(name) == value for name, value in state.items()):
        return str(known["sha256"])
    digest = computed(path, monitor)
    remember(path, digest)
    return digest


def remember(path: Path, sha256: str) -> None:
    """Note that the file as it is now has this hash. A home that cannot be written to only costs time later."""
    key, state = _identity(path)
    others = {other: facts for other, facts in _remembered().items() if _is_file(other)}
    known = {**others, key: {**state, "sha256": sha256}}
    text = json.dumps(known, indent=1, sort_keys=True)
    with contextlib.suppress(InputError):
        write_content(folder("weights") / _MEMORY, text, private=True)  # it holds paths


def computed(path: Path, monitor: Monitor | None = None) -> str:
    """The file's SHA-256 in hexadecimal, from its bytes. Raises WeightsError, or Cancelled between chunks."""
    monitor = monitor or Silent()
    size = _identity(path)[1]["bytes"]
    digest = hashlib.sha256()
    done = 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                raise_if_cancelled(monitor)
                digest.update(chunk)
                done += len(chunk)
                monitor.progress(CHECKING.text(name=path.name), done, max(size, done))
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _identity(path: Path) -> tuple[str, dict[str, int]]:
    try:
        facts = path.stat()
        return str(path.resolve()), {"bytes": facts.st_size, "changed": facts.st_mtime_ns}
    except OSError as error:
        raise _unreadable(path, error) from error


def _remembered() -> dict[str, dict[str, object]]:
    """What is known of which path; nothing if the memory is missing, and nothing of a path whose facts are damaged."""
    noted = read_notes(home() / "weights" / _MEMORY)
    return {key: facts for key, facts in noted.items() if isinstance(facts, dict) and _is_sha256(facts.get("sha256"))}


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_file(text: str) -> bool:
    """False also for what can be no path."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _unreadable(path: Path, error: OSError) -> WeightsError:
    msg = f"The file {path} cannot be read ({error.strerror or error})."
    return WeightsError(msg, "Check the path and its permissions.")
