"""The volume of a job: its image, with the further channels that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..data.channels import others_beside, together, without_word

if TYPE_CHECKING:
    from ..data.io.volumes import Volume
    from ..progress import Monitor


def files_of(image: str, words: Sequence[str]) -> tuple[str, ...]:
    """The image's own path, and those of its further channels. Raises InputError, see ``others_beside``."""
    return (image, *others_beside(image, words)) if words else (image,)


def read_with_channels(image: str, words: Sequence[str], monitor: Monitor) -> Volume:
    """The volume of an image and of its further channels, of which ``words`` tells the files apart.

    Raises InputError for what cannot be read, GeometryError for channels on another grid.
    """
    from ..data.io.volumes import read_volume

    first, *others = (read_volume(path, monitor=monitor) for path in files_of(image, words))
    if not others:
        return first
    return replace(together(first, others), name=without_word(first.name, words[0]).strip("_-. ") or first.name)
