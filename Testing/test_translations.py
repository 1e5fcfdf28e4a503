"""The panel speaks German and French: every string, what the worker says included."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "SAMAdapt" / "Resources" / "Translations"
LANGUAGES = ("de", "fr")


@pytest.fixture(scope="module")
def tool() -> Any:
    """The script that keeps the translations up to date."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / "Resources" / "translations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_of_the_panel_has_a_translation_with_the_same_placeholders(tool: Any, language: str) -> None:
    assert list(tool.problems(FOLDER / f"SAMAdapt_{language}.ts")) == []


def test_strings_are_found_under_the_contexts_that_slicer_asks_for(tool: Any) -> None:
    found = tool.strings()
    assert "Train" in found["SAMAdapt"]
    assert "Select a model." in found["panels.segment"]
    assert "a few seconds left" in found["gui.formatting"]
    assert "Encoding slices" in found["gui.worker_words"]
    assert len(found) > 15


def test_a_mark_around_something_that_is_no_string_is_refused(tool: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text('print(_(f"{1} left"))')
    with pytest.raises(ValueError, match="only a string can be translated"):
        tool.marked(tmp_path / "bad.py")


def test_the_word_for_the_library_s_heads_is_model_wherever_users_read_it(tool: Any) -> None:
    texts = [text for group in tool.strings().values() for text in group]
    assert [text for text in texts if "head" in text.lower().replace("{head}", "").split()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_translation_is_that_of_the_source(tool: Any, language: str) -> None:
    core = pytest.importorskip("PySide6.QtCore")
    translator = core.QTranslator()
    assert translator.load(str(FOLDER / f"SAMAdapt_{language}.qm"))
    known = tool.translated(FOLDER / f"SAMAdapt_{language}.ts")
    wrong = [source for (name, source), text in known.items() if translator.translate(name, source) != text]
    assert wrong == []


ASK = """
import sys
from pathlib import Path
from PySide6 import QtCore
from host import SlicerHost, install
app = install.install()
app._settings.setValue("language", sys.argv[1])
from host import session
clear = type(app._settings).clear
from unittest import mock
with mock.patch.object(session.QtCore.QSettings, "clear", lambda self: None):
    with SlicerHost() as host:
        from SAMAdaptLib.gui import formatting, worker_words
        host.spin(timeout=0.1)
        print(host.ui.trainCollapsibleButton.text)
        print(host.ui.trainButton.toolTip)
        print(formatting.stage("Segmenting axial slices, turned by 60 degrees", 0.4, 42.0))
        print(worker_words.warning("The volume is CT, and the head was trained on MR."))
"""

SAID = {
    "de_DE": [
        "1 Annotieren und trainieren",
        "Wählen Sie ein Volumen und seine Segmentierung.",
        "Axiale Schichten werden segmentiert, um 60 Grad gedreht, 40 %, noch etwa 40 s",
        "Das Volumen ist CT, und das Modell wurde auf MR trainiert.",
    ],
    "fr": [
        "1 Annoter et entraîner",
        "Sélectionnez un volume et sa segmentation.",
        "Segmentation des coupes axiales, tourné de 60 degrés, 40 %, encore 40 s environ",
        "Le volume est de type CT, et le modèle a été entraîné sur MR.",
    ],
    "it": [
        "1 Annotate and train",
        "Select a volume and its segmentation.",
        "Segmenting axial slices, turned by 60 degrees, 40 %, about 40 s left",
        "The volume is CT, and the model was trained on MR.",
    ],
}


@pytest.mark.parametrize("language", SAID)
def test_the_panel_speaks_the_language_of_the_application(language: str, empty_home: Path) -> None:
    pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
    pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")
    paths = os.pathsep.join([str(ROOT / "Testing"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "SAMADAPT_HOME": str(empty_home), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, language], env=environment, capture_output=True, timeout=120, check=False
    )
    said = done.stdout.decode("utf-8")
    assert done.returncode == 0, said + done.stderr.decode("utf-8", "replace")
    assert said.splitlines() == SAID[language]


# The worker's sentences ---------------------------------------------------------------------------------------------


@pytest.fixture
def words() -> Iterator[Any]:
    """The table of the worker's sentences, without an application."""
    pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
    pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")
    from host import install

    install.install()
    from SAMAdaptLib.gui import worker_words

    yield worker_words


def test_every_pattern_of_the_worker_s_words_fits_itself_and_keeps_its_names(words: Any) -> None:
    for table, said in ((words.WARNINGS, words.warning), (words.HEAD_ERRORS, words.headError)):
        for pattern, shown in table.items():
            assert said(pattern) == shown, pattern


def test_what_quality_control_says_is_known_to_the_panel(words: Any) -> None:
    from dataclasses import replace

    from phantoms import two_balls
    from test_heads import a_card

    from SAMAdaptLib.inference.quality_control import quality_warnings, verdict

    volume = replace(two_balls().volume, modality="CT")
    said = quality_warnings(replace(a_card(), modality="MR"), volume, {7: 0.8}, 0.3)
    said += verdict([], {3: "A", 7: "B"}, {3: 0.5, 7: 0.9}, dict.fromkeys(range(9), 0.7)).reasons
    assert len(said) == 5
    known = words._patterns(tuple(words.WARNINGS.items()))
    assert [text for text in said if not any(pattern.fullmatch(text) for pattern, _shown in known)] == []


def test_a_sentence_that_nobody_knows_is_shown_as_it_is(words: Any) -> None:
    assert words.warning("A {strange} <thing>.") == "A {strange} <thing>."
    assert words.stage("folding a paper crane") == "Folding a paper crane"
