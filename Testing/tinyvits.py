"""TinyViTs with seeded random weights, in checkpoints as MobileSAM's and LiteMedSAM's authors write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from SAMAdaptLib.encoders.tiny_vit.network import DEPTHS, HEADS, NECK_CHANNELS, STRIDES, WIDTHS, WINDOWS

STRIDE_OF = {"lite_medsam": 1, "mobile_sam": 4}
"""The patch embedding's stride of both networks."""


class _Drawn(dict[str, Tensor]):
    """A state dict that is filled with random numbers, seldom large enough to make features overflow."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, name: str, *shape: int, spread: float = 0.1, offset: float = 0.0) -> None:
        self[name] = offset + spread * torch.randn(shape, generator=self.generator)

    def convolution(self, name: str, outputs: int, inputs: int, side: int) -> None:
        self.draw(f"{name}.c.weight", outputs, inputs, side, side, spread=(inputs * side * side) ** -0.5)
        self.draw(f"{name}.bn.weight", outputs, offset=1.0)
        self.draw(f"{name}.bn.bias", outputs)
        self.draw(f"{name}.bn.running_mean", outputs)
        self[f"{name}.bn.running_var"] = 0.5 + torch.rand(outputs, generator=self.generator)
        self[f"{name}.bn.num_batches_tracked"] = torch.tensor(7)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.draw(f"{name}.weight", outputs, inputs, spread=inputs**-0.5)
        self.draw(f"{name}.bias", outputs)

    def norm(self, name: str, channels: int) -> None:
        self.draw(f"{name}.weight", channels, offset=1.0)
        self.draw(f"{name}.bias", channels)


def random_checkpoint(stride: int, seed: int = 0, prefix: str = "image_encoder.") -> dict[str, Tensor]:
    """The state dict of an image encoder by its authors' names; ``stride`` 4 is MobileSAM's, 1 LiteMedSAM's."""
    state = _Drawn(seed)
    kernel = 3 if stride == 4 else 1
    state.convolution("patch_embed.seq.0", WIDTHS[0] // 2, 3, kernel)
    state.convolution("patch_embed.seq.2", WIDTHS[0], WIDTHS[0] // 2, kernel)
    for index in range(2):
        block = f"layers.0.blocks.{index}"
        state.convolution(f"{block}.conv1", 4 * WIDTHS[0], WIDTHS[0], 1)
        state.convolution(f"{block}.conv2", 4 * WIDTHS[0], 1, 3)
        state.convolution(f"{block}.conv3", WIDTHS[0], 4 * WIDTHS[0], 1)
    for stage in range(len(STRIDES)):
        inputs, outputs = WIDTHS[stage], WIDTHS[stage + 1]
        merge = f"layers.{stage}.downsample"
        state.convolution(f"{merge}.conv1", outputs, inputs, 1)
        state.convolution(f"{merge}.conv2", outputs, 1, 3)
        state.convolution(f"{merge}.conv3", outputs, outputs, 1)
        for index in range(DEPTHS[stage]):
            _block(state, f"layers.{stage + 1}.blocks.{index}", outputs, HEADS[stage], WINDOWS[stage])
    state.norm("norm_head", WIDTHS[-1])  # Of the classifier that it once was; nobody reads it.
    state.draw("neck.0.weight", NECK_CHANNELS, WIDTHS[-1], 1, 1)
    state.norm("neck.1", NECK_CHANNELS)
    state.draw("neck.2.weight", NECK_CHANNELS, NECK_CHANNELS, 3, 3, spread=0.02)
    state.norm("neck.3", NECK_CHANNELS)
    return {prefix + name: value for name, value in state.items()}


def _block(state: _Drawn, name: str, channels: int, heads: int, window: int) -> None:
    state.norm(f"{name}.attn.norm", channels)
    state.linear(f"{name}.attn.qkv", 3 * channels, channels)
    state.linear(f"{name}.attn.proj", channels, channels)
    state.draw(f"{name}.attn.attention_biases", heads, window**2)
    state.convolution(f"{name}.local_conv", channels, 1, 3)
    state.norm(f"{name}.mlp.norm", channels)
    state.linear(f"{name}.mlp.fc1", 4 * channels, channels)
    state.linear(f"{name}.mlp.fc2", channels, 4 * channels)


def canvases(count: int, side: int, rows: int | None = None, seed: int = 1) -> np.ndarray:
    """Gray pictures (count, side, side), whose lower part from ``rows`` on is padding."""
    drawn = np.random.default_rng(seed).uniform(0, 255, (count, side, side)).astype(np.float32)
    drawn[:, side if rows is None else rows :] = np.nan
    return drawn


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each kind, by the name of the network that its tensors are named like."""
    folder = tmp_path_factory.mktemp("tiny vits")
    paths = {name: folder / f"{name}.pth" for name in STRIDE_OF}
    for name, path in paths.items():
        torch.save(random_checkpoint(STRIDE_OF[name]), path)
    return paths
