"""What presenters ask of the application and of the user: views, other modules, folders and the few dialogs.

One small class, so that a test (or a console) can put another in its place; ``protocols.Application`` is its shape.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..data.io.volume_folder import first_dicom
from ..data.provenance import HEAD_KEY


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

    def showResult(self, volumeNode: Any, segmentationNode: Any) -> None:
        """Show a volume with a result in all views: other patients' annotations and earlier results are hidden."""
        self.showVolume(volumeNode)
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            display = node.GetDisplayNode()
            if display is None or node.GetHideFromEditors():
                continue
            drawnHere = _referenceOf(node) is volumeNode and not node.GetAttribute(HEAD_KEY)
            if node is segmentationNode or not drawnHere:
                display.SetVisibility(node is segmentationNode)

    def shownPair(self) -> tuple[Any, Any] | None:
        """The volume in the slice views and the segmentation that was drawn on it, None where there are not both."""
        volume = shownVolume()
        if volume is None:
            return None
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        drawn = [node for node in nodes if not node.GetAttribute(HEAD_KEY) and not node.GetHideFromEditors()]
        drawn = [node for node in drawn if node.GetSegmentation().GetNumberOfSegments()]
        own = [node for node in drawn if _referenceOf(node) is volume]
        own += [node for node in drawn if _referenceOf(node) is None and _isVisible(node)]
        best = sorted(own, key=lambda node: not _isVisible(node))
        return (volume, best[0]) if best else None

    def addShortcut(self, keys: str, pressed: Callable[[], None]) -> Any:
        """A key that works in every module while the shortcut that is returned is enabled; None without a window."""
        window = slicer.util.mainWindow()
        if window is None:
            return None
        shortcut = qt.QShortcut(qt.QKeySequence(keys), window)
        shortcut.connect("activated()", pressed)
        return shortcut

    def acceptFolders(self, widget: Any, dropped: Callable[[str], None]) -> Any:
        """Let folders be dropped on a widget; keep what is returned as long as that holds."""
        return FolderDrop(widget, dropped)

    def loadPair(self, image: str | Path, segmentation: str | Path) -> None:
        """Load a volume (a file, or a DICOM folder's series) and its segmentation, and show both."""
        with slicer.util.tryWithErrorDisplay(_("The files could not be loaded.")):
            volumeNode = slicer.util.loadVolume(str(_firstFile(Path(image))))
            slicer.util.loadSegmentation(str(segmentation))
            self.showVolume(volumeNode)

    def loadSample(self, name: str, image: Path, segmentation: Path | None) -> tuple[Any, Any]:
        """Load a sample volume under its name, with its segmentation if there is one, and show both: their nodes.

        The nodes forget the files, which are SAMAdapt's own: saving the scene asks where to.
        """
        volumeNode = slicer.util.loadVolume(str(image), {"name": name, "singleFile": True})
        segmentationNode = None
        if segmentation is not None:
            segmentationNode = slicer.util.loadSegmentation(str(segmentation), {"name": name})
            segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        for node in (volumeNode, segmentationNode):
            storage = node.GetStorageNode() if node is not None else None
            if storage is not None:
                slicer.mrmlScene.RemoveNode(storage)
                node.SetAndObserveStorageNodeID(None)
        self.showVolume(volumeNode)
        return volumeNode, segmentationNode

    def openSegmentEditor(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Switch to the Segment Editor with both chosen."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.util.getModuleWidget("SegmentEditor").editor
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)

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


def shownVolume() -> Any:
    """The volume in the background of the slice views, None when there is none."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        node = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if node is not None and node.IsA("vtkMRMLScalarVolumeNode") and not node.IsA("vtkMRMLLabelMapVolumeNode"):
            return node
    return None


def _referenceOf(segmentationNode: Any) -> Any:
    """The volume that a segmentation was drawn on."""
    return segmentationNode.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def _isVisible(segmentationNode: Any) -> bool:
    display = segmentationNode.GetDisplayNode()
    return display is not None and bool(display.GetVisibility())


def _firstFile(path: Path) -> Path:
    """The file itself; of a folder its first DICOM file, from which Slicer reads the series."""
    return first_dicom(path) or path if path.is_dir() else path


class FolderDrop(qt.QWidget):
    """Lets a folder be dropped on a widget: ``dropped(path)`` is called. Never shown itself."""

    def __init__(self, widget: Any, dropped: Callable[[str], None]) -> None:
        qt.QWidget.__init__(self)
        self._dropped = dropped
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, _widget: Any, event: Any) -> bool:
        """Take what holds a folder, leave the rest to the widget."""
        if event.type() not in (qt.QEvent.DragEnter, qt.QEvent.Drop):
            return False
        folders = droppedFolders([url.toLocalFile() for url in event.mimeData().urls()])
        if not folders:
            return False
        event.acceptProposedAction()
        if event.type() == qt.QEvent.Drop:
            self._dropped(folders[0])
        return True


def droppedFolders(paths: Sequence[str]) -> list[str]:
    """The folders among what was dropped; of a file the folder that it lies in."""
    found = [Path(path) for path in paths if path]
    return [str(path if path.is_dir() else path.parent) for path in found if path.exists()]
