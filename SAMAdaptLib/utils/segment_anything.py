"""segment-anything's model code, loaded without the package's own start, which needs torchvision."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import DependencyError

_PRIVATE_NAME = "SAMAdaptLib._segment_anything_modeling"


_INSTALL = "Run: pip install --no-deps segment-anything==1.0"


@dataclass(frozen=True)
class SamModeling:
    """The classes of segment-anything that SAMAdapt builds on."""

    ImageEncoderViT: Any
    MaskDecoder: Any
    PromptEncoder: Any
    TwoWayTransformer: Any
    LayerNorm2d: Any
    Sam: Any


@lru_cache(maxsize=1)
def import_sam_modeling() -> SamModeling:
    """segment-anything's model classes, without its ``__init__``, which needs torchvision.

    The folder is loaded under a private name, so a later ``import segment_anything`` elsewhere stays what it was.
    Raises DependencyError when the package is missing or is another one of that name.
    """
    found = importlib.util.find_spec("segment_anything")
    roots = list(found.submodule_search_locations or []) if found else []
    start = Path(roots[0]) / "modeling" / "__init__.py" if roots else Path()
    if not start.is_file():
        msg = "The Python package segment-anything is not installed; SAM's ViT encoders and the autosam head need it."
        raise DependencyError(msg, _INSTALL)
    spec = importlib.util.spec_from_file_location(_PRIVATE_NAME, start, submodule_search_locations=[str(start.parent)])
    if spec is None or spec.loader is None:
        msg = f"The file {start} cannot be imported."
        raise DependencyError(msg, _INSTALL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PRIVATE_NAME] = module
    try:
        spec.loader.exec_module(module)
        return SamModeling(
            module.ImageEncoderViT,
            module.MaskDecoder,
            module.PromptEncoder,
            module.TwoWayTransformer,
            sys.modules[f"{_PRIVATE_NAME}.common"].LayerNorm2d,
            module.Sam,
        )
    except (ImportError, AttributeError, KeyError) as error:
        sys.modules.pop(_PRIVATE_NAME, None)
        msg = f"The Python package segment-anything in {roots[0]} cannot be used ({error})."
        raise DependencyError(msg, _INSTALL) from error
