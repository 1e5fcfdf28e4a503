"""Other constants of the method, for trainings that are to end soon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from SAMAdaptLib.training import config


def change_method(
    monkeypatch: pytest.MonkeyPatch,
    fits: Mapping[str, Mapping[str, Any]] | None = None,
    priors: Mapping[str, Any] | None = None,
    **others: Any,
) -> None:
    """What trainings take that are given no method.

    ``fits``: what is different for a type of head; ``priors``: what is different for these; ``others``: constants of
    ``MethodSettings`` itself.
    """
    method = config.METHOD
    changed = {kind: replace(method.fits[kind], **how) for kind, how in (fits or {}).items()}
    others = {"fits": {**method.fits, **changed}, "priors": replace(method.priors, **(priors or {})), **others}
    monkeypatch.setattr(config, "METHOD", replace(method, **others))
