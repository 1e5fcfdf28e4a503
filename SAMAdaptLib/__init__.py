"""SAMAdapt: learn a structure from one annotated volume, segment the others.

    import SAMAdaptLib as samadapt

    head = samadapt.train([("ct.nii.gz", "ct-labels.seg.nrrd")], budget="fast")
    labelmap = samadapt.segment("another-ct.nii.gz", head)

Importing this package imports nothing heavy: the functions below load what they need at their first use.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
"""As typing's, without its import: what is imported before ``__main__`` runs, a Ctrl-C would end with a traceback."""

if TYPE_CHECKING:
    from .api import LiveSession, evaluate, load_head, save_head, segment, train

__all__ = ["LiveSession", "__version__", "evaluate", "load_head", "save_head", "segment", "train"]


def __getattr__(name: str) -> object:
    """Load ``train``, ``segment``, ``LiveSession`` or another of ``__all__`` when it is asked for (PEP 562)."""
    if name in __all__:
        from . import api

        return getattr(api, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
