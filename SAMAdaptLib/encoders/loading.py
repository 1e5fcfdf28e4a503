"""From an encoder's name, or a file, to an encoder that is ready; one of a kind a process."""

from __future__ import annotations

import importlib.util
import operator
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..progress import Monitor, Silent
from .registry import DEFAULT_ENCODER, ENTRIES, EncoderEntry, by_sha256, find, registered

if TYPE_CHECKING:
    from .base import Encoder

THREADS_VARIABLE = "SAMADAPT_THREADS"
"""Set by a worker that was given a number of threads."""

_CHECKPOINTS = (".pth", ".pt", ".ckpt")
_loaded: dict[tuple[object, ...], Encoder] = {}
_lock = threading.Lock()


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

    An encoder stays loaded: the same call gives the same object. Raises InputError for an unknown name,
    or an ``input_size`` that the encoder cannot take, WeightsError for weights that cannot be had or read,
    DependencyError for a missing package.
    """
    from .weights.hashes import sha256_of  # Networking and hashing are loaded at the first use, not with the package.

    monitor = monitor or Silent()
    threads = threads or pinned_threads()
    input_size = _whole(input_size)
    entry, path = _resolve(str(name_or_path), monitor, source)
    digest = sha256_of(path, monitor) if path else ""
    key = (entry, path, digest, device, threads, input_rule, input_size, *_environment())
    with _lock:
        if key not in _loaded:
            rule = input_rule or _implied_rule(entry, path)
            built = _built(entry, path, digest, device, threads, rule, input_size, monitor)
            _loaded[key] = built
            # Heads name the size that they learned at: the same encoder, where that is its own.
            _loaded.setdefault((*key[:6], built.input_size, *key[7:]), built)
        _loaded[key].monitor = monitor  # It says what it has to say to who asked last.
        return _loaded[key]


def load_encoder_of(name: str, input_size: int | None, device: str, monitor: Monitor) -> Encoder:
    """The encoder that a head names. A head comes from anywhere: its word is looked up and never followed as a path.

    Raises HeadFileError for a name that is not in the registry, and as ``load_encoder``.
    """
    return load_encoder(registered(name), device=device, monitor=monitor, input_size=input_size)


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


def _resolve(text: str, monitor: Monitor, source: str | Path | None) -> tuple[EncoderEntry | None, Path | None]:
    """(registry entry or None, weights file or None). A known file by path counts as the named encoder."""
    from .weights import hashes
    from .weights import store as weights

    if text in ENTRIES:
        entry = _encoding(ENTRIES[text])
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


def _built(
    entry: EncoderEntry | None,
    path: Path | None,
    digest: str,
    device: str,
    threads: int | None,
    input_rule: str,
    input_size: int | None,
    monitor: Monitor,
) -> Encoder:
    if path is None:
        from .tiny import TinyEncoder

        return TinyEncoder(input_size=input_size)
    build: Any
    if (entry.architecture if entry else _architecture_of(path)) == "tiny_vit":
        from .tiny_vit_encoder import TinyViTEncoder as build
    else:
        from .sam.encoder import SamEncoder as build
    encoder: Encoder = build(
        path,
        digest,
        entry=entry,
        device=device,
        threads=threads,
        input_rule=input_rule,
        input_size=input_size,
        monitor=monitor,
    )
    return encoder


def _architecture_of(path: Path) -> str:
    """``tiny_vit`` or ``sam_vit``, by the names of a checkpoint's tensors."""
    if path.suffix.lower() not in _CHECKPOINTS:
        msg = f"{path.name} is no kind of encoder file that is known."
        raise InputError(msg, f"Its ending must be one of {', '.join(_CHECKPOINTS)}.")
    from .tiny_vit_weights import is_tiny_vit
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
