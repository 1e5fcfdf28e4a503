"""The verbs that list: encoders, heads, cache, probe."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, SAMAdaptError
from ..heads.library import export_head, find_head, import_head, known_heads
from ..jobs.runner import run_job
from ..jobs.specs import HEAD_ENDING, ProbeJob, WeightsJob
from ..utils.paths import home, place
from .answer import Answer
from .tables import size, table
from .terminal import Terminal


def encoders(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """List the encoders; before that fetch and import what is asked for."""
    from ..encoders import describe

    for job in (*(WeightsJob(encoder=name) for name in options.fetch), *(WeightsJob(file=f) for f in options.files)):
        run_job(job, terminal)
    rows = describe()
    shown = [(row["name"], size(row["bytes"]), row["licence"], _where(row), row["title"]) for row in rows]
    text = table(("encoder", "size", "licence", "where", "what it is"), shown, right=(1,))
    if any(row["path"] is None for row in rows):
        text += "\nWeights that are not here are fetched when they are needed, or now: encoders --fetch NAME"
    return Answer({"kind": "encoders", "encoders": rows}, text)


def _where(row: Mapping[str, Any]) -> str:
    """Where an encoder's weights are."""
    damaged = f"damaged, fetched again when needed: {row['damaged']}" if row.get("damaged") else "not here"
    return str(row["path"] or damaged)


