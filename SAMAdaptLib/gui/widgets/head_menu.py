"""The menu beside the list of heads: import, export, rename, delete, show the folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ...data.formats import HEAD_ENDING
from ...errors import SAMAdaptError
from ...heads.library import HeadEntry, export_head
from ...mrml.scene_heads import heads_in, keep_head, take_head, title_of
from .. import worker_words
from ..formatting import asText
from ..panels.base import Services

_PATTERN = f"SAMAdapt (*{HEAD_ENDING})"


class HeadMenu:
    """Acts on the library. ``chosen`` gives the present head, ``choose`` selects one by its key."""

    def __init__(
        self,
        button: Any,
        services: Services,
        chosen: Callable[[], HeadEntry | None],
        choose: Callable[[str], None],
    ) -> None:
        self._library, self._application = services.library, services.application
        self._chosen, self._choose = chosen, choose
        self._menu = qt.QMenu(button)
        self.importAction = self._add(_("Import..."), self.onImport)
        self.exportAction = self._add(_("Export..."), self.onExport)
        self.renameAction = self._add(_("Rename..."), self.onRename)
        self.deleteAction = self._add(_("Delete"), self.onDelete)
        self._menu.addSeparator()
        self.keepAction = self._add(_("Save with the scene"), self.onKeep)
        self.takeAction = self._add(_("Take from the scene"), self.onTake)
        self._menu.addSeparator()
        self.folderAction = self._add(_("Show folder"), self.onShowFolder)
        button.setMenu(self._menu)

    def refresh(self) -> None:
        """What needs a head is greyed out without one; built-in heads stay as they are."""
        head = self._chosen()
        self.exportAction.enabled = self.keepAction.enabled = head is not None
        self.takeAction.enabled = bool(heads_in(slicer.mrmlScene))
        self.renameAction.enabled = self.deleteAction.enabled = head is not None and not head.built_in

    def onImport(self, _checked: bool = False) -> None:
        """Copy a head file into the library and select it."""
        path = self._application.askOpenFile(_("Import a model"), _PATTERN)
        if path:
            self._guarded(lambda: self._choose(self._library.import_file(path).key))

    def onExport(self, _checked: bool = False) -> None:
        """Copy the head to where the user wants it."""
        head = self._chosen()
        path = self._application.askSaveFile(_("Export the model"), head.key, _PATTERN) if head else ""
        if head and path:
            self._guarded(lambda: export_head(head.path, path))

    def onRename(self, _checked: bool = False) -> None:
        """Give the head another name."""
        head = self._chosen()
        name = self._application.askText(_("Rename the model"), _("New name:"), head.title) if head else ""
        if head and name:
            self._guarded(lambda: self._choose(self._library.rename(head, name).key))

    def onDelete(self, _checked: bool = False) -> None:
        """Delete the head, after a question: there is no way back."""
        head = self._chosen()
        if head is None:
            return
        text = _("Delete the model {name} for good?").format(name=head.title)
        if self._application.confirm(asText(text), _("Delete the model")):
            self._guarded(lambda: self._library.delete(head))
            self._choose("")

    def onKeep(self, _checked: bool = False) -> None:
        """Put the head into the scene, so that whoever is given the scene has it."""
        head = self._chosen()
        if head is not None:
            self._guarded(lambda: keep_head(head.path, slicer.mrmlScene))
            self.refresh()

    def onTake(self, _checked: bool = False) -> None:
        """Copy the heads of the scene into the library and select the last: a scene does not do so by itself."""
        nodes = heads_in(slicer.mrmlScene)
        names = ", ".join(title_of(node) for node in nodes)
        text = _("Copy into the library of this computer: {names}?").format(names=names)
        if nodes and self._application.confirm(asText(text), _("Take from the scene")):
            for node in nodes:
                self._guarded(lambda node=node: self._choose(take_head(node, self._library.folder).name))

    def onShowFolder(self, _checked: bool = False) -> None:
        """Open the folder of the heads."""
        self._guarded(lambda: self._application.openPath(self._library.folder))

    def _add(self, text: str, slot: Callable[..., None]) -> Any:
        action = qt.QAction(text, self._menu)
        action.connect("triggered(bool)", slot)
        self._menu.addAction(action)
        return action

    def _guarded(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except SAMAdaptError as error:
            self._application.showError(
                asText(worker_words.headError(error.message)), worker_words.headError(error.hint)
            )
