"""The offer of OpenVINO: installed when the user asks for it, with what it brings measured on this computer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from ...encoders.registry import DEFAULT_ENCODER, ENTRIES, EncoderEntry
from ...jobs.specs import ProbeJob
from ..job_queue import JobRequest
from .base import Presenter

_NO_GAIN = 1.05
"""Measured times differ by that much by chance."""

Speed = Mapping[str, Any]
"""What a probe says of an encoder's speed."""


class FasterEncoder:
    """A button and a line of text. ``install``: installs with the function it is given, returns whether it did."""

    def __init__(
        self, button: Any, label: Any, presenter: Presenter, install: Callable[[Callable[[], None]], bool]
    ) -> None:
        self._button, self._label, self._presenter, self._install = button, label, presenter, install
        self._before: Speed = {}
        self._label.visible = False
        self._button.connect("clicked(bool)", self.onClicked)

    def refresh(self) -> None:
        """Visible where OpenVINO would help and is not installed; disabled with a reason while a job runs."""
        presenter = self._presenter
        self._button.visible = presenter.packages.openvinoOffered()
        problem = presenter.packagesProblem() or presenter.busyProblem()
        ready = _("Install OpenVINO, and measure the encoder's seconds a slice before and after.")
        self._button.enabled = not problem
        self._button.toolTip = problem or ready

    def onClicked(self, _checked: bool = False) -> None:
        """Ask, measure, install, measure again."""
        text = _(
            "Install the package OpenVINO into Slicer? It computes the small encoders faster on this processor; "
            "by how much is measured before and after."
        )
        if self._presenter.application.confirm(text, "SAMAdapt"):
            self._label.visible = False
            self._measure(self._onBefore)

    def _measure(self, then: Callable[[Speed], None]) -> None:
        entry = _measured(self._presenter.parameters)
        sizes = tuple(dict.fromkeys((entry.sizes[0], entry.sizes[-1])))
        job = ProbeJob(encoder=entry.name, device="cpu", input_sizes=sizes)
        presenter = self._presenter
        presenter.start(
            JobRequest(
                presenter.name,
                lambda _folder, _monitor: job,
                progress=presenter.onProgress,
                done=lambda result, _nothing: then(result["speed"]),
                failed=presenter.fail,
            )
        )

    def _onBefore(self, speed: Speed) -> None:
        self._before = speed
        qt.QTimer.singleShot(0, self._onMeasured)  # pip's dialogs want an event loop of their own, not the desk's turn

    def _onMeasured(self) -> None:
        presenter = self._presenter
        if presenter.parameters is not None and self._install(presenter.packages.installOpenVino):
            self._measure(self._onAfter)

    def _onAfter(self, speed: Speed) -> None:
        self._label.setText(gain(self._before, speed))
        self._label.visible = True
        if self._presenter.view is not None:
            self._presenter.view.end("")


def gain(before: Speed, after: Speed) -> str:
    """What OpenVINO brought, in words: seconds a slice at each size, before and after."""
    done = _("OpenVINO is installed.")
    found = {row["input_size"]: row["seconds_per_slice"] for row in before.get("sizes") or ()}
    pairs = [
        (row["input_size"], found[row["input_size"]], row["seconds_per_slice"])
        for row in after.get("sizes") or ()
        if row["input_size"] in found
    ]
    if not pairs:
        reason = after.get("reason") or before.get("reason") or ""
        return done + " " + _("What it brings was not measured: {reason}").format(reason=reason)
    title = ENTRIES[after["encoder"]].title.partition(":")[0]
    parts = [_atOneSize(*pair) for pair in pairs]
    text = _("{encoder}, seconds a slice on this computer: {parts}.").format(encoder=title, parts="; ".join(parts))
    return done + " " + text


def _atOneSize(size: int, before: float, after: float) -> str:
    ratio = before / after
    words = _("{ratio} times as fast").format(ratio=f"{ratio:.1f}") if ratio >= _NO_GAIN else _("no gain")
    text = _("at {size} pixels {before} before, {after} now ({words})")
    return text.format(size=size, before=f"{before:.2f}", after=f"{after:.2f}", words=words)


def _measured(parameters: Any) -> EncoderEntry:
    """The chosen encoder, if OpenVINO computes it, else the one that heads are trained on by default."""
    chosen = ENTRIES.get(parameters.encoder) if parameters is not None else None
    return chosen if chosen is not None and chosen.architecture == "tiny_vit" else ENTRIES[DEFAULT_ENCODER]
