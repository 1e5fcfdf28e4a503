"""What the worker says, in the words and the language of the panel.

The worker speaks English, in whole sentences. Each is known here by its pattern, with names and numbers in braces, and
beside it stands what users read: models are not called heads, and the panel's part can be translated. A sentence that
no pattern fits is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache

from slicer.i18n import tr as _

from .. import progress


def N_(text: str) -> str:
    """Marks a text for translation that is translated where it is shown."""
    return text


STAGES = {
    progress.ONE_OF_MANY: N_("Volume {number} of {count}: {stage}"),
    progress.FRAME: N_("Frame {number} of {count}: {stage}"),
    progress.SUPPORT: N_("Support {number} of {count}: {stage}"),
    progress.TURNED: N_("{stage}, turned by {degrees} degrees"),
    progress.READING_SCENE: N_("Reading the scene"),
    progress.WRITING_VOLUMES: N_("Writing the volumes"),
    progress.STARTING: N_("Starting the computation"),
    progress.READING_RESULT: N_("Reading the result"),
    progress.ENCODING: N_("Encoding slices"),
    progress.ENCODING_SLICES: N_("Encoding slices"),
    progress.ENCODING_VIEWS: N_("Encoding views of the slices"),
    progress.ENCODING_ROI_VIEWS: N_("Encoding closer views of the slices"),
    progress.ROI_STAGE: N_("Looking closer at what was found"),
    progress.LEARNING_SHAPES: N_("Learning the shapes of the structures"),
    progress.LEARNING_LAYOUT: N_("Learning where the structures lie"),
    progress.SEGMENTING: N_("Segmenting"),
    progress.SEGMENTING_AXIAL: N_("Segmenting axial slices"),
    progress.SEGMENTING_SAGITTAL: N_("Segmenting sagittal slices"),
    progress.SEGMENTING_CORONAL: N_("Segmenting coronal slices"),
    progress.TRAINING: N_("Training the {name} network"),
    progress.READING: N_("Reading"),
    progress.COMPARING: N_("Comparing"),
    progress.PROBING: N_("Looking at this computer"),
    progress.DOWNLOADING: N_("Downloading {name}"),
    progress.CHECKING: N_("Checking {name}"),
    progress.FETCHING: N_("Fetching {name}"),
    progress.VOLUMES: N_("Volumes"),
    progress.EARLIER_RESULTS: N_("Looking at the results that are there"),
}
"""Stages of a job; names and numbers are filled in as in the stage's own text."""

