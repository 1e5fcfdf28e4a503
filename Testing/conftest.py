"""Things that tests stand on: real volumes, real weights, an empty home folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def _beside_the_checkout(name: str, what: str, variable: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not folder.is_dir():
        pytest.skip(f"no {what} at {folder} (set {variable})")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real labelled volumes that developers keep beside the checkout."""
    return _beside_the_checkout("data", "real labelled volumes", "SAMADAPT_TEST_DATA")


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of faulty inputs that developers keep beside the checkout, one folder a case."""
    return _beside_the_checkout("cases", "handed cases", "SAMADAPT_TEST_CASES")


@pytest.fixture(scope="module", autouse=True)
def _encoders_go_with_the_file() -> Iterator[None]:
    """The encoders that a file's tests loaded are not kept for those of other files: all together took gigabytes."""
    yield
    if "SAMAdaptLib.encoders.loading" in sys.modules:
        sys.modules["SAMAdaptLib.encoders.loading"].forget_encoders()


@pytest.fixture(scope="session", autouse=True)
def _paces_are_measured_by_one_try() -> Iterator[None]:
    """Every new home measures anew what a step takes; the least of several tries is for heads that count."""
    from SAMAdaptLib.utils import timing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "_TIMES", 1)
        yield


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SAMADAPT_HOME with nothing in it, and no weights elsewhere."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SAMADAPT_HOME", str(folder))
    monkeypatch.delenv("SAMADAPT_WEIGHTS", raising=False)
    return folder


def _named_encoder(name: str) -> Any:
    """An encoder with its real weights, in full precision, computed by torch; skips where they cannot be had."""
    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.errors import SAMAdaptError

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAMADAPT_RUNTIME", "torch")
        environment.setenv("SAMADAPT_PRECISION", "fp32")
        try:
            return load_encoder(name, device="cpu")
        except SAMAdaptError as error:
            pytest.skip(f"the weights of {name} cannot be had: {error}")


@pytest.fixture(scope="session")
def mobile_sam() -> Any:
    """The real MobileSAM encoder, from the weights already here or else from its package."""
    return _named_encoder("mobile_sam")


@pytest.fixture(scope="session")
def medsam_lite() -> Any:
    """The real LiteMedSAM encoder, from the weights already here or else from its package."""
    return _named_encoder("medsam_lite")