def heads(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Show, import or export one head, or list them."""
    word, *names = options.paths or [""]
    wanted = {"show": 1, "import": 1, "export": 2}.get(word)
    if wanted is None:
        return _list_heads(options.paths, options.volume)
    if len(names) != wanted:
        msg = f"heads {word} wants {wanted} {'name' if wanted == 1 else 'names'}, and there are {len(names)}."
        hint = (
            "Use heads show NAME, heads import FILE, heads export NAME FILE; a folder of that name is ./" + word + "."
        )
        raise InputError(msg, hint)
    if word == "import":
        path = import_head(names[0])
        return Answer(_one_head(path), f"{path.stem} is in the library: {path}")
    path = find_head(names[0])
    if word == "export":
        copy = export_head(path, names[1])
        return Answer(_one_head(copy), f"{path.stem} was written to {copy}")
    return _show_head(path)


def _one_head(path: Path) -> dict[str, Any]:
    return {"kind": "heads", "heads": [_head_row(path)]}


def _show_head(path: Path) -> Answer:
    """What the card of a head says."""
    from ..heads.card import read_card

    card = read_card(path)
    training, dice = card.training, card.quality.dice or {}
    rows = [
        ("head", card.name or path.stem),
        ("file", path),
        ("made for", card.modality or "any kind of image"),
        *((f"channel {number}", name) for number, name in enumerate(card.channel_names, 1)),
        ("encoder", card.encoder.name if card.input_size is None else f"{card.encoder.name}, {card.input_size} pixels"),
        ("type", card.head_type),
        ("slices", card.plane.name),
        ("held-out Dice", card.mean_dice),
        ("Dice to expect elsewhere", card.expected_dice),
        ("trained on", training.origin or None),
        *((f"structure {item.value}", f"{item.name}{_dice_of(dice.get(str(item.value)))}") for item in card.structures),
    ]
    document = {**_one_head(path), "card": card.to_dict()}
    return Answer(document, table(("what", "found"), rows))


def _dice_of(value: float | None) -> str:
    return "" if value is None else f", held-out Dice {value:.3f}"


def _list_heads(paths: list[str], volume: str | None) -> Answer:
    """List the heads of the library, those that came along, and those of the given paths; for a volume the best first.

    A damaged file is told, and fails if it was asked for.
    """
    look = _judge(volume) if volume is not None else None
    rows, complaints, status = [], [], 0
    asked, listed = _head_files(paths)
    for path in dict.fromkeys((*asked, *listed)):
        try:
            rows.append(_head_row(path) if look is None else {**_head_row(path), **look(path)})
        except SAMAdaptError as error:
            complaints.append(f"error: {' '.join(str(error).split())}")
            rows.append({"path": str(path), "error": error.message})
            status = error.exit_status if path in asked else status
    rows.sort(key=lambda row: row.get("rank", ()))
    columns, shown = ["head", "type", "encoder", "Dice", "structures", "file"], []
    for row in rows:
        if "error" not in row:
            cells = [row["name"], row["type"], row["encoder"], row["mean_dice"], ", ".join(row["structures"])]
            shown.append((*cells, row["path"] if look is None else row["suits"]))
        row.pop("rank", None)
    columns[-1] = columns[-1] if look is None else f"for {Path(str(volume)).name}"
    text = table(columns, shown, right=(3,)) if shown else (
        f"No heads yet in {place('heads')}: train one with `train`, or name files and folders."
    )  # fmt: skip
    return Answer({"kind": "heads", "heads": rows}, text, status, tuple(complaints))


def _judge(path: str) -> Callable[[Path], dict[str, Any]]:
    """What to say of a head file's use for this volume, and its rank among others. Raises InputError for no volume."""
    from ..data.io.volumes import read_volume
    from ..heads.card import read_card
    from ..inference.suitability import suitability

    volume = read_volume(path)

    def look(head: Path) -> dict[str, Any]:
        found = suitability(read_card(head), volume)
        word = "suits: " if found.fits else "not made for it: " if found.against else ""
        return {"fits": found.fits, "suits": word + found.text, "rank": found.rank}

    return look


def _head_files(paths: list[str]) -> tuple[list[Path], list[Path]]:
    """Files that were asked for by name, and those found in folders."""
    asked = [Path(path) for path in paths if not Path(path).is_dir()]
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    found = [file for place in folders for file in sorted(place.glob(f"*{HEAD_ENDING}"))]
    return asked, [*found, *known_heads()]


def _head_row(path: Path) -> dict[str, Any]:
    from ..heads.card import read_card

    card = read_card(path)
    return {
        "name": card.name or path.stem,
        "path": str(path),
        "type": card.head_type,
        "encoder": card.encoder.name,
        "plane": card.plane.name,
        "modality": card.modality,
        "structures": [item.name for item in card.structures],
        "mean_dice": card.mean_dice,
        "expected_dice": card.expected_dice,
        "training": {key: value for key, value in card.training.to_dict().items() if key != "curve"},
    }


def cache(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """What each folder of the home holds; with ``--clear`` the features go. Weights and heads stay."""
    document: dict[str, Any] = {"kind": "cache", "home": str(home()), "freed_bytes": 0}
    features: dict[str, Any] = {"folder": str(home() / "features"), "bytes": 0, "files": 0}
    if (home() / "features").is_dir():
        from ..features.cache import FeatureCache

        store = FeatureCache()
        document["freed_bytes"] = store.clear() if options.clear else 0
        features = store.describe()
    document["features"] = features
    document["folders"] = {name: _used(place(name)) for name in ("weights", "heads", "logs")}
    rows = [("features", size(features["bytes"]), features["files"], features["folder"])]
    rows += [(name, size(row["bytes"]), row["files"], row["folder"]) for name, row in document["folders"].items()]
    text = table(("what", "size", "files", "where"), rows, right=(1, 2))
    if "limit_bytes" in features:
        text += f"\nFeatures may take {size(features['limit_bytes'])} (SAMADAPT_CACHE_GB); the longest unused go first."
    if options.clear:
        text = f"Freed {size(document['freed_bytes'])}.\n" + text
    return Answer(document, text)


def _used(place: Path) -> dict[str, Any]:
    files = [path for path in place.rglob("*") if path.is_file()]
    return {"folder": str(place), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def probe(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """What this machine has."""
    found = run_job(ProbeJob.of(options, measure=not options.no_measure), terminal)
    processor, speed = found["processor"], found["speed"]
    rows = [
        ("SAMAdapt", f"{found['samadapt']}, home {found['home']}"),
        ("Python", f"{found['python']['version']}, {found['python']['executable']}"),
        ("system", found["system"]),
        ("processor", f"{processor['name']}, {processor['cores']} cores"),
        ("vector units", " ".join(processor["features"]) or "unknown"),
        *((f"device {row['device']}", _device_text(row)) for row in found["devices"]),
        *((name, version or "not installed") for name, version in found["packages"].items()),
        *((f"weights {row['name']}", _where(row)) for row in found["encoders"]),
        (f"speed {speed['encoder']}", _speed_text(speed)),
        ("recommended", ", ".join(f"--{name} {value}" for name, value in found["recommended"].items())),
    ]
    return Answer(found, table(("what", "found"), rows))


def _device_text(row: dict[str, Any]) -> str:
    memory = "" if row["memory_gb"] is None else f", {row['memory_gb']:.1f} GB"
    return f"{row['name']}{memory}"


def _speed_text(speed: dict[str, Any]) -> str:
    if speed["seconds_per_slice"] is None:
        return f"not measured: {speed['reason'] or 'not asked for'}"
    return f"{speed['seconds_per_slice']:.3f} s a slice on {speed['device']}"
