"""SAM's attention with decomposed relative positions, without ever holding the whole attention map.

segment-anything computes the map of each global block (heads x 4096 x 4096, some 800 MB in fp32) four times over:
scores, two position terms, softmax. Here torch's fused attention takes the position terms as a bias, a few query rows
at a time. The same numbers, up to rounding. Source: Li et al., MViTv2, arXiv 2112.01526, and segment-anything's
``image_encoder.py``, whose weights it takes over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

_BIAS_VALUES = {"cpu": 2**20}
"""Bias values that are worth holding at once, by kind of device: on a processor what its cache can hold."""

_BIAS_VALUES_ELSEWHERE = 2**28


class FusedAttention(nn.Module):
    """In place of segment-anything's ``Attention``: (B, H, W, C) tokens in, the same out.

    ``attention`` gives the weights; ``side`` is H = W of what comes in: the window's, or the whole grid's.
    """

    def __init__(self, attention: Any, side: int) -> None:
        super().__init__()
        self.heads, self.scale = int(attention.num_heads), float(attention.scale)
        self.qkv, self.proj = attention.qkv, attention.proj
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", relative_positions(attention.rel_pos_h, side), persistent=False)
        self.register_buffer("columns", relative_positions(attention.rel_pos_w, side), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, height, width, channels = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, height * width, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        grid = query.reshape(batch, self.heads, height, width, -1)
        by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, self.rows.to(grid.dtype))
        by_column = torch.einsum("bnhwc,wkc->bnhwk", grid, self.columns.to(grid.dtype))
        result = torch.empty_like(query)
        for images, heads, rows in self._pieces(batch, height, width, tokens.device.type):
            part = (images, heads, slice(rows.start * width, rows.stop * width))
            bias = by_row[images, heads, rows, :, :, None] + by_column[images, heads, rows, :, None, :]
            result[part] = scaled_dot_product_attention(
                query[part],
                key[images, heads],
                value[images, heads],
                attn_mask=bias.flatten(-2).flatten(2, 3),
                scale=self.scale,
            )
        joined = result.reshape(batch, self.heads, height, width, -1).permute(0, 2, 3, 1, 4)
        return self.proj(joined.reshape(batch, height, width, channels))

    def _pieces(self, batch: int, height: int, width: int, device: str) -> list[tuple[slice, slice, slice]]:
        """(images, heads, query rows) whose biases fit into the bound; small windows go many at a time."""
        bound = _BIAS_VALUES.get(device, _BIAS_VALUES_ELSEWHERE)
        row, head = width * height * width, height * width * height * width
        if self.heads * head <= bound:
            step = bound // (self.heads * head)
            return [(slice(at, at + step), slice(None), slice(0, height)) for at in range(0, batch, step)]
        step = min(height, max(1, bound // row))
        rows = [slice(at, min(at + step, height)) for at in range(0, height, step)]
        return [
            (slice(image, image + 1), slice(head, head + 1), part)
            for image in range(batch)
            for head in range(self.heads)
            for part in rows
        ]


def relative_positions(table: Tensor, side: int) -> Tensor:
    """The embedding for each pair of query and key places, (side, side, C), of ``table`` (2 * n - 1, C).

    A table of another side is stretched linearly, as segment-anything does.
    """
    if table.shape[0] != 2 * side - 1:
        table = interpolate(table.T[None], size=2 * side - 1, mode="linear")[0].T
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


def fuse_attention(model: Any, grid: int) -> None:
    """Replace the attention of each block of an ``ImageEncoderViT`` that works on a ``grid`` x ``grid`` of tokens."""
    for block in model.blocks:
        block.attn = FusedAttention(block.attn, block.window_size or grid)
