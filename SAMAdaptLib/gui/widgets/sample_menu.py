"""Sample patients to try it with: the menu in the panel, and the entries in Slicer's module Sample Data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from ...demo.samples.names import NAMES, SEEDS, title
from ...errors import SAMAdaptError
from .. import formatting as texts
from ..protocols import Application
from ..qt_background import QtBackgroundTask

CATEGORY = "SAMAdapt"


class SampleMenu:
    """Loads the patient that is picked. ``loaded(volume, segmentation)`` hears of it; the latter None if simulated."""

    def __init__(self, button: Any, application: Application, loaded: Callable[[Any, Any], None]) -> None:
        self._button, self._application, self._loaded = button, application, loaded
        self._fetching = QtBackgroundTask(self._onFetched)
        self._menu = qt.QMenu(button)
        for name in NAMES:
            action = self._menu.addAction(title(name))
            action.connect("triggered(bool)", lambda _checked=False, name=name: self.load(name))
        button.setMenu(self._menu)

    def load(self, name: str) -> None:
        """Fetch or make a patient beside the user interface, then load it."""
        self._button.enabled = False
        self._button.text = _("Loading...")
        self._fetching.start(lambda: fetched(name))

    def close(self) -> None:
        """The panel goes."""
        self._fetching.close()

    def _onFetched(self, outcome: tuple[str, tuple[Path, Path] | SAMAdaptError]) -> None:
        self._button.enabled = True
        self._button.text = _("Load sample")
        name, files = outcome
        if isinstance(files, SAMAdaptError):
            self._application.showError(texts.failure(files))
        else:
            self._loaded(*loadSample(self._application, name, files))


def fetched(name: str) -> tuple[str, tuple[Path, Path] | SAMAdaptError]:
    """A patient's files, or why there are none; in any thread."""
    try:
        from ...demo.samples.patients import files

        return name, files(name)
    except SAMAdaptError as error:
        return name, error


def loadSample(application: Application, name: str, files: tuple[Path, Path]) -> tuple[Any, Any]:
    """Put a patient into the scene: the annotated one with its segmentation, simulated ones without."""
    image, segmentation = files
    return application.loadSample(title(name), image, None if name in SEEDS else segmentation)


def registerSampleData(application: Application, thumbnail: Callable[[str], str]) -> None:
    """List the patients in the module Sample Data, where there is one. ``thumbnail`` finds a resource by its path."""
    try:
        import SampleData
    except ImportError:
        return

    def download(source: Any) -> list[Any]:
        name = source.fileNames[0].removeprefix("Brain").removesuffix(".nrrd")
        _name, files = fetched(name)
        if isinstance(files, SAMAdaptError):
            application.showError(texts.failure(files))
            return []
        return [node for node in loadSample(application, name, files) if node is not None]

    for name in NAMES:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=f"SAMAdaptBrain{name}",
            uris=f"samadapt:Brain{name}",  # not fetched: the source's own function does that
            fileNames=f"Brain{name}.nrrd",
            nodeNames=title(name),
            customDownloader=download,
            thumbnailFileName=thumbnail(f"Samples/Brain{name}.png"),
        )
