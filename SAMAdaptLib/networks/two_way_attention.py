"""SAM's two-way transformer with few tokens: the same function of the same weights in fewer products.

Source: Kirillov et al., "Segment Anything", arXiv 2304.02643, and segment-anything's ``TwoWayTransformer``, whose
modules hold the weights. That one projects each cell of the picture to queries, keys and values. Products may be taken
in another order: here the few tokens are brought into the picture's channels instead, and the picture is not projected
at all. With four tokens of eight heads the products over the picture are a quarter, and no heads are parted on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, einsum

if TYPE_CHECKING:
    from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock, TwoWayTransformer


def two_way(transformer: TwoWayTransformer, cells: Tensor, position: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """What ``transformer`` gives: (tokens (B, K, C), cells (B, N, C)).

    ``cells`` (B, N, C) are the picture's, ``position`` (N, C) where they are, ``tokens`` (B, K, C).
    """
    last = transformer.final_attn_token_to_image
    position = position.to(last.q_proj(tokens).dtype)  # what a product gives says in what width products are
    queries = tokens
    for layer in transformer.layers:
        queries, cells = _block(layer, queries, cells, position, tokens)
    asked = _tokens_ask(last, queries + tokens, _Picture.of(cells, position))
    return transformer.norm_final_attn(queries + asked), cells


def _block(
    layer: TwoWayAttentionBlock, queries: Tensor, cells: Tensor, position: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """One layer: tokens look at each other and at the picture, then the picture at the tokens."""
    if layer.skip_first_layer_pe:
        queries = layer.self_attn(q=queries, k=queries, v=queries)
    else:
        placed = queries + tokens
        queries = queries + layer.self_attn(q=placed, k=placed, v=queries)
    queries = layer.norm1(queries)
    picture = _Picture.of(cells, position)
    queries = layer.norm2(queries + _tokens_ask(layer.cross_attn_token_to_image, queries + tokens, picture))
    queries = layer.norm3(queries + layer.mlp(queries))
    answered = _cells_ask(layer.cross_attn_image_to_token, picture, queries + tokens, queries)
    return queries, layer.norm4(cells + answered)


@dataclass(frozen=True)
class _Picture:
    """A picture's cells (B, N, C), and the same with where they are added: as products want them."""

    cells: Tensor
    placed: Tensor

    @classmethod
    def of(cls, cells: Tensor, position: Tensor) -> _Picture:
        """``position`` has the width of products. Where that is half, cells are brought to it once, not for each."""
        cells = cells.to(position.dtype)
        return cls(cells, cells + position)


def _is_cheaper(attention: Attention, tokens: Tensor) -> bool:
    """Whether all heads of all tokens are fewer than the channels that cells would be projected to."""
    return bool(tokens.shape[1] * attention.num_heads < attention.internal_dim)


def _tokens_ask(attention: Attention, tokens: Tensor, picture: _Picture) -> Tensor:
    """``attention`` of tokens (B, K, C) to the picture: (B, K, C)."""
    if not _is_cheaper(attention, tokens):
        return attention(q=tokens, k=picture.placed, v=picture.cells)
    queries = _parted(attention, attention.q_proj(tokens), -1)
    queries = queries / math.sqrt(queries.shape[-1])
    # The keys' bias adds the same to all scores of a token, of which softmax takes no notice.
    asking = einsum("bkhc,hcd->bdhk", queries, _parted(attention, attention.k_proj.weight, 0)).flatten(2)
    weights = (picture.placed @ asking).softmax(dim=1)
    seen = _parted(attention, weights.transpose(1, 2) @ picture.cells, 1)
    found = einsum("bhkd,hcd->bkhc", seen, _parted(attention, attention.v_proj.weight, 0)).flatten(2)
    return attention.out_proj(found + attention.v_proj.bias)


def _cells_ask(attention: Attention, picture: _Picture, keys: Tensor, values: Tensor) -> Tensor:
    """``attention`` of the picture to tokens (B, K, C): (B, N, C)."""
    if not _is_cheaper(attention, keys):
        return attention(q=picture.placed, k=keys, v=values)
    asked = _parted(attention, attention.k_proj(keys), -1)
    asked = asked / math.sqrt(asked.shape[-1])
    offered = einsum("bkhc,hcd->bdkh", asked, _parted(attention, attention.q_proj.weight, 0)).flatten(2)
    shift = einsum("bkhc,hc->bkh", asked, _parted(attention, attention.q_proj.bias, 0)).flatten(1)
    scores = (picture.placed @ offered + shift[:, None]).unflatten(2, (-1, attention.num_heads))
    weights = scores.softmax(dim=2).flatten(2)
    told = _parted(attention, attention.v_proj(values), -1)
    answers = einsum("bkhc,dhc->bkhd", told, _parted(attention, attention.out_proj.weight, 1)).flatten(1, 2)
    # The weights of a head add up to one, so that each head may bring its part of the bias.
    return weights @ (answers + attention.out_proj.bias / attention.num_heads)


def _parted(attention: Attention, x: Tensor, axis: int) -> Tensor:
    """``x`` with one of its axes parted into heads and what each has."""
    return x.unflatten(axis, (attention.num_heads, -1))
