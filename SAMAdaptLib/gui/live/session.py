"""One live annotation at a time, whoever shows it: the panel's section Annotate, or the effect of a Segment Editor.

Nothing here waits. Voxels are copied out of the scene a few at a time, files are written and strokes are compared in a
thread, and all else happens in the worker; a Qt timer brings it together. The user's strokes are read and never
changed, save by ``accept``, which adds voxels where nobody painted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from ...errors import Cancelled, SAMAdaptError
from .. import formatting as texts
from ..panels.base import Services, alive
from ..qt_background import INTERVAL_MS
from .link import LiveLink, OpenClient, open_client
from .state import LiveSettings, LiveState, Phase
from .tasks import Steps, Tasks, aside
from .watch import StrokeWatch, signature, visible_slice

REST_MS = 300
"""A stroke is over when nothing was painted for so long."""

LOOK_SECONDS = 0.2
"""Between two looks at whether the nodes are still there and the same, and at which slice is visible."""


class LiveAnnotation:
    """``follow`` says on what, ``start`` and ``stop`` whether; the ``listeners`` are called when ``state`` changed."""

    def __init__(
        self,
        services: Services,
        settings: Callable[[], LiveSettings],
        missing: Callable[[], str],
        open_client: OpenClient = open_client,
    ) -> None:
        self._desk, self._application = services.desk, services.application
        self._settings, self._missing, self._open_client = settings, missing, open_client
        self.listeners: list[Callable[[], None]] = []
        self.state = LiveState()
        self.wanted = False
        self._users: set[str] = set()
        self.volume: Any = None
        self.segmentation: Any = None
        self.link: LiveLink | None = None
        self._plane: str | None = None
        self._ending: list[LiveLink] = []
        self._watch = StrokeWatch(self._onStroke)
        self._signature: Any = None
        self._looked = 0.0
        self._readAgain = self._reading = self._changing = False
        self._tasks = Tasks(self._onFault)
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)
        self._rest = qt.QTimer()
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.connect("timeout()", self._onRest)

    # What is asked of it --------------------------------------------------------------------------------------------

    def follow(self, volume: Any, segmentation: Any) -> None:
        """Work on these nodes from now on; either may be None."""
        volume, segmentation = alive(volume), alive(segmentation)
        if volume is not self.volume:
            self.volume, self._plane = volume, None
            self._restart()
        if segmentation is not self.segmentation:
            self._watch.observe(None)
            self.segmentation = segmentation
            self._watch.observe(segmentation)
            if self.link is not None:
                self.link.renew()
                self._onStroke()
        self._tell()

    def start(self) -> None:
        """Turn it on: encoding begins at once, or as soon as another job is over."""
        self.wanted = True
        self.state = LiveState(note="")
        self._restart()
        self._tell()

    def stop(self, note: str = "") -> None:
        """Turn it off; the preview goes, the strokes stay."""
        self.wanted = False
        self._end()
        self.state = LiveState(note=note)
        self._tell()

    def attend(self, user: str) -> None:
        """The panel or an effect shows it: it goes on if it is wanted."""
        self._users.add(user)
        self.resume()

    def leave(self, user: str) -> None:
        """The panel or an effect shows it no more; without any it rests."""
        self._users.discard(user)
        if not self._users:
            self.suspend()

    def attendedBy(self, user: str) -> bool:
        """Whether it is shown there."""
        return user in self._users

    def refresh(self) -> None:
        """Something else changed: another job is over, say."""
        self.resume()
        self._tell()

    def suspend(self) -> None:
        """Another job needs the worker, or the user goes elsewhere; ``resume`` goes on."""
        if self.link is not None:
            self._end()
            self._tell()

    def resume(self) -> None:
        """Go on if it is wanted and possible."""
        if (
            self.wanted
            and not self._changing
            and self._users
            and self.link is None
            and self.state.phase is not Phase.FAILED
        ):
            self._restart()
            self._tell()

    def forgetNodes(self) -> None:
        """The scene is about to be closed: let go of its nodes."""
        self.stop()
        self._watch.observe(None)
        self.volume = self.segmentation = None

    def close(self) -> None:
        """The panel goes."""
        self.stop()
        self._watch.observe(None)
        self._timer.stop()
        self._rest.stop()
        self.listeners.clear()

    def problem(self) -> str:
        """Why it cannot be turned on, "" when it can."""
        if alive(self.volume) is None:
            return _("Select a segmentation and a source volume.")
        return self._missing()

    def accept(self, what: str, saveState: Callable[[], None]) -> None:
        """Write the preview into the segmentation: ``what`` is "all", "between" or "slice" (the visible one).

        ``saveState`` is called once before, so that one undo takes all of it back.
        """
        problem = self.state.acceptSliceProblem() if what == "slice" else self.state.acceptProblem()
        if problem or self.link is None:
            return
        try:
            from ...mrml.live.preview import Acceptance

            acceptance = Acceptance(self.segmentation, self.volume)
        except SAMAdaptError as error:
            self._onFault(error)
            return
        self.state = self.state.but(accepting=True)
        self._tasks.add(self._accepting(acceptance, what, saveState, self.link))
        self._tell()

    def toggleEmpty(self) -> None:
        """Mark the visible slice as showing nothing, or take the mark back."""
        link, n = self.link, self.state.visible
        if self.state.emptyProblem() or link is None or n is None or alive(self.segmentation) is None:
            return
        link.toggle_empty(self.segmentation, n)
        self._send()
        self._tell()

    def jumpTo(self, n: int | None) -> None:
        """Show a slice in the views."""
        link = self.link
        if link is None or n is None or alive(self.volume) is None:
            return
        from ...mrml.live.strokes import world_of_slice

        shown = link.client.preview if link.client is not None else None
        self._application.jumpToSlice(world_of_slice(self.volume, link.stack, n, shown))
        self._look(now=True)
        self._tell()

    def jumpNext(self) -> None:
        """Show the slice that the preview is least sure of."""
        if not self.state.nextProblem():
            self.jumpTo(self.state.next)

    def show3D(self, shown: bool) -> None:
        """Surfaces of the preview."""
        if self.link is not None:
            self.link.show_3d(shown)
        self.state = self.state.but(solid=shown)

    # Strokes --------------------------------------------------------------------------------------------------------

    def _onStroke(self, _caller: Any = None, _event: Any = None) -> None:
        if self.link is not None:
            self._rest.start()
            self.state = self.state.but(settled=False)

    def _onRest(self) -> None:
        if self.link is None or self.state.accepting:
            return
        if self._reading:
            self._readAgain = True
            return
        self._reading = True
        self._tasks.add(self._read(self.link))

    def _read(self, link: LiveLink) -> Steps:
        try:
            yield from link.reading(alive(self.segmentation))
        except SAMAdaptError as error:
            if self._rest.active:  # it was painted on meanwhile; that stroke's rest comes
                return
            self.state = self.state.but(error=texts.failure(error), details=texts.details(error))
            self._tell()
            return
        finally:
            self._reading = False
            if self._readAgain:
                self._readAgain = False
                self._rest.start()
        if link is self.link:
            self.state = self.state.but(error="", details="", note="")
            if not self._turned(link):
                self._send()

    def _turned(self, link: LiveLink) -> bool:
        """The first strokes say in which direction the user paints: where that is another one, begin again in it."""
        if self._plane is not None or link.settings.plane != "auto" or link.strokes is None or not link.strokes.painted:
            return False
        self._plane = link.drawn_in
        if self._plane == link.stack.plane:
            return False
        self._restart()
        return True

    def _send(self) -> None:
        link = self.link
        if link is not None and link.strokes is not None:
            link.send(link.empty(self.segmentation), self.state.visible)

    # Accepting ------------------------------------------------------------------------------------------------------

    def _accepting(self, acceptance: Any, what: str, saveState: Callable[[], None], link: LiveLink) -> Steps:
        strokes, client, n = link.strokes, link.client, self.state.visible
        values = [item.value for item in strokes.structures] if strokes is not None else []
        try:
            yield from aside(
                lambda: acceptance.prepare(client.accepted(strokes.labels, what, n), strokes.labels, values)
            )
            if acceptance.voxels and strokes is not None:
                saveState()
                yield from acceptance.write(strokes.segment_ids)
        finally:
            self.state = self.state.but(accepting=False)
        if not acceptance.voxels:
            self.state = self.state.but(note=_("Nothing was found there that could be written."))
        elif what == "slice":
            self._onStroke()
        else:
            self.stop(_("The preview was written into the segmentation; one undo takes it back."))
        self._tell()

    # The clock ------------------------------------------------------------------------------------------------------

    def _restart(self) -> None:
        """Begin anew where it is wanted and possible, end what ran before."""
        self._end()
        if not self.wanted or not self._users or self.problem():
            return
        if self._desk.owner:
            self.state = LiveState(Phase.WAITING)
            return
        settings = self._settings()
        if self._plane is not None:
            settings = replace(settings, plane=self._plane)
        try:
            link = LiveLink(self.volume, settings, self._desk.runner, self._open_client, self._onEnded)
        except SAMAdaptError as error:
            self.state = LiveState(Phase.FAILED, error=texts.failure(error), details=texts.details(error))
            return
        self.link, self._signature = link, signature(self.volume)
        self.state = LiveState(Phase.READING, solid=self.state.solid)
        self._look(now=True)
        self._tasks.add(self._opening(link))
        self._timer.start()

    def _opening(self, link: LiveLink) -> Steps:
        yield from link.opening(self.state.visible)
        if link is self.link:
            self._rest.start()

    def _end(self) -> None:
        link, self.link = self.link, None
        self._rest.stop()
        self._tasks.drop_all()
        self._reading = self._readAgain = False
        if link is not None:
            self._changing = True  # the scene tells that the preview's node goes, and somebody asks us to go on
            try:
                link.close()
            finally:
                self._changing = False
            self._ending.append(link)
        if self.state.phase is not Phase.OFF:
            self.state = LiveState(note=self.state.note, solid=self.state.solid)

    def _onEnded(self, error: SAMAdaptError | None) -> None:
        """The session in the worker is over, not by our doing."""
        self._end()
        error = error or Cancelled(_("The live preview was ended."))
        self.state = LiveState(Phase.FAILED, error=texts.failure(error), details=texts.details(error))
        self._tell()

    def _onFault(self, error: SAMAdaptError) -> None:
        """A step failed: said, and where there is no session yet, it is over."""
        link = self.link
        if link is None or link.client is None:
            self._onEnded(error)
        else:
            self.state = self.state.but(error=texts.failure(error), details=texts.details(error))
            self._tell()

    def _onTimeout(self) -> None:
        self._tasks.poll()
        if not self._desk.owner and (self._ending or (self.link is not None and self.link.client is not None)):
            self._desk.runner().poll()
        self._ending = [link for link in self._ending if not link.over]
        if self.link is None:
            if not self._ending and not self._tasks.busy:
                self._timer.stop()
            return
        if not self.state.accepting:
            self._look()
        if self.link is not None:
            self._show(self.link)

    def _show(self, link: LiveLink) -> None:
        try:
            link.show(self.state.visible)
        except SAMAdaptError as error:
            self._onEnded(error)
            return
        self._tell()

    def _look(self, now: bool = False) -> None:
        """Nodes may have gone or changed, and the user may look at another slice."""
        if not now and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        link = self.link
        if link is None:
            return
        if alive(self.volume) is None:
            self._onEnded(Cancelled(_("The volume was removed; your strokes are still in the segmentation.")))
            return
        if self.segmentation is not None and alive(self.segmentation) is None:
            self.follow(self.volume, None)
            self.state = self.state.but(error=_("The segmentation was removed. Select another one."))
        if signature(self.volume) != self._signature:
            self._restart()
            return
        visible = visible_slice(self.volume, link.stack)
        if visible != self.state.visible:
            self.state = self.state.but(visible=visible)
            if visible is not None and link.client is not None:
                link.client.focus(visible)

    def _tell(self) -> None:
        """Bring ``state`` up to date, and those who show it where anything of it is new."""
        link, before = self.link, self.state
        if link is not None:
            self.state = before.but(**link.facts(), empty=link.empty(self.segmentation), problem="")
            if self._rest.active or self._reading:
                self.state = self.state.but(settled=False)
        elif before.phase is Phase.OFF:
            self.state = before.but(problem=self.problem())
        if self.state != self._told:
            self._told = self.state
            for listener in list(self.listeners):
                listener()

    _told: LiveState | None = None
