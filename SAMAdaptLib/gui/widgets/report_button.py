"""The button that saves a page on a result, to be sent on: pictures, volumes, warnings, how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ...errors import SAMAdaptError
from ...heads.library import usable_name
from .. import formatting as texts
from ..protocols import Application, Packages
from ..qt_background import QtBackgroundTask

_ENDING = ".html"

Result = tuple[Any, Any, Mapping[str, Any], Path]
"""A volume node, its segmentation node, what the worker said, and the model's file."""


class ReportButton:
    """Saves the page of ``result()``, beside the user interface; None there means that nothing is to be saved."""

    def __init__(
        self, button: Any, application: Application, packages: Packages, result: Callable[[], Result | None]
    ) -> None:
        self._button, self._application, self._packages, self._result = button, application, packages, result
        self._saving = QtBackgroundTask(self._onSaved)
        button.connect("clicked(bool)", self.onClicked)

    def close(self) -> None:
        """The panel goes."""
        self._saving.close()

    def onClicked(self, _checked: bool = False) -> None:
        """Ask for a place, take the result out of the scene, and write the page."""
        result = self._result()
        if result is None:
            return
        volumeNode, segmentationNode, answer, head = result
        try:
            if self._packages.picturesMissing():
                self._packages.installPictures()
            proposal = usable_name(volumeNode.GetName(), _("Report")) + _ENDING
            path = self._application.askSaveFile(_("Save report"), proposal, f"HTML (*{_ENDING})")
            if not path:
                return
            write = prepared(volumeNode, segmentationNode, answer, head, Path(path).with_suffix(_ENDING))
        except SAMAdaptError as error:
            self._application.showError(texts.failure(error))
            return
        self._button.enabled = False
        self._button.text = _("Saving...")
        self._saving.start(write)

    def _onSaved(self, outcome: Path | SAMAdaptError) -> None:
        self._button.enabled = True
        self._button.text = _("Save report...")
        if isinstance(outcome, SAMAdaptError):
            self._application.showError(texts.failure(outcome))
        else:
            self._application.openPath(outcome)


def prepared(
    volumeNode: Any, segmentationNode: Any, answer: Mapping[str, Any], head: Path, path: Path
) -> Callable[[], Path | SAMAdaptError]:
    """What writes the page, in any thread; the scene is read now. Raises InputError and GeometryError."""
    from ...mrml import capture_annotation, capture_volume

    volume, labels = capture_volume(volumeNode), capture_annotation(segmentationNode, volumeNode)

    def write() -> Path | SAMAdaptError:
        from ...jobs.reporting import report_result

        try:
            report_result(path, volume.volume(), labels.labelmap(), answer, head)
        except SAMAdaptError as error:
            return error
        return path

    return write