WARNINGS = {
    "Cancelled; the best head so far was kept.": N_("Cancelled; the best model so far was kept."),
    "The volume is {here}, and the head was trained on {trained}.": N_(
        "The volume is {here}, and the model was trained on {trained}."
    ),
    "The volume's pixels are {here} mm wide; in the training that was {trained}.": N_(
        "The volume's pixels are {here} mm wide; in the training that was {trained}."
    ),
    "The volume's slices are {here} mm apart; in the training that was {trained}.": N_(
        "The volume's slices are {here} mm apart; in the training that was {trained}."
    ),
    "The volume is bright and dark in quite other parts than any that the head was trained on: it may be of another "
    "kind, inverted, or cut out of a larger one.": N_(
        "The volume is bright and dark in quite other parts than any that the model was trained on: it may be of "
        "another kind, inverted, or cut out of a larger one."
    ),
    "The volume's slices are {here} mm wide; in the training they were {trained} mm at most: cut out the part that is "
    "to be looked at.": N_(
        "The volume's slices are {here} mm wide; in the training they were {trained} mm at most: draw a region around "
        "the part that is to be looked at."
    ),
    "The volume is too small to hold what the head looks for ({names}).": N_(
        "The volume is too small to hold what the model looks for ({names})."
    ),
    "The head learned from {own} slices and looked at {others} ones, in which it mostly finds less. Compare with the "
    "result of one direction, in the plane of the head.": N_(
        "The model learned from {own} slices and looked at {others} ones, in which it mostly finds less. Compare with "
        "the result of one direction, that of the model."
    ),
    "The pixels of {plane} slices of {name} are {size}: what lies between its own slices is hardly seen in them. The "
    "plane 'auto' takes the best resolved one.": N_(
        "The pixels of {plane} slices of {name} are {size}: what lies between its own slices is hardly seen in them. "
        "The slice direction Automatic takes the best resolved one."
    ),
    "The file of the head {name} is of an older version and has no checksum: damage would go unnoticed.": N_(
        "The file of the model {name} is of an older version and has no checksum: damage would go unnoticed."
    ),
    "Nothing was found in the region.": N_("Nothing was found in the region."),
    "Not found: {names}.": N_("Not found: {names}."),
    "What the head found has little of the shapes that it was trained on (agreement {value}). The volume may differ "
    "too much from the training volume, in kind, contrast or orientation.": N_(
        "What the model found has little of the shapes that it was trained on (agreement {value}). The volume may "
        "differ too much from the training volume, in kind, contrast or orientation."
    ),
    "{name} has {here} ml; in the training it had {trained} ml.": N_(
        "{name} has {here} ml; in the training it had {trained} ml."
    ),
    "The certainty of {name} is {share}%.": N_("The certainty of {name} is {share} %."),
    "{count} of {total} slices are uncertain.": N_("{count} of {total} slices are uncertain."),
    "The region reaches beyond the volume ({where}): only what lies within was looked at.": N_(
        "The region reaches beyond the volume ({where}): only what lies within was looked at."
    ),
    "Most of the region '{region}' lies beside volume '{volume}': only what lies within was looked at.": N_(
        "Most of the region {region} lies beside the volume {volume}: only what lies within was looked at."
    ),
    "At least {least} volumes without annotation are needed to learn from them, {count} came: only the annotation is "
    "learned from.": N_(
        "At least {least} volumes without annotation are needed to learn from them, {count} were given: only the "
        "annotation is learned from."
    ),
    "There is time to look through {count} of the unlabelled volumes alone, and {least} are needed; the head stays as "
    "it was.": N_(
        "There is time to look through only {count} of the unlabelled volumes, and {least} are needed; the model stays "
        "as it was."
    ),
    "Something was surely found in {count} of {total} unlabelled volumes alone, {least} are needed; the head stays as "
    "it was.": N_(
        "Something was surely found in only {count} of {total} unlabelled volumes, and {least} are needed; the model "
        "stays as it was."
    ),
    "Students of the unlabelled volumes were worse ({now}, {least} is needed): not kept.": N_(
        "What was learned from the unlabelled volumes was worse (Dice {now}, {least} is needed) and was not kept."
    ),
    "The head to start from knows {known}; annotated is {here}. So the training begins anew: annotate the same "
    "structures to go on from it.": N_(
        "The model to continue from knows {known}; annotated is {here}. So the training starts from the beginning: "
        "annotate the same structures to continue from it."
    ),
    "The head to start from was trained on {before}, not on {now}. So the training begins anew: choose the encoder "
    "{encoder} to go on from it.": N_(
        "The model to continue from was trained on {before}, not on {now}. So the training starts from the beginning: "
        "choose the encoder {encoder} to continue from it."
    ),
    "The budget '{budget}' is meant for about {meant} min; on this computer the training takes about {needed} min.": N_(
        "This training time is meant for about {meant} min; on this computer the training takes about {needed} min."
    ),
    "Training the {name} head ended after {steps} of {planned} steps, since its time was over: it may be worse than it "
    "could be. Train again with a larger budget, or on a less busy computer.": N_(
        "The training of the {name} network ended after {steps} of {planned} steps, since its time was over: the model "
        "may be worse than it could be. Train again with a longer training time, or on a less busy computer."
    ),
    "This encoder brings no SAM decoder: the autosam head starts from random weights.": N_(
        "This encoder brings no SAM decoder: the autosam network starts from random weights."
    ),
    "{device} has too little memory to train the {name} head: the processor does it.": N_(
        "{device} has too little memory to train the {name} network: the processor does it."
    ),
    "{device} has too little memory for the head: it goes on on the processor.": N_(
        "{device} has too little memory for the model: the processor does the rest."
    ),
    "{device} has too little memory for {count} slices at once: {now} now.": N_(
        "{device} has too little memory for {count} slices at once: {now} now."
    ),
    "{device} has too little memory for {name}: it goes on on the processor.": N_(
        "{device} has too little memory for {name}: the processor does the rest."
    ),
    "{device} lacks an operation that {name} needs ({reason}): it goes on on the processor.": N_(
        "{device} lacks an operation that {name} needs ({reason}): the processor does the rest."
    ),
    "OpenVINO is installed but cannot be imported ({reason}): PyTorch computes the encoder, slower.": N_(
        "OpenVINO is installed but cannot be imported ({reason}): PyTorch computes the encoder, slower."
    ),
    "Not used as the weights of {name}: {reason}": N_("Not used as the weights of {name}: {reason}"),
    "{name} has {count} of {all} voxels that are not finite numbers. They were set to {low} (infinity to {high}).": N_(
        "{name} has {count} of {all} voxels that are not finite numbers. They were set to {low} (infinity to {high})."
    ),
    "Segments '{under}' and '{over}' of '{name}' overlap in {count} voxels; they were given to '{winner}'.": N_(
        "The segments {under} and {over} of {name} overlap in {count} voxels; they were given to {winner}."
    ),
    "{name} was resampled onto the grid of {image} ({difference}).": N_(
        "{name} was resampled onto the grid of {image} ({difference})."
    ),
}
"""Warnings of a job."""

