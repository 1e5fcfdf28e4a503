"""The panel as a whole: makes the presenters, hands them their parameters, and keeps them in step."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import SAMAdaptError
from ..heads.library import HeadLibrary
from ..worker.handle import JobRunner
from . import formatting as texts
from .application import SlicerApplication
from .job_queue import JobQueue
from .packages import SlicerPackages
from .panels.annotate import AnnotatePresenter
from .panels.base import Presenter, Services
from .panels.cohort import CohortPresenter
from .panels.improve import ImprovePresenter
from .panels.installation import InstallationPresenter
from .panels.segment import SegmentPresenter
from .panels.train import TrainPresenter
from .parameters import Annotation
from .preload import WarmUp

HELP = {
    "train": "panel.md#1-annotate-and-train",
    "segment": "panel.md#2-segment",
    "improve": "panel.md#3-check-and-improve",
    "cohort": "panel.md#4-many-volumes",
    "installation": "troubleshooting.md",
}
"""The page of the documentation that each section's link opens."""


def makeServices(makeRunner: Callable[[], JobRunner], resourcePath: Callable[[str], str]) -> Services:
    """What presenters need, as it is in the application."""
    application = SlicerApplication()
    names = ("requirements.txt", "requirements-sam.txt", "requirements-openvino.txt")
    packages = SlicerPackages(*map(resourcePath, names), application)
    library = HeadLibrary(built_in=[Path(resourcePath("Heads"))])
    return Services(JobQueue(makeRunner), library, application, packages)


class Panel:
    """All sections. ``refresh`` may be called at any time and as often as one likes."""

    def __init__(self, ui: Any, services: Services) -> None:
        self.ui, self.services = ui, services
        self.segment = SegmentPresenter(ui, services, self.refresh, self.addCase)
        self.train = TrainPresenter(ui, services, self.refresh, self.useHead)
        self.improve = ImprovePresenter(ui, services, self.train, self.segment)
        self.cohort = CohortPresenter(ui, services, self.segment, self._annotatedVolumes)
        self.installation = InstallationPresenter(ui, services, self.refresh)
        self.annotate = AnnotatePresenter(ui, services, self.learnFrom)
        self.presenters: tuple[Presenter, ...] = (
            self.segment,
            self.train,
            self.improve,
            self.cohort,
            self.installation,
            self.annotate,
        )
        self._refreshing = self._again = False
        self._parameters: Any = None
        for section, page in HELP.items():
            getattr(ui, f"{section}HelpLabel").setText(texts.helpLink(page))
        self._openFirst()
        self._warmUp = WarmUp()
        services.desk.changed = self.refresh
        services.desk.batch = self.batch
        services.desk.beforeStart = self.annotate.live.suspend

    def setParameters(self, parameters: Any) -> None:
        """Another parameter node; None while the scene is being closed: then running jobs are abandoned."""
        self._parameters = parameters
        if parameters is None:
            self.services.desk.abandon()
        for presenter in self.presenters:
            presenter.setParameters(parameters)
        if parameters is not None:
            self.refresh()

    def refresh(self, _caller: Any = None, _event: Any = None) -> None:
        """Bring every panel up to date. What a refresh itself changes makes one more, not an endless round."""
        if self._parameters is None:
            return
        if self._refreshing:
            self._again = True
            return
        self._refreshing = True
        try:
            for _round in range(2):
                self._again = False
                for presenter in self.presenters:
                    self._refreshOne(presenter)
                if not self._again:
                    break
        finally:
            self._refreshing = False

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """However often a refresh is asked for within, one is made, at the end."""
        if self._refreshing:
            yield
            return
        self._refreshing, self._again = True, False
        try:
            yield
        finally:
            self._refreshing = False
            if self._again:
                self.refresh()

    def enter(self) -> None:
        """The panel is looked at: load what the first click will need, without a pause."""
        self._warmUp.start()
        self.annotate.enter()

    def leave(self) -> None:
        """The user goes to another module; a running job goes on, the live preview rests."""
        self.annotate.leave()

    def learnFrom(self, volume: Any, segmentation: Any) -> None:
        """Train on the annotated slices of these, with the settings under Train."""
        self._parameters.annotation = Annotation.SLICES
        from ..mrml.live.strokes import background_names

        excluded = {*self._parameters.excludedStructures, *background_names(segmentation)}
        self._parameters.excludedStructures = sorted(excluded)
        self.train.cases.add(volume, segmentation)
        self.ui.trainCollapsibleButton.collapsed = False
        if not self.train.state().problem():
            self.train.run()

    def useHead(self, key: str) -> None:
        """Choose a head in section 2 and show that section."""
        self.segment.chooseHead(key)
        self.ui.segmentCollapsibleButton.collapsed = False
        self.ui.trainCollapsibleButton.collapsed = True

    def addCase(self, volume: Any, segmentation: Any) -> None:
        """An annotated volume to learn from."""
        self.train.cases.add(volume, segmentation)

    def _annotatedVolumes(self) -> list[Any]:
        """The volume nodes of section 1."""
        return [volume for volume, _labels in self.train.cases.cases()]

    def _openFirst(self) -> None:
        """Whoever has no model of their own begins at section 1."""
        try:
            begins = all(entry.built_in for entry in self.services.library.entries())
        except SAMAdaptError:  # a folder that cannot be read is said in the section that lists it
            begins = False
        self.ui.trainCollapsibleButton.collapsed = not begins
        self.ui.segmentCollapsibleButton.collapsed = begins

    def close(self) -> None:
        """End what runs, and the worker: no job, process, thread or file stays."""
        self._warmUp.close()
        for presenter in self.presenters:
            presenter.close()
        self.services.desk.close()

    def _refreshOne(self, presenter: Presenter) -> None:
        """A folder that cannot be read, say, must not empty the whole panel."""
        try:
            presenter.refresh()
        except SAMAdaptError as error:
            logging.warning("SAMAdapt: %s", error)
            presenter.fail(error)
