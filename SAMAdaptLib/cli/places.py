"""From what people type to paths: heads by name, folders of volumes, names of results, names of structures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..data.channels import firsts_among
from ..data.formats import RESULT_ENDING, RESULT_ENDINGS, SEQUENCE_ENDING, split_frame, stem
from ..data.io.volume_folder import volumes_in
from ..errors import InputError
from ..jobs.specs import HEAD_ENDING, StructureSpec


def head_output(text: str) -> str:
    """The head file to write: ``liver`` becomes ``liver.samhead``; other endings are for the job to refuse."""
    return text + HEAD_ENDING if not Path(text).suffix else text


def expand_images(images: Sequence[str], channels: Sequence[str] = ()) -> list[str]:
    """Files as they are; a folder is the DICOM series in it, or else becomes all of its volumes.

    With ``channels`` those that are a further channel of another one are left out.
    """
    found: list[str] = []
    for text in images:
        path = Path(text)
        volumes = volumes_in(path) if path.is_dir() else []
        found += [text if volume == path else str(volume) for volume in volumes] or [text]
    found = list(dict.fromkeys(found))
    return firsts_among(found, channels) or found if channels else found


def outputs(images: Sequence[str], output: str, ending: str, many: bool) -> list[str]:
    """Where each image's result goes: ``output`` itself, or a file in the folder ``output``, created if need be.

    ``many``: a folder is wanted even for one image. Raises InputError when the ending is none of RESULT_ENDINGS.
    """
    target = Path(output)
    named_file = output.lower().endswith(RESULT_ENDINGS)
    if len(images) == 1 and not many and named_file and not target.is_dir():
        return [output]
    if named_file and not target.is_dir():
        msg = f"{output} is one file, but there are {len(images)} images."
        raise InputError(msg, "Give a folder, such as results/.")
    if target.suffix and not target.is_dir() and not output.endswith(("/", "\\")):
        msg = f"Results cannot be written as {target.name!r}."
        raise InputError(msg, f"End the name in one of {', '.join(RESULT_ENDINGS)}, or give a folder.")
    if ending not in RESULT_ENDINGS:
        msg = f"Results cannot have the ending {ending!r}."
        raise InputError(msg, f"Choose one of {', '.join(RESULT_ENDINGS)}.")
    _make_folder(target)
    return [str(target / result_name(image, ending)) for image in images]


def result_name(image: str, ending: str) -> str:
    """What a result in a folder is called: after its image; that of several frames cannot be a .seg.nrrd."""
    from ..jobs.sequences import has_frames

    return stem(image) + (SEQUENCE_ENDING if ending == RESULT_ENDING and has_frames(image) else ending)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {path} cannot be created ({error.strerror or error})."
        raise InputError(msg, "Choose another place for the results.") from error


def refuse_overwriting(images: Sequence[str], results: Sequence[str]) -> None:
    """Raises InputError when a result would take the place of an input."""
    inputs = {split_frame(image)[0].resolve() for image in images}
    for result in results:
        if Path(result).resolve() in inputs:
            msg = f"The result {result} would overwrite an input."
            raise InputError(msg, "Choose another folder or name for the results.")


def structure_specs(pairs: Sequence[tuple[int, str]], file: str | None) -> tuple[StructureSpec, ...]:
    """Names of label values, from a file and from the command line, which wins."""
    names = dict(read_names(file)) if file else {}
    names.update(pairs)
    return tuple(StructureSpec(value, name) for value, name in sorted(names.items()))


def read_names(file: str) -> list[tuple[int, str]]:
    """``N=NAME`` or ``N NAME`` a line (# starts a comment), or a JSON object {"N": "NAME"}. Raises InputError."""
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The names in {file} cannot be read ({error})."
        raise InputError(msg, "Give a text file with one N=NAME a line.") from error
    if text.lstrip().startswith("{"):
        return _names_of_json(file, text)
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [_name_of_line(file, line) for line in lines if line]


def _name_of_line(file: str, line: str) -> tuple[int, str]:
    value, _, name = line.replace("=", " ", 1).partition(" ")
    if not value.isdigit() or not name.strip():
        msg = f"{file} has the line {line!r}, which is not N=NAME."
        raise InputError(msg, "Write, for example, 1=Liver.")
    return int(value), name.strip()


def _names_of_json(file: str, text: str) -> list[tuple[int, str]]:
    try:
        return [(int(value), str(name)) for value, name in json.loads(text).items()]
    except (ValueError, AttributeError) as error:
        msg = f'{file} is not a JSON object of the form {{"1": "Liver"}} ({error}).'
        raise InputError(msg) from error
