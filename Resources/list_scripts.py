"""Brings the file lists of the CMakeLists.txt files up to date: what is not listed there is not shipped.

    python Resources/list_scripts.py            # rewrites the lists
    python Resources/list_scripts.py --check    # changes nothing; exit status 1 when a list is not up to date

Standard library only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def scripts(folder: Path) -> list[str]:
    """Every Python file of a folder, relative to it, as CMake writes paths."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))


def resources(folder: Path) -> list[str]:
    """Every file below a folder's ``Resources``, relative to the folder."""
    found = (path for path in (folder / "Resources").rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def with_list(text: str, variable: str, files: list[str]) -> str:
    """CMake text with the one ``set(variable ...)`` in it listing ``files``. Raises ValueError when there is none."""
    lines = "".join(f"  {name}\n" for name in files)
    new, count = re.subn(rf"^set\({variable}\n.*?^  \)$", f"set({variable}\n{lines}  )", text, flags=re.M | re.S)
    if count != 1:
        msg = f"{variable} is set {count} times, wanted once."
        raise ValueError(msg)
    return new


def current(folder: Path) -> str:
    """What a module's CMakeLists.txt must say."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    text = with_list(text, "MODULE_PYTHON_SCRIPTS", scripts(folder))
    return with_list(text, "MODULE_PYTHON_RESOURCES", resources(folder)) if (folder / "Resources").is_dir() else text


def main(arguments: list[str]) -> int:
    """Rewrite or check both lists; gives the exit status."""
    stale = []
    for folder in (ROOT / "SAMAdapt", ROOT / "SAMAdaptLib"):
        path, text = folder / "CMakeLists.txt", current(folder)
        if path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stdout.write(f"{'out of date' if '--check' in arguments else 'rewritten'}: {path.relative_to(ROOT)}\n")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
