"""The fixture of tests on real MRML: an empty scene."""

from __future__ import annotations

import mrmlscenes as scenes
import pytest

__all__ = ["scene"]


@pytest.fixture
def scene():
    with scenes.a_scene() as fresh:
        yield fresh
