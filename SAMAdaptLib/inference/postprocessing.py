"""What is mended in a labelmap after the head has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .components import keep_main_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..heads.card import HeadCard
    from ..heads.parts import StructureFacts

FORMER_CONTACT = 0.2
"""What share of its surface a structure touches another with, where a head from before that was kept only says that it
does."""


def keep_main_components(labels: NDArray[Any], card: HeadCard, wanted: bool | None = None) -> None:
    """Keep the main piece of each structure in ``labels`` (k, j, i), in place.

    ``wanted`` None: of those structures that were one piece in the annotation.
    """
    structures = card.structures
    singles = [s.value for s in structures if (s.single_component if wanted is None else wanted)]
    keep_main_pieces(labels, singles, {s.value: _contact(s) for s in structures})


def _contact(structure: StructureFacts) -> dict[int, float]:
    """What share of a structure's surface touches which others, as its card has it."""
    if structure.contact is None:
        return dict.fromkeys(structure.touches, FORMER_CONTACT)
    return {int(other): share for other, share in structure.contact.items()}
