"""What a folder is when a volume is asked for: a DICOM series, or else all volumes in it.

Standard library only. The command line, the benchmark and Slicer's panel ask here, so that one folder is the same to
all of them. DICOM files are known by their content: they are called anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..formats import HEAD_ENDING, is_result, is_volume, stem

_OTHER_ENDINGS = frozenset({
    ".txt", ".csv", ".tsv", ".json", ".xml", ".html", ".htm", ".pdf", ".md", ".rtf", ".doc", ".docx", ".xls", ".xlsx",
    ".odt", ".log", ".ini", ".inf", ".cfg", ".db", ".yml", ".yaml", ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".svg",
    ".ico", ".avi", ".mp4", ".zip", ".gz", ".tar", ".7z", ".rar", ".exe", ".dll", ".jar", ".bat", ".sh", ".py", ".js",
    ".css", ".raw", ".zraw", ".md5", ".sha256", ".bval", ".bvec", ".bvals", ".bvecs", HEAD_ENDING, ".part", ".tmp",
    ".bak", ".vtk", ".vtp", ".stl", ".obj", ".mrml", ".mrb",
})  # fmt: skip
_OTHER_NAMES = frozenset({"dicomdir", "lockfile", "version", "readme", "license", "autorun"})
_PREAMBLE = 128
_BEGINNING = 1024
_SEGMENTATION = b"1.2.840.10008.5.1.4.1.1.66."
"""How the kinds of segmentations and surfaces begin; a file's kind stands among its first elements."""


@dataclass(frozen=True)
class FolderContents:
    """The files of a folder, sorted: ``dicom`` by content; ``volumes`` by their endings, the halves of a pair as one.

    ``doubtful`` are files that should be DICOM by their name, as they are called like those that are, and are not:
    empty or damaged ones. ``others`` are called otherwise and are of no known kind.
    """

    dicom: tuple[Path, ...]
    volumes: tuple[Path, ...]
    results: tuple[Path, ...]
    doubtful: tuple[Path, ...]
    others: tuple[Path, ...]


def contents_of(folder: Path) -> FolderContents:
    """What lies in a folder, not in its subfolders; hidden files are left out. Raises InputError."""
    files = _files_of(folder)
    dicom = tuple(path for path in files if is_dicom(path))
    rest = [path for path in files if path not in set(dicom)]
    results = tuple(path for path in rest if is_result(path))
    volumes = tuple(path for path in rest if path not in results and is_volume(path))
    unknown = [path for path in rest if path not in results and path not in volumes and not _is_of_another_kind(path)]
    called = {_kind_of_name(path) for path in dicom}
    doubtful = tuple(path for path in unknown if _kind_of_name(path) in called)
    others = tuple(path for path in unknown if path not in doubtful)
    return FolderContents(dicom, _pairs_as_one(volumes), results, doubtful, others)


def volumes_in(folder: Path) -> list[Path]:
    """The volumes that a folder stands for, in order of their names.

    The folder itself when DICOM files lie in it; else its volume files and those subfolders that hold DICOM files.
    Empty when there is none. Raises InputError for a folder that cannot be read.
    """
    if holds_dicom(folder):
        return [folder]
    volumes = contents_of(folder).volumes
    series = [path for path in _listed(folder) if path.is_dir() and holds_dicom(path)]
    return sorted([*volumes, *series])


def files_by_id(folder: Path, series: bool) -> dict[str, Path]:
    """The volumes and labels in a folder by their names without endings, and with ``series`` its subfolders, too.

    Raises InputError for a folder that cannot be read, and for two files of one name.
    """
    found: dict[str, Path] = {}
    subfolders = [path for path in _listed(folder) if path.is_dir()] if series else []
    for path in sorted([*_pairs_as_one(tuple(filter(is_volume, _files_of(folder)))), *subfolders]):
        name = path.name if path.is_dir() else stem(path)
        if name in found:
            msg = f"{folder} holds two volumes of the id {name}: {found[name].name} and {path.name}."
            raise InputError(msg, "Remove or rename one of them.")
        found[name] = path
    return found


def holds_dicom(folder: Path) -> bool:
    """Whether a DICOM image lies in a folder (not in its subfolders)."""
    return first_dicom(folder) is not None


def first_dicom(folder: Path) -> Path | None:
    """The first DICOM image of a folder by name, or None: segmentations, which are results, do not count.

    Raises InputError for a folder that cannot be read.
    """
    for path in _listed(folder):
        if is_dicom(path) and _SEGMENTATION not in _beginning(path):
            return path
    return None


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, with or without a preamble. A list of DICOM files (DICOMDIR) is none."""
    return path.name.upper() != "DICOMDIR" and _is_dicom(_beginning(path))


def _is_dicom(head: bytes) -> bool:
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or _begins_with_a_tag(head)


def _beginning(path: Path) -> bytes:
    if not path.is_file():  # a pipe would wait for someone to write
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""


def _begins_with_a_tag(head: bytes) -> bool:
    """Whether a file without a preamble starts with an element of group 2 or 8: explicit with a type, or short."""
    if len(head) < _PREAMBLE or head[:2] not in (b"\x08\x00", b"\x02\x00") or head[3] != 0:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or (0 < int.from_bytes(head[4:8], "little") <= 64 and head[2] in (0, 1, 5, 8, 0x16))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        msg = f"The folder {folder} cannot be read ({error.strerror or error})."
        raise InputError(msg, "Check its permissions, or choose another folder.") from error


def _files_of(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.is_file()]


def _is_of_another_kind(path: Path) -> bool:
    return path.suffix.lower() in _OTHER_ENDINGS or path.name.lower() in _OTHER_NAMES


def _kind_of_name(path: Path) -> str:
    """The ending, or "" where there is none; numbers after a dot are parts of an identifier, no ending."""
    suffix = path.suffix.lower()
    return "" if suffix[1:].isdigit() else suffix


def _pairs_as_one(volumes: tuple[Path, ...]) -> tuple[Path, ...]:
    """Without the .img (or .img.gz) beside a .hdr of the same name."""
    headers = {path.with_suffix("") for path in volumes if path.suffix.lower() == ".hdr"}

    def is_second_half(path: Path) -> bool:
        for ending in (".img.gz", ".img"):
            if path.name.lower().endswith(ending):
                return path.with_name(path.name[: -len(ending)]) in headers
        return False

    return tuple(path for path in volumes if not is_second_half(path))
