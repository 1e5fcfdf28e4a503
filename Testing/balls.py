"""Small volumes with a bright ball, and a head on the tiny encoder that finds it without any training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SAMAdaptLib.encoders import load_encoder
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.heads.head import Head
from SAMAdaptLib.networks import build_head

SPACING = (1.2, 1.1, 5.0)


def ball_arrays(shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(image float32, mask uint8), both (8, 40, 48); the ball's centre moves with ``shift``."""
    k, j, i = np.mgrid[:8, :40, :48]
    mask = ((j - 20 - shift) ** 2 + (i - 24 + shift) ** 2 < 100) & (k > 0) & (k < 7)
    noise = np.random.default_rng(shift).normal(100, 8, mask.shape)
    return (noise + 80 * mask).astype(np.float32), mask.astype(np.uint8)


def image_of(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    image.SetOrigin((-10.0, 5.0, 30.0))
    return image


def write_ball(folder: Path, name: str = "ball", shift: int = 0) -> tuple[str, str]:
    """Writes NAME.nii.gz and NAME-labels.nii.gz; gives their paths."""
    paths = str(folder / f"{name}.nii.gz"), str(folder / f"{name}-labels.nii.gz")
    for path, array in zip(paths, ball_arrays(shift), strict=True):
        sitk.WriteImage(image_of(array), path)
    return paths


def ball_head(name: str = "ball") -> Head:
    """A linear head whose one weight that counts is on the tiny encoder's brightness channel."""
    encoder = load_encoder("tiny")
    module = build_head("linear", {"channels": {"neck": encoder.levels["neck"].channels}, "classes": 2})
    weight, bias = module.classify.weight.data, module.classify.bias.data
    weight.zero_()
    bias.zero_()
    weight[1, 0] = 10.0
    bias[1] = -5.0
    card = HeadCard(
        name=name,
        head={"type": "linear", "hyper": module.hyper()},
        encoder={"name": "tiny", "sha256": encoder.sha256, "levels": {"neck": [32, 64]}},
        plane={"name": "axial", "acquisition": True},
        intensity={"kind": "percentile", "low": 0.5, "high": 99.5},
        structures=[
            {"value": 1, "name": "Ball", "color": [1.0, 0.5, 0.0], "terminology": "", "single_component": True}
        ],
        training={"slices": 6, "views": 6, "steps": 0, "cancelled": False},
        quality={"dice": {"1": 0.9}, "mean_dice": 0.9},
    )
    return Head(card, module.eval())
