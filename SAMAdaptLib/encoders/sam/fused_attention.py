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
from torch.nn.functional import conv2d, interpolate, scaled_dot_product_attention

_BIAS_VALUES = {"cpu": 2**20}
"""Bias values that are worth holding at once, by kind of device: on a processor what its cache can hold."""

_BIAS_VALUES_ELSEWHERE = 2**28


class FusedBlock(nn.Module):
    """In place of segment-anything's ``Block``: (B, H, W, C) tokens in, the same out.

    ``block`` gives the weights; ``grid`` is H = W. Where the windows reach beyond the grid, queries, keys and values
    are filled up with what the projection makes of a zero, instead of projecting zeros.
    """

    def __init__(self, block: Any, grid: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.mlp = block.norm1, block.norm2, block.mlp
        self.mlp.lin1, self.mlp.lin2 = TokenProduct(block.mlp.lin1), TokenProduct(block.mlp.lin2)
        self.window = int(block.window_size) or grid
        self.attention = FusedAttention(block.attn, self.window)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, height, width, _ = tokens.shape
        qkv = self.attention.qkv(self.norm1(tokens))
        rows, columns = (-(-side // self.window) for side in (height, width))
        if (height, width) != (rows * self.window, columns * self.window):
            filled = self.attention.qkv.bias.to(qkv.dtype).repeat(batch, rows * self.window, columns * self.window, 1)
            filled[:, :height, :width] = qkv
            qkv = filled
        windows = qkv.view(batch, rows, self.window, columns, self.window, -1).transpose(2, 3)
        found = self.attention(windows.reshape(batch * rows * columns, self.window, self.window, -1))
        found = found.view(batch, rows, columns, self.window, self.window, -1).transpose(2, 3)
        found = found.reshape(batch, rows * self.window, columns * self.window, -1)[:, :height, :width]
        tokens = tokens + self.attention.proj(found)
        return tokens + self.mlp(self.norm2(tokens))


class TokenProduct(nn.Linear):
    """``linear`` for tokens (B, H, W, C), with its weights.

    On a processor it is a convolution of single pixels, channels last in memory as tokens are: the same products, and
    nothing is moved. oneDNN, which computes convolutions, chooses by what the processor has, whoever made it; the
    library behind ``nn.Linear`` was a quarter slower on an AMD EPYC.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, device="meta")
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.device.type != "cpu":
            return super().forward(tokens)
        found = conv2d(tokens.permute(0, 3, 1, 2), self.weight[:, :, None, None], self.bias)
        return found.permute(0, 2, 3, 1)


class FusedAttention(nn.Module):
    """segment-anything's ``Attention`` between its two projections: (B, H, W, 3 C) in, (B, H, W, C) out.

    ``attention`` gives the weights; ``side`` is H = W of what comes in: the window's, or the whole grid's.
    """

    def __init__(self, attention: Any, side: int) -> None:
        super().__init__()
        self.heads, self.scale = int(attention.num_heads), float(attention.scale)
        self.qkv, self.proj = TokenProduct(attention.qkv), TokenProduct(attention.proj)
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", relative_positions(attention.rel_pos_h, side), persistent=False)
        self.register_buffer("columns", relative_positions(attention.rel_pos_w, side), persistent=False)

    def forward(self, projected: Tensor) -> Tensor:
        batch, height, width, channels = projected.shape
        qkv = projected.reshape(batch, height * width, 3, self.heads, channels // 3 // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        grid = query.reshape(batch, self.heads, height, width, -1)
        by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, self.rows.to(grid.dtype))
        by_column = torch.einsum("bnhwc,wkc->bnhwk", grid, self.columns.to(grid.dtype))
        result = torch.empty_like(query)
        for images, heads, rows in self._pieces(batch, height, width, projected.device.type):
            part = (images, heads, slice(rows.start * width, rows.stop * width))
            bias = by_row[images, heads, rows, :, :, None] + by_column[images, heads, rows, :, None, :]
            bias = bias.flatten(-2).flatten(2, 3)
            result[part] = _attended(query[part], key[images, heads], value[images, heads], bias, self.scale)
        joined = result.reshape(batch, self.heads, height, width, -1).permute(0, 2, 3, 1, 4)
        return joined.reshape(batch, height, width, channels // 3)

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


def _attended(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float) -> Tensor:
    """softmax(scale * query key^T + bias) value, (..., places, C) each.

    On a processor torch's fused attention gains nothing from bf16 units; two plain matrix products do.
    """
    if query.device.type != "cpu" or query.dtype == torch.float32:
        return scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    scores += bias
    return torch.matmul(scores.softmax(dim=-1), value)


def relative_positions(table: Tensor, side: int) -> Tensor:
    """The embedding for each pair of query and key places, (side, side, C), of ``table`` (2 * n - 1, C).

    A table of another side is stretched linearly, as segment-anything does.
    """
    if table.shape[0] != 2 * side - 1:
        table = interpolate(table.T[None], size=2 * side - 1, mode="linear")[0].T
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


def fuse_attention(model: Any, grid: int) -> None:
    """Replace the blocks of an ``ImageEncoderViT`` that works on a ``grid`` x ``grid`` of tokens."""
    model.blocks = nn.ModuleList(FusedBlock(block, grid) for block in model.blocks)
