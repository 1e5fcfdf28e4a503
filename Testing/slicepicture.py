"""What Slicer's slice views would show, for pictures of the stand-in: a volume's slice under its segmentations.

Segmentations are drawn with the opacity of their display nodes, filled and outlined, in their segments' colours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtCore, QtGui

GAP = 12
CAPTION = 24


def slice_picture(volume: Any, n: int, segmentations: list[Any], side: int = 300) -> np.ndarray:
    """RGB uint8 (rows, columns, 3) of slice ``n`` of the volume's automatic stack."""
    import slicer

    from SAMAdaptLib.mrml.annotation.capture import capture_annotation
    from SAMAdaptLib.mrml.live.strokes import stack_of

    stack = stack_of(volume)
    grey = np.asarray(stack.slice(slicer.util.arrayFromVolume(volume), n), dtype=np.float32)
    low, high = np.percentile(slicer.util.arrayFromVolume(volume), (1, 99))
    picture = np.repeat(np.clip((grey - low) / max(high - low, 1e-6), 0, 1)[..., None], 3, axis=2)
    scale = max(1, round(side / max(grey.shape)))
    picture = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    for node in segmentations:
        capture = capture_annotation(node, volume)
        labels = stack.slice(capture.voxels(), n).repeat(scale, axis=0).repeat(scale, axis=1)
        display = node.GetDisplayNode()
        for item in capture.structures:
            mask = labels == item.value
            border = mask & ~_inner(mask)
            for part, opacity in ((mask, display.GetOpacity2DFill()), (border, display.GetOpacity2DOutline())):
                picture[part] = (1 - opacity) * picture[part] + opacity * np.asarray(item.color)
    return (255 * picture).astype(np.uint8)


def _inner(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 2)
    return padded[:-4, 2:-2] & padded[4:, 2:-2] & padded[2:-2, :-4] & padded[2:-2, 4:]


def beside(panel: Path, pictures: list[tuple[str, np.ndarray]]) -> None:
    """Put captioned pictures to the right of the panel's picture, in its file."""
    shot = QtGui.QImage(str(panel))
    images = [
        (text, QtGui.QImage(p.tobytes(), p.shape[1], p.shape[0], 3 * p.shape[1], QtGui.QImage.Format.Format_RGB888))
        for text, p in pictures
    ]
    width = shot.width() + GAP + max(image.width() for _text, image in images) + GAP
    height = max(shot.height(), sum(image.height() + CAPTION + GAP for _text, image in images) + GAP)
    canvas = QtGui.QImage(width, height, QtGui.QImage.Format.Format_RGB888)
    canvas.fill(QtGui.QColor("#efefef"))
    painter = QtGui.QPainter(canvas)
    painter.drawImage(0, 0, shot)
    top = GAP
    for text, image in images:
        painter.setPen(QtGui.QColor("#202020"))
        painter.drawText(QtCore.QPoint(shot.width() + GAP, top + 15), text)
        painter.drawImage(shot.width() + GAP, top + CAPTION, image)
        top += CAPTION + image.height() + GAP
    painter.end()
    canvas.save(str(panel))
