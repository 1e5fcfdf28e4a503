"""What the pages say is so: links lead somewhere, commands are understood, words are those of the glossary."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import SAMAdaptLib as samadapt
from SAMAdaptLib.cli.parser import build_parser

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
MOST_WORDS = 1500
MOST_TERMS = 25

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^\s*```.*?^\s*```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the sites that show Markdown make them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The code blocks of a page in one of these languages."""
    for language, text in re.findall(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", page.read_text(encoding="utf-8"), re.M | re.S):
        if language in languages:
            yield text


@every_page
def test_every_link_leads_to_something(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(there), f"{target}: there is no such heading"


def commands() -> list[tuple[Path, str]]:
    """Every command line of SAMAdapt on a page; lines that end in a backslash go on in the next."""
    found = []
    for page in PAGES:
        for block in blocks(page, "", "bash", "sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                words = line.strip().partition(" #")[0].strip()
                for start in ("samadapt ", "python3 run.py cli ", "python -m SAMAdaptLib "):
                    if words.startswith(start):
                        found.append((page, words.removeprefix(start)))
    return found


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda part: part if isinstance(part, str) else part.stem)
def test_every_command_is_understood(page: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        build_parser().parse_args(shlex.split(command))
    except SystemExit as left:
        assert left.code == 0, capsys.readouterr().err


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 10


@every_page
def test_every_python_example_compiles_and_uses_what_there_is(page: Path) -> None:
    for block in blocks(page, "python"):
        tree = ast.parse(re.sub(r"^ {3}(?=\S| )", "", block, flags=re.M) if block.startswith("   ") else block)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "samadapt":
                assert node.attr in samadapt.__all__, f"samadapt.{node.attr}"


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= MOST_WORDS


def test_the_glossary_is_short_and_its_words_are_used() -> None:
    terms = re.findall(
        r"^\| (?!word|---)([^|]+?) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M
    )
    assert 10 < len(terms) <= MOST_TERMS
    library = "\n".join(path.read_text(encoding="utf-8").lower() for path in (ROOT / "SAMAdaptLib").rglob("*.py"))
    last = {term: re.split(r"[ -]", term.lower().rstrip("s"))[-1] for term in terms}
    unused = [term for term, word in last.items() if word not in library]
    assert not unused


RETIRED = re.compile(
    r"\b(first look|closer look|two looks|lessons?|taught by|mouth|errands?|job desk|in shape|earlier version)\b", re.I
)
"""Words that the glossary took the place of, and the past, which no reader needs."""


@every_page
def test_pages_speak_the_glossary(page: Path) -> None:
    assert not RETIRED.findall(prose(page))


RETIRED_NAMES = re.compile(
    r"\b(Lessons?|Look|Mouth|Errand|JobDesk|Aside|Embedder|FeatureStore|PictureSlice|Trials|Batches|WorkerLink|FrameMap"
    r"|seen_by|seen_closer|reshaped|rearranged|spoiled|in_shape|taught_by|goes_further|write_whole|hold_out)\b"
)


def test_the_library_speaks_the_glossary() -> None:
    found = {}
    for path in (ROOT / "SAMAdaptLib").rglob("*.py"):
        names = {
            node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)
        }
        retired = {name for name in names if RETIRED_NAMES.fullmatch(name)}
        if retired:
            found[path.name] = retired
    assert not found


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed (requirements/docs.txt)")
    pytest.importorskip("furo", reason="furo is not installed (requirements/docs.txt)")
    import subprocess
    import sys

    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "method.html").is_file()
