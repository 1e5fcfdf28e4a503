"""Keeps the translations of the panel up to date: .ts files for translators, .qm files for Qt.

    python Resources/translations.py            # brings the .ts files up to date, and compiles them where Qt's tool is
    python Resources/translations.py --check    # changes nothing; exit status 1 when a string has no translation

Strings are those that the sources mark with ``_()`` (``N_()`` where they are translated later) and those of the .ui
file. Contexts are named as Slicer's own ``slicer.i18n`` names them. What a translator has written stays; a string that
is gone goes. A new language is a new empty file ``SAMAdapt_LANGUAGE.ts``. Standard library only; compiling needs
lrelease, which comes with Qt and with PySide6.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "SAMAdapt" / "Resources" / "Translations"
UI = ROOT / "SAMAdapt" / "Resources" / "UI" / "SAMAdapt.ui"
MARKS = ("_", "N_")
SHOWN = ("text", "toolTip", "title", "placeholderText", "noneDisplay")
"""Properties of widgets that people read."""

Strings = dict[str, list[str]]
"""Source texts by context, each once, in the order of the source."""


def context(path: Path) -> str:
    """The name under which Slicer looks for a Python file's strings: its package, if it is in one, and its name."""
    package = f"{path.parent.name}." if (path.parent / "__init__.py").is_file() else ""
    return package + path.stem


def marked(path: Path) -> list[str]:
    """The strings of a Python file that are marked for translation. Raises ValueError where no string is marked."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found.append((node.lineno, node.col_offset, text.value))
            elif not isinstance(text, ast.Name):
                msg = f"{path.name}, line {node.lineno}: only a string can be translated."
                raise ValueError(msg)
    return list(dict.fromkeys(text for _line, _column, text in sorted(found)))


def shown(path: Path) -> list[str]:
    """The strings of a .ui file that people read."""
    root = ElementTree.parse(path).getroot()
    texts = [item.findtext("string") or "" for item in root.iter("property") if item.get("name") in SHOWN]
    return list(dict.fromkeys(text for text in texts if text))


def strings() -> Strings:
    """All strings of the panel by context."""
    found: Strings = {UI.stem: shown(UI)}
    for path in sorted([ROOT / "SAMAdapt" / "SAMAdapt.py", *(ROOT / "SAMAdaptLib" / "gui").rglob("*.py")]):
        texts = marked(path)
        if texts:
            found[context(path)] = list(dict.fromkeys([*found.get(context(path), []), *texts]))
    return found


def translated(path: Path) -> dict[tuple[str, str], str]:
    """What a .ts file has: translations by context and source text."""
    if not path.is_file() or not path.read_text(encoding="utf-8").strip():
        return {}
    found = {}
    for part in ElementTree.parse(path).getroot().iter("context"):
        for message in part.iter("message"):
            translation = message.find("translation")
            if translation is not None and translation.text and translation.get("type") != "unfinished":
                found[part.findtext("name") or "", message.findtext("source") or ""] = translation.text
    return found


def with_known(known: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Translations of all strings; one that is new in a context is taken from another that has it."""
    anywhere = {source: text for (_context, source), text in known.items()}
    pairs = [(name, source) for name, texts in strings().items() for source in texts]
    return {pair: text for pair in pairs if (text := known.get(pair) or anywhere.get(pair[1], ""))}


def problems(path: Path) -> Iterator[str]:
    """What a .ts file lacks: strings without a translation, and translations with other placeholders."""
    known = translated(path)
    for name, texts in strings().items():
        for source in texts:
            text = known.pop((name, source), "")
            if not text:
                yield f"{path.name}: no translation in {name} of {source!r}"
            elif placeholders(source) != placeholders(text):
                yield f"{path.name}: other placeholders in {name} in {text!r} than in {source!r}"
    for name, source in known:
        yield f"{path.name}: nobody in {name} says {source!r} any more"


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{([^{}]+)\}", text))


def write(path: Path, known: Mapping[tuple[str, str], str]) -> None:
    """A .ts file with all strings of the panel and the translations that are known."""
    root = ElementTree.Element("TS", version="2.1", language=path.stem.partition("_")[2], sourcelanguage="en")
    for name, texts in strings().items():
        part = ElementTree.SubElement(root, "context")
        ElementTree.SubElement(part, "name").text = name
        for source in texts:
            message = ElementTree.SubElement(part, "message")
            ElementTree.SubElement(message, "source").text = source
            translation = ElementTree.SubElement(message, "translation")
            translation.text = known.get((name, source))
            if not translation.text:
                translation.set("type", "unfinished")
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{text}\n', encoding="utf-8")


def lrelease() -> str | None:
    """Qt's compiler of translations, None where there is none."""
    spec = find_spec("PySide6")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    own = [str(place / name) for place in places for name in ("lrelease", "lrelease.exe") if (place / name).is_file()]
    return own[0] if own else shutil.which("lrelease")


def main(arguments: list[str]) -> int:
    """Update or check; returns the exit status."""
    paths = sorted(FOLDER.glob("SAMAdapt_*.ts"))
    if "--check" not in arguments:
        for path in paths:
            write(path, with_known(translated(path)))
        tool = lrelease()
        if tool is not None:
            for path in paths:
                subprocess.run([tool, "-silent", str(path), "-qm", str(path.with_suffix(".qm"))], check=True)
    found = [problem for path in paths for problem in problems(path)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
