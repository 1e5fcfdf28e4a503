"""What the panel Segment says before a segmentation, and the page that it saves after one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import segment_result, write_head  # noqa: E402


def begin(host: Any, runner: Any) -> None:
    """Click Segment and wait until the worker has the job."""
    host.widget.panel.refresh()
    known = len(runner.handles)
    host.click("segmentButton")
    host.spin(until=lambda: len(runner.handles) > known)


def finish(host: Any, runner: Any) -> None:
    """The worker answers."""
    runner.tell(lambda: runner.handle.hear_result(segment_result(runner.handle.job)))
    host.spin(until=lambda: host.widget.panel.services.desk.owner == "")


@pytest.fixture
def a_ready_host(a_host: Any, a_runner: Any, a_head: Path, a_volume: Any) -> Any:
    """One click away from a segmentation."""
    a_host.widget.panel.refresh()
    return a_host


def seen_by(volume: Any, name: str, folder: Path, **changes: Any) -> Path:
    """A head whose card says that it learned from this volume node."""
    from SAMAdaptLib.heads.card import read_card
    from SAMAdaptLib.inference.quality_control import seen_in
    from SAMAdaptLib.mrml import read_volume_node

    card = read_card(write_head(folder / "made.samhead", **changes))
    (folder / "made.samhead").unlink()
    looks = seen_in(card, [read_volume_node(volume)])
    return write_head(folder / f"{name}.samhead", training={"slices": 8, "seen": looks}, **changes)


def test_the_list_says_beforehand_which_models_suit_the_volume(a_ready_host: Any, a_volume: Any, a_head: Path) -> None:
    library = a_head.parent
    seen_by(a_volume, "Alike", library, modality="")
    spacing = a_volume.GetSpacing()
    a_volume.SetSpacing(*(20 * mm for mm in spacing))
    seen_by(a_volume, "Other", library, modality="")
    a_volume.SetSpacing(*spacing)
    host, ui = a_ready_host, a_ready_host.ui
    host.widget.panel.refresh()
    texts = lambda: [ui.headSelector.itemText(row) for row in range(ui.headSelector.count)]  # noqa: E731
    host.spin(until=lambda: "Alike - suits this volume" in texts())
    assert texts() == ["Alike - suits this volume", "Heart", "Other - made for others"]
    host.widget._parameterNode.head = "Other.samhead"
    host.spin(timeout=0.1)
    assert "Will probably not do here." in ui.headLabel.text
    assert "in the training that was" in ui.headLabel.text
    assert ui.segmentButton.enabled


def test_a_model_that_nobody_chose_gives_way_to_one_that_suits(a_host: Any, a_volume: Any, empty_home: Path) -> None:
    library = empty_home / "heads"
    spacing = a_volume.GetSpacing()
    a_volume.SetSpacing(*(20 * mm for mm in spacing))
    other = seen_by(a_volume, "A first", library, modality="")
    a_volume.SetSpacing(*spacing)
    seen_by(a_volume, "B second", library, modality="")
    parameters = a_host.widget._parameterNode
    a_host.widget.panel.refresh()
    a_host.spin(until=lambda: parameters.head == "B second.samhead")
    a_host.choose("headSelector", "A first - made for others")
    a_volume.GetImageData().Modified()
    a_host.widget.panel.refresh()
    a_host.spin(until=lambda: bool(a_host.widget.panel.segment.advice.found))
    a_host.spin(timeout=0.1)
    assert parameters.head == other.name


def test_a_report_of_the_result_is_saved_and_opened(
    a_ready_host: Any, a_runner: Any, a_volume: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    opened: list[Path] = []
    monkeypatch.setattr(a_ready_host.widget.panel.services.application, "openPath", opened.append, raising=False)
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    a_ready_host.answer("getSaveFileName", str(tmp_path / "result"))
    a_ready_host.click("saveReportButton")
    a_ready_host.spin(until=lambda: bool(opened))
    page = (tmp_path / "result.html").read_text(encoding="utf-8")
    assert opened == [tmp_path / "result.html"]
    assert all(words in page for words in ("Patient A", "Segmented with Heart", "Pool", "12.5", "data:image/png"))
    assert a_ready_host.ui.saveReportButton.text == "Save report..."


def test_a_report_asks_before_it_installs_and_says_what_went_wrong(
    a_ready_host: Any, a_runner: Any, a_head: Path, tmp_path: Path
) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    services = a_ready_host.widget.panel.services
    asked: list[str] = []
    services.packages.picturesMissing = lambda: True
    services.application.confirm = lambda text, title: bool(asked.append(text))
    a_ready_host.click("saveReportButton")
    assert "matplotlib" in asked[0]
    services.packages.picturesMissing = lambda: False
    a_head.unlink()
    a_ready_host.answer("getSaveFileName", str(tmp_path / "result.html"))
    told: list[str] = []
    services.application.showError = lambda text, details="": told.append(text)
    a_ready_host.click("saveReportButton")
    a_ready_host.spin(until=lambda: bool(told))
    assert "cannot be read" in told[0]
    assert not (tmp_path / "result.html").exists()


def test_control_codes_in_names_are_written_out_in_the_panel(a_ready_host: Any, a_runner: Any, a_volume: Any) -> None:
    from SAMAdaptLib.gui import formatting as texts

    a_volume.SetName("A\x1b[2J\u202eB")
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    assert "A\\x1b[2J\\u202eB" in a_ready_host.ui.segmentResultLabel.text
    for told in (texts.asText("\x1b[2J"), texts.asText("<b>\x1b[2J"), texts.warnings(["\x1b[2J"])):
        assert "\x1b" not in told
        assert "\\x1b[2J" in told
