"""TinyViT, the encoder of MobileSAM and LiteMedSAM: one network for both, at any input size.

Sources: Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers" (ECCV 2022); Zhang et al.,
"Faster Segment Anything: Towards Lightweight SAM for Mobile Applications" (arXiv 2306.14289); Ma et al., LiteMedSAM.

There are no absolute positions: attention is within windows, with a bias for each relative position, so any size fits.
Windows of 7 and 14 fit sides of 112, 168 and 224 patches without padding. Batch normalisation is folded into the
convolutions before it (see ``tiny_vit_weights``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, gelu, pad

WIDTHS = (64, 128, 160, 320)
"""Channels of the four stages."""

HEADS = (4, 5, 10)
WINDOWS = (7, 14, 7)
DEPTHS = (2, 6, 2)
"""Attention heads, window sides and numbers of blocks of the three stages of attention."""

STRIDES = (2, 2, 1)
"""How much smaller the map becomes between the stages."""

NECK_CHANNELS = 256
FINEST_TAP = 128
"""The finest tap is averaged over 2 x 2 cells where it has more cells a side than this: that keeps what a head can
use at a quarter of the memory."""

CELLS = 4
"""Patches a side of the neck's cells."""


class TinyViT(nn.Module):
    """Pictures (N, 3, S, S) to feature maps; ``stride`` is the patch embedding's: 4 (MobileSAM) or 1 (LiteMedSAM)."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        kernel, step = (3, 2) if stride == 4 else (1, 1)
        self.patch_embed = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, step, kernel // 2)
            for inputs, outputs in ((3, WIDTHS[0] // 2), (WIDTHS[0] // 2, WIDTHS[0]))
        )
        self.convolutions = nn.ModuleList(_InvertedBottleneck(WIDTHS[0]) for _ in range(2))
        self.merges = nn.ModuleList(
            _Merge(inputs, outputs, step)
            for inputs, outputs, step in zip(WIDTHS[:-1], WIDTHS[1:], STRIDES, strict=True)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(width, heads, window) for _ in range(depth)))
            for width, heads, window, depth in zip(WIDTHS[1:], HEADS, WINDOWS, DEPTHS, strict=True)
        )
        self.neck = _Neck(WIDTHS[-1], NECK_CHANNELS)

    def forward(self, pictures: Tensor, levels: Sequence[str] = ("neck",)) -> list[Tensor]:
        """The maps of ``levels`` (``neck``, ``mid``, ``fine``) in that order, each (N, C, h, w); see ``level_sizes``.

        Layers after the last one that is needed are not computed.
        """
        first, second = self.patch_embed
        maps = second(gelu(first(pictures)))
        for block in self.convolutions:
            maps = block(maps)
        found = {"fine": avg_pool2d(maps, 2) if maps.shape[-1] > FINEST_TAP else maps}
        if not set(levels) <= {"fine"}:
            found["mid"] = self.merges[0](maps)
        if "neck" in levels:
            found["neck"] = self.neck(self._attended(found["mid"]))
        return [found[level] for level in levels]

    def _attended(self, maps: Tensor) -> Tensor:
        """What the stages of attention make of the first merged maps."""
        maps = self.stages[0](maps)
        for merge, stage in zip(self.merges[1:], self.stages[1:], strict=True):
            maps = stage(merge(maps))
        return maps


def level_sizes(patches: int) -> Mapping[str, tuple[int, int]]:
    """(channels, side) of each level for pictures of so many patches a side."""
    halved = (patches + 1) // 2
    fine = patches // 2 if patches > FINEST_TAP else patches
    return {
        "neck": (NECK_CHANNELS, (halved + 1) // 2),
        "mid": (WIDTHS[1], halved),
        "fine": (WIDTHS[0], fine),
    }


class _InvertedBottleneck(nn.Module):
    """1x1 to four times the channels, 3x3 within each, 1x1 back, around a shortcut (MBConv)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.expand = nn.Conv2d(channels, wide, 1)
        self.spatial = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        self.project = nn.Conv2d(wide, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return gelu(maps + self.project(gelu(self.spatial(gelu(self.expand(maps))))))


class _Merge(nn.Module):
    """From one stage to the next: other channels, and cells ``step`` times as large."""

    def __init__(self, inputs: int, outputs: int, step: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(inputs, outputs, 1)
        self.spatial = nn.Conv2d(outputs, outputs, 3, step, 1, groups=outputs)
        self.project = nn.Conv2d(outputs, outputs, 1)

    def forward(self, maps: Tensor) -> Tensor:
        merged: Tensor = self.project(gelu(self.spatial(gelu(self.expand(maps)))))
        return merged


class _Block(nn.Module):
    """Attention within windows, a 3x3 convolution within each channel, two linear layers."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attention = _Attention(channels, heads, window)
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.project = nn.Linear(4 * channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        tokens = maps.permute(0, 2, 3, 1)
        height, width = tokens.shape[1:3]
        windows, rows, columns = _windows(tokens, self.window)
        attended = _joined(self.attention(windows), rows, columns, self.window)[:, :height, :width]
        maps = self.local((tokens + attended).permute(0, 3, 1, 2))
        tokens = maps.permute(0, 2, 3, 1)
        tokens = tokens + self.project(gelu(self.expand(self.norm(tokens))))
        return tokens.permute(0, 3, 1, 2)


class _Attention(nn.Module):
    """Attention among the tokens of a window, (B, side * side, C) to the same."""

    def __init__(self, channels: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        """Query, key and value of the first head, then those of the next."""
        self.project = nn.Linear(channels, channels)
        self.bias: Tensor
        self.register_buffer("bias", torch.zeros(heads, side**2, side**2))
        """Of each pair of places, made from one value for each distance (see ``pairwise_bias``)."""

    def forward(self, tokens: Tensor) -> Tensor:
        count, places, channels = tokens.shape
        qkv = self.qkv(self.norm(tokens)).view(count, places, self.heads, -1).transpose(1, 2)
        query, key, value = qkv.chunk(3, dim=-1)
        # Written out: windows are small, and torch's fused attention first looks for rows that are masked throughout.
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + self.bias
        found = weights.softmax(dim=-1) @ value
        attended: Tensor = self.project(found.transpose(1, 2).reshape(count, places, channels))
        return attended


class _Neck(nn.Module):
    """SAM's neck: 1x1 and 3x3 convolutions, each followed by a normalisation over the channels of a cell."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.reduce_norm = nn.LayerNorm(outputs, eps=1e-6)
        self.mix = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.mix_norm = nn.LayerNorm(outputs, eps=1e-6)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.reduce_norm(self.reduce(maps).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.mix_norm(self.mix(maps).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def pairwise_bias(by_distance: Tensor, side: int) -> Tensor:
    """(heads, side**2) values by (row, column) distance to (heads, side**2, side**2) by pair of places in a window."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    distance = (rows[:, None] - rows).abs() * side + (columns[:, None] - columns).abs()
    return by_distance[:, distance]


def _windows(tokens: Tensor, side: int) -> tuple[Tensor, int, int]:
    """(N, H, W, C) cut into windows (N * rows * columns, side * side, C); padded by zeros where they do not fit.

    The padding takes part in the attention, as it did when the weights were trained.
    """
    count, height, width, channels = tokens.shape
    rows, columns = -(-height // side), -(-width // side)
    if (height % side) or (width % side):
        tokens = pad(tokens, (0, 0, 0, columns * side - width, 0, rows * side - height))
    cut = tokens.view(count, rows, side, columns, side, channels).transpose(2, 3)
    return cut.reshape(count * rows * columns, side * side, channels), rows, columns


def _joined(windows: Tensor, rows: int, columns: int, side: int) -> Tensor:
    """``_windows``'s inverse, padding included: (N, rows * side, columns * side, C)."""
    channels = windows.shape[-1]
    cut = windows.view(-1, rows, columns, side, side, channels).transpose(2, 3)
    return cut.reshape(-1, rows * side, columns * side, channels)
