"""Which models suit the chosen volume, said before one of them is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import qt

from ...errors import SAMAdaptError
from ...heads.library import HeadEntry
from ..qt_background import QtBackgroundTask

if TYPE_CHECKING:
    from ...inference.suitability import Suitability

MOST_VOXELS = 100_000_000
"""Of larger volumes nothing is said beforehand: the copy would cost more than the hint is worth."""

_PIECES = 8
_PAUSE_MS = 10


class HeadAdvice:
    """Looks at a volume when asked, bit by bit and then beside the user interface; ``changed`` hears when it knows.

    ``found``: what is to be expected of each model, by its key; empty until that is known.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.found: Mapping[str, Suitability] = {}
        self._asked: tuple[Any, ...] = ()
        self._heads: list[HeadEntry] = []
        self._snapshot: Any = None
        self._steps: Iterator[None] = iter(())
        self._timer = qt.QTimer()
        self._timer.setInterval(_PAUSE_MS)
        self._timer.connect("timeout()", self._onTimeout)
        self._judging = QtBackgroundTask(self._onJudged)

    @property
    def best(self) -> str:
        """The key of the model that suits best, "" when none is known to suit."""
        return next((key for key, item in self.found.items() if item.fits), "")

    def ask(self, node: Any, heads: Sequence[HeadEntry]) -> None:
        """Judge these models on a volume node (None: on none), unless that is known or being found out."""
        heads = [head for head in heads if not head.card.channels]  # their other channels are not known here
        image = node.GetImageData() if node is not None else None
        seen = None if image is None else (node.GetID(), image.GetMTime())
        asked = (seen, tuple((head.key, head.path.stat().st_mtime_ns) for head in heads if head.path.exists()))
        if asked == self._asked:
            return
        self.close()
        self._asked, self.found, self._heads = asked, {}, list(heads)
        if image is not None and heads and 0 < image.GetNumberOfPoints() <= MOST_VOXELS:
            self._begin(node)

    def close(self) -> None:
        """Stop looking; what was found is forgotten."""
        self._timer.stop()
        self._judging.close()
        self._asked, self.found, self._snapshot = (), {}, None

    def _begin(self, node: Any) -> None:
        from ...mrml.volume import capture_volume
        from ...mrml.voxel_copy import gathered

        try:
            self._snapshot = capture_volume(node, later=True)
        except SAMAdaptError:  # said where the volume is used
            return
        self._steps = gathered(self._snapshot.copies)
        self._timer.start()

    def _onTimeout(self) -> None:
        """Copy a few pieces; after the last, judge."""
        try:
            for _piece in range(_PIECES):
                next(self._steps)
        except StopIteration:
            self._timer.stop()
            snapshot, self._snapshot = self._snapshot, None
            heads = self._heads
            self._judging.start(lambda: _judged(snapshot, heads))
        except SAMAdaptError:  # it was changed meanwhile
            self._timer.stop()
            self._asked = ()

    def _onJudged(self, found: Mapping[str, Suitability]) -> None:
        self.found = found
        self._changed()


def _judged(snapshot: Any, heads: Sequence[HeadEntry]) -> dict[str, Suitability]:
    """What is to be expected of each, the best first; nothing for a volume that cannot be used. Any thread."""
    try:
        from ...inference.suitability import best_first
    except ImportError:  # packages are missing: Set-up says so
        return {}
    keys = {id(head.card): head.key for head in heads}
    try:
        return {keys[id(card)]: item for card, item in best_first([head.card for head in heads], snapshot.volume())}
    except SAMAdaptError:  # said where the volume is used
        return {}
