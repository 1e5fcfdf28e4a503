#!/usr/bin/env python3
"""Packs the extension as the Extensions Manager of 3D Slicer installs it from a file (*Install from file...*).

    python3 Resources/build_extension.py OUT                                # for Slicer 5.12 on Linux and Windows
    python3 Resources/build_extension.py OUT --slicer 5.12 --macos 34567    # macOS; the number is Slicer's revision

The archive holds what the CMakeLists.txt files list, where Slicer's own packaging lays it, and the description file
by which the Extensions Manager knows an extension. All of it is Python, so one archive serves every processor. Slicer
looks for modules in a folder that has its version in its name (``lib/Slicer-5.12``), on macOS also its revision.

Standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib import __version__  # noqa: E402
from SAMAdaptLib.utils.files import write_content  # noqa: E402

NAME = "SAMAdapt"
SLICER = "5.12"
_EPOCH = 315532800
"""1980, in seconds: the same files make the same archive, whenever it is built."""


def listed(folder: Path) -> list[str]:
    """The files that a module's CMakeLists.txt ships, relative to its folder. Raises ValueError for none."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    lists = re.findall(r"^set\(MODULE_PYTHON_(?:SCRIPTS|RESOURCES)\n(.*?)^  \)$", text, flags=re.M | re.S)
    if not lists:
        msg = f"{folder / 'CMakeLists.txt'} lists no files."
        raise ValueError(msg)
    return [name for part in lists for name in part.split()]


def shipped() -> dict[str, Path]:
    """Place below ``qt-scripted-modules`` -> the file that is laid there."""
    files = {name: ROOT / NAME / name for name in listed(ROOT / NAME)}
    return files | {f"{NAME}Lib/{name}": ROOT / f"{NAME}Lib" / name for name in listed(ROOT / f"{NAME}Lib")}


def description() -> str:
    """The description file: a key and a value a line, as the Extensions Manager reads it."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    said = dict(re.findall(r'^set\(EXTENSION_(\w+) "([^"\n]+)"\)$', text, flags=re.M))
    entry = json.loads((ROOT / f"{NAME}.json").read_text(encoding="utf-8"))
    values = {
        "scm": "git",
        "scmurl": entry["scm_url"],
        "scmrevision": __version__,
        "depends": said["DEPENDS"],
        "build_subdirectory": ".",
        "homepage": said["HOMEPAGE"],
        "contributors": said["CONTRIBUTORS"],
        "category": entry["category"],
        "iconurl": said["ICONURL"],
        "status": "",
        "description": said["DESCRIPTION"],
        "screenshoturls": said["SCREENSHOTURLS"],
        "enabled": "1",
    }
    return "".join(f"{key} {value}".rstrip() + "\n" for key, value in values.items())


def content(slicer: str, macos: str = "") -> dict[str, bytes]:
    """Place in the archive -> bytes. All lies in one folder at the top, which Slicer renames.

    Args:
        slicer: version of Slicer, "5.12".
        macos: revision of a Slicer for macOS, which looks for extensions inside of its bundle; "" for other systems.
    """
    top = folder_name(slicer, macos)
    inner = f"{top}/Slicer.app/Contents/Extensions-{macos}/{NAME}" if macos else top
    modules = f"{inner}/lib/Slicer-{slicer}/qt-scripted-modules"
    share = f"{inner}/share/Slicer-{slicer}"
    files = {f"{modules}/{place}": source.read_bytes() for place, source in shipped().items()}
    return {f"{share}/{NAME}.s4ext": description().encode(), f"{share}/LICENSE": license_text(), **files}


def license_text() -> bytes:
    """The licence goes with every copy."""
    return (ROOT / "LICENSE").read_bytes()


def folder_name(slicer: str, macos: str = "") -> str:
    """What the archive is called, and the folder in it."""
    system = f"macos-r{macos}" if macos else "linux-win"
    return f"{NAME}-{__version__}-Slicer-{slicer}-{system}"


def packed(files: dict[str, bytes]) -> bytes:
    """A ``.tar.gz`` of them, the same for the same files."""
    tar, whole = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for place in sorted(files):
            info = tarfile.TarInfo(place)
            info.size, info.mtime, info.mode = len(files[place]), _EPOCH, 0o644
            archive.addfile(info, io.BytesIO(files[place]))
    with gzip.GzipFile(fileobj=whole, mode="wb", filename="", mtime=_EPOCH) as zipped:
        zipped.write(tar.getvalue())
    return whole.getvalue()


def build(out: Path, slicer: str = SLICER, macos: str = "") -> Path:
    """Write the archive into the folder ``out``, which is created; returns the archive. Raises InputError."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{folder_name(slicer, macos)}.tar.gz"
    write_content(path, packed(content(slicer, macos)))
    return path


def main(arguments: list[str]) -> int:
    """Build and say where it is; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the archive")
    parser.add_argument("--slicer", default=SLICER, help="version of Slicer, major and minor (default: %(default)s)")
    parser.add_argument("--macos", default="", metavar="REVISION", help="for a Slicer for macOS of this revision")
    chosen = parser.parse_args(arguments)
    if not re.fullmatch(r"\d+\.\d+", chosen.slicer) or not re.fullmatch(r"\d*", chosen.macos):
        parser.error("--slicer is a version such as 5.12, --macos a revision such as 34567 (see Help > About)")
    path = build(chosen.out, chosen.slicer, chosen.macos)
    sys.stdout.write(f"{path}\nIn Slicer: Extensions Manager > Install from file...\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
