"""What presenters ask of the application and of the user: views, other modules, folders and the few dialogs.

One small class, so that a test (or a console) can put another in its place; ``protocols.Application`` is its shape.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..data.io.volume_folder import first_dicom


class SlicerApplication:
    """The application as it is."""

    def askOpenFile(self, title: str, pattern: str) -> str:
        """A file to read, "" when the user changes their mind."""
        return qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", pattern) or ""

    def askSaveFile(self, title: str, proposal: str, pattern: str) -> str:
        """A file to write, "" when the user changes their mind."""
        return qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, proposal, pattern) or ""

    def askText(self, title: str, label: str, text: str) -> str:
        """One line of text, "" when the user changes their mind."""
        dialog = qt.QInputDialog(slicer.util.mainWindow())
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        dialog.setTextValue(text)
        accepted, answer = dialog.exec_(), dialog.textValue()  # no Qt property, whatever its documentation says
        dialog.deleteLater()
        return answer.strip() if accepted else ""

    def confirm(self, text: str, title: str) -> bool:
        """Whether the user agrees."""
        return slicer.util.confirmOkCancelDisplay(text, windowTitle=title)

    def showError(self, text: str, details: str = "") -> None:
        """For what has no place in the panel."""
        slicer.util.errorDisplay(text, **({"detailedText": details} if details else {}))

    def openPath(self, path: str | Path) -> None:
        """Open a folder or a file with the system's own program."""
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))

    def jumpTo(self, world: tuple[float, float, float], volumeNode: Any) -> None:
        """Show a volume in the slice views, all at a point (RAS mm, world)."""
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=False)
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *world, slicer.vtkMRMLSliceNode.CenteredJumpSlice)

    def jumpToSlice(self, world: tuple[float, float, float]) -> None:
        """Move all slice views to the slices through a point (RAS mm, world), without shifting their pictures."""
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *world, slicer.vtkMRMLSliceNode.OffsetJumpSlice)

    def showVolume(self, volumeNode: Any) -> None:
        """Show a volume in the slice views and fit them to it."""
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)

    def loadPair(self, image: str | Path, segmentation: str | Path) -> None:
        """Load a volume (a file, or a DICOM folder's series) and its segmentation, and show both."""
        with slicer.util.tryWithErrorDisplay(_("The files could not be loaded.")):
            volumeNode = slicer.util.loadVolume(str(_firstFile(Path(image))))
            slicer.util.loadSegmentation(str(segmentation))
            self.showVolume(volumeNode)

    def openSegmentEditor(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Switch to the Segment Editor with both chosen."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.util.getModuleWidget("SegmentEditor").editor
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)

    def extensionInstalled(self, name: str) -> bool:
        """Whether an extension is there; False where there is no extensions manager (own builds, tests)."""
        manager = self._extensions()
        return bool(manager is not None and manager.isExtensionInstalled(name))

    def installExtension(self, name: str) -> bool:
        """Install an extension, if the user agrees; it is usable after a restart. Returns whether it was installed."""
        manager = self._extensions()
        if manager is None:
            text = _("The extension {name} is needed. Install it with the Extensions Manager.").format(name=name)
            self.showError(text)
            return False
        asks = manager.interactive
        manager.interactive = False
        try:
            return bool(manager.installExtensionFromServer(name, False))
        finally:
            manager.interactive = asks  # it is the application's one manager

    def restart(self) -> None:
        """Restart the application, if the user agrees."""
        if self.confirm(_("Restart now? Save your work first."), _("Restart")):
            slicer.util.restart()

    def _extensions(self) -> Any:
        try:
            return slicer.app.extensionsManagerModel()
        except AttributeError:
            logging.info("SAMAdapt: this application has no extensions manager")
            return None


def _firstFile(path: Path) -> Path:
    """The file itself; of a folder its first DICOM file, from which Slicer reads the series."""
    return first_dicom(path) or path if path.is_dir() else path
