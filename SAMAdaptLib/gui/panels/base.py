"""What the five panels have in common: the widgets, the parameter node, and who is asked what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from ...errors import SAMAdaptError
from ...heads.library import HeadLibrary
from .. import formatting as texts
from ..job_queue import JobRequest
from ..protocols import Application, Desk, Packages
from ..widgets.progress_bar import ProgressView


@dataclass(frozen=True)
class Services:
    """What presenters are handed: all of it can be replaced in tests."""

    desk: Desk
    library: HeadLibrary
    application: Application
    packages: Packages


class Presenter:
    """One panel. ``name`` is its name at the desk; ``parameters`` is None while no scene is there to speak of."""

    name = ""

    def __init__(self, ui: Any, services: Services) -> None:
        self.ui = ui
        self.desk, self.library = services.desk, services.library
        self.application, self.packages = services.application, services.packages
        self.parameters: Any = None
        self.view: ProgressView | None = None

    def setParameters(self, parameters: Any) -> None:
        """Another parameter node (a new scene), or None."""
        self.parameters = parameters

    def refresh(self) -> None:
        """Bring the widgets up to date with the parameters, the desk and the library."""

    def close(self) -> None:
        """The panel goes: end what this one has begun beside the desk."""

    @property
    def running(self) -> bool:
        """Whether the desk carries out an order of this panel."""
        return self.desk.owner == self.name

    def busyProblem(self) -> str:
        """Why nothing can be started now, "" when it can."""
        if self.desk.cancelling:
            return _("The last job is being cancelled.")
        return _("Another job is running; wait for it or cancel it.") if self.desk.owner else ""

    def packagesProblem(self, encoder: str = "", headType: str = "") -> str:
        """Why this encoder and head type cannot be used here yet, "" when they can."""
        if self.packages.missing():
            return _("Python packages are missing: see Set-up.")
        if (encoder.startswith("sam_vit") or headType == "autosam") and self.packages.samMissing():
            return _("This needs the package segment-anything: see Set-up.")
        return ""

    def start(self, order: JobRequest) -> bool:
        """Hand an order in; what cannot be started is said in the panel."""
        if self.view is not None:
            self.view.begin()
        try:
            self.desk.start(order)
        except SAMAdaptError as error:
            self.fail(error)
            return False
        return True

    def onProgress(self, stage: str, fraction: float | None, secondsLeft: float | None) -> None:
        if self.view is not None:
            self.view.show(stage, fraction, secondsLeft)

    def fail(self, error: SAMAdaptError) -> None:
        """Say in the panel what went wrong."""
        if self.view is not None:
            self.view.fail(error)
        else:
            self.application.showError(texts.failure(error))


def alive(node: Any) -> Any:
    """The node while it is in a scene, else None: parameter nodes remember nodes that are gone."""
    scene = node.GetScene() if node is not None else None
    return node if scene is not None and scene.IsNodePresent(node) else None
