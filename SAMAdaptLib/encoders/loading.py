"""From an encoder's name, or a file, to an encoder that is ready; one of a kind a process."""

from __future__ import annotations

import importlib.util
import operator
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError
from ..progress import Monitor, Silent
from .base import check_size
from .registry import DEFAULT_ENCODER, ENTRIES, EncoderEntry, by_sha256, find, registered

if TYPE_CHECKING:
    from .base import Encoder

THREADS_VARIABLE = "SAMADAPT_THREADS"
"""Set by a worker that was given a number of threads."""

_CHECKPOINTS = (".pth", ".pt", ".ckpt")
_loaded: dict[_Wanted, Encoder] = {}
_lock = threading.Lock()

KEPT = 3
"""Encoders that stay loaded: those of both stages of a head, and one more. The largest take gigabytes each."""


def load_encoder(
    name_or_path: str | Path = DEFAULT_ENCODER,
    device: str = "auto",
    monitor: Monitor | None = None,
    threads: int | None = None,
    *,
    source: str | Path | None = None,
    input_rule: str = "",
    input_size: int | None = None,
) -> Encoder:
    """The encoder of that name (see ``registry``), or of the SAM-compatible .pth checkpoint at that path.

    ``device`` is auto, cpu, cuda, cuda:N or mps; ``threads`` bounds the processor's threads (default: what
    ``SAMADAPT_THREADS`` says, else all). ``source`` is a file or folder to take a named encoder's weights from.
    ``input_rule`` (canvas.INPUT_RULES) is for files by path, where the default is SAM's normalisation, or MedSAM's for
    a file that has "medsam" in its name. ``input_size`` is the side in pixels of what the encoder sees, where it is not
    to be the one that it was trained on: less is quicker and coarser.

    The last few encoders stay loaded (``KEPT``): the same call returns the same object. Raises InputError for an
    unknown name, or an ``input_size`` that the encoder cannot take, WeightsError for weights that cannot be had or
    read, DependencyError for a missing package.
    """
    from .weights.hashes import sha256_of  # Networking and hashing are loaded at the first use, not with the package.

    monitor = monitor or Silent()
    threads = threads or pinned_threads()
    input_size = _whole(input_size)
    entry, path = _resolve(str(name_or_path), monitor, source, input_size)
    digest = sha256_of(path, monitor) if path else ""
    return _of(_Wanted(entry, path, digest, device, threads, input_rule, input_size, _environment()), monitor)


class _Wanted(NamedTuple):
    """All that decides about an encoder."""

    entry: EncoderEntry | None
    path: Path | None
    digest: str
    device: str
    threads: int | None
    input_rule: str
    input_size: int | None
    environment: tuple[str, ...]


def _of(wanted: _Wanted, monitor: Monitor) -> Encoder:
    """The loaded one, else a new one."""
    with _lock:
        found = _loaded.pop(wanted, None)
        if found is None:
            found = _built(wanted, monitor)
            # Heads name the size that they learned at: the same encoder, where that is its own.
            _loaded.setdefault(wanted._replace(input_size=found.input_size), found)
        _loaded[wanted] = found  # the last used comes last
        _forget_the_oldest()
        found.monitor = monitor  # It says what it has to say to who asked last.
        return found


def _forget_the_oldest() -> None:
    """Let go of all but the encoders that were used last: a worker for days meets many sizes and many weights."""
    recent: list[Encoder] = []
    for encoder in reversed(_loaded.values()):
        if not any(encoder is known for known in recent):
            recent.append(encoder)
    for key in [key for key, encoder in _loaded.items() if any(encoder is old for old in recent[KEPT:])]:
        del _loaded[key]


def load_encoder_of(name: str, input_size: int | None, device: str, monitor: Monitor) -> Encoder:
    """The encoder that a head names. A head comes from anywhere: its word is looked up and never followed as a path.

    Raises HeadFileError for a name that is not in the registry, and as ``load_encoder``.
    """
    return load_encoder(registered(name), device=device, monitor=monitor, input_size=input_size)


def at_size(encoder: Encoder, input_size: int | None, monitor: Monitor) -> Encoder | None:
    """The same encoder, of the same file, at another input size; None for one that ``load_encoder`` did not load."""
    if encoder.input_size == input_size:
        return encoder
    with _lock:
        wanted = next((key for key, known in _loaded.items() if known is encoder), None)
    return None if wanted is None else _of(wanted._replace(input_size=input_size), monitor)