HEAD_ERRORS = {
    "There is already a head called {name}.": N_("There is already a model called {name}."),
    "Choose another name.": N_("Choose another name."),
    "The head {name} cannot be renamed ({reason}).": N_("The model {name} cannot be renamed ({reason})."),
    "The head {name} cannot be deleted ({reason}).": N_("The model {name} cannot be deleted ({reason})."),
    "A head cannot be called {name}.": N_("A model cannot be called {name}."),
    "Use 1 to {count} characters, without a dot at either end.": N_(
        "Use 1 to {count} characters, without a dot at either end."
    ),
    "A head's name cannot have {signs} in it.": N_("A model's name cannot have {signs} in it."),
    "It is also a file's name.": N_("It is also a file's name."),
    "The head {name} came with the extension and stays as it is.": N_(
        "The model {name} came with the extension and stays as it is."
    ),
    "Export a copy and import it under another name.": N_("Export a copy and import it under another name."),
    "The file's name is no plain text. Rename the file.": N_("The file's name is no plain text. Rename the file."),
}
"""What the library of heads refuses, and what to do then."""


def headError(text: str) -> str:
    """A sentence of the library of heads."""
    return _said(text, tuple(HEAD_ERRORS.items()))


def stage(text: str) -> str:
    """What the worker does just now."""
    text = text[:1].upper() + text[1:]
    found, arguments = progress.Stage.parse(text)
    if found is None:
        return text
    if "stage" in arguments:
        arguments["stage"] = stage(arguments["stage"])
    words = STAGES[found]
    return _(words).format(**arguments)


def warning(text: str) -> str:
    """A warning of the worker's."""
    return _said(text, tuple(WARNINGS.items()))


def _said(text: str, known: tuple[tuple[str, str], ...]) -> str:
    for pattern, words in _patterns(known):
        found = pattern.fullmatch(text)
        if found:
            return _(words).format(**found.groupdict())
    return text


@cache
def _patterns(known: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those with most words of their own first: "{device} has too little memory for {name}" fits much."""
    own = sorted(known, key=lambda item: -len(re.sub(r"\{\w+\}", "", item[0])))
    return tuple((_pattern(text), words) for text, words in own)


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", text)
    odd = (f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
    return re.compile("".join(odd), re.DOTALL)