def weights_hash(name_or_path: str | Path, monitor: Monitor | None = None) -> str:
    """The SHA-256 of the file that ``load_encoder`` would take, empty where it takes none. Raises as that does."""
    from .weights.hashes import sha256_of

    _, path = _resolve(str(name_or_path), monitor or Silent(), None)
    return sha256_of(path, monitor) if path else ""


def pinned_threads() -> int | None:
    """How many threads of the processor this program is to keep to; None: all."""
    word = os.environ.get(THREADS_VARIABLE, "").strip()
    return int(word) if word.isdigit() and int(word) else None


def forget_encoders() -> None:
    """Let go of all encoders, and of their memory once nobody else holds them."""
    with _lock:
        _loaded.clear()


def _whole(input_size: Any) -> int | None:
    """The size as Python's own int. Raises InputError for what is no whole number."""
    try:
        return None if input_size is None else operator.index(input_size)
    except TypeError:
        msg = f"An input size is a whole number of pixels, not {input_size!r}."
        raise InputError(msg, "Give a number such as 224, or none.") from None


def _resolve(
    text: str, monitor: Monitor, source: str | Path | None, input_size: int | None = None
) -> tuple[EncoderEntry | None, Path | None]:
    """(registry entry or None, weights file or None). A known file by path counts as the named encoder.

    A size that a named encoder cannot take is told before its weights are fetched.
    """
    from .weights import hashes
    from .weights import store as weights

    if text in ENTRIES:
        entry = _encoding(ENTRIES[text])
        check_size(entry, input_size)
        return entry, weights.ensure(entry, monitor, source) if entry.file else None
    path = Path(text).expanduser()
    if path.is_file():
        known = by_sha256(hashes.sha256_of(path, monitor))
        return known and _encoding(known), path
    if path.suffix or path.exists() or path.parent != Path():
        msg = f"There is no encoder file {path}."
        raise InputError(msg, "Give the path of a .pth file, or an encoder's name.")
    return find(text), None  # Raises the error that lists the names.


def _encoding(entry: EncoderEntry) -> EncoderEntry:
    """The entry. Raises InputError for a decoder's."""
    if entry.architecture == "decoder":
        msg = f"{entry.name} is a mask decoder, not an encoder."
        raise InputError(msg, "Choose the encoder that it belongs to.")
    return entry


def _built(wanted: _Wanted, monitor: Monitor) -> Encoder:
    if wanted.path is None:
        from .tiny import TinyEncoder

        return TinyEncoder(input_size=wanted.input_size)
    build: Any
    if (wanted.entry.architecture if wanted.entry else _architecture_of(wanted.path)) == "tiny_vit":
        from .tiny_vit.encoder import TinyViTEncoder as build
    else:
        from .sam.encoder import SamEncoder as build
    encoder: Encoder = build(
        wanted.path,
        wanted.digest,
        entry=wanted.entry,
        device=wanted.device,
        threads=wanted.threads,
        input_rule=wanted.input_rule or _implied_rule(wanted.entry, wanted.path),
        input_size=wanted.input_size,
        monitor=monitor,
    )
    return encoder


def _architecture_of(path: Path) -> str:
    """``tiny_vit`` or ``sam_vit``, by the names of a checkpoint's tensors."""
    if path.suffix.lower() not in _CHECKPOINTS:
        msg = f"{path.name} is no kind of encoder file that is known."
        raise InputError(msg, f"Its ending must be one of {', '.join(_CHECKPOINTS)}.")
    from .tiny_vit.weights import is_tiny_vit
    from .weights.checkpoints import read_checkpoint

    return "tiny_vit" if is_tiny_vit(read_checkpoint(path)) else "sam_vit"


def _implied_rule(entry: EncoderEntry | None, path: Path | None) -> str:
    if entry is None and path is not None and "medsam" in path.stem.lower():
        return "unit"
    return ""


def _environment() -> tuple[str, ...]:
    """What else decides how an encoder computes; OpenVINO may be installed while this process runs."""
    chosen = (os.environ.get(name, "") for name in ("SAMADAPT_RUNTIME", "SAMADAPT_PRECISION"))
    return (*chosen, str(importlib.util.find_spec("openvino") is not None))
