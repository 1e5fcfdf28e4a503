"""What a person may want to know of the known encoders: size, licence, where the weights are."""

from __future__ import annotations

from typing import Any

from .registry import ENTRIES


def describe(hidden: bool = False) -> list[dict[str, Any]]:
    """One dict an encoder: name, title, bytes, sha256, licence, sources, path (str, None while not here).

    ``damaged``: the path (str) of a file in its place in the cache that is not what it should be, else None.
    """
    from .weights import store as weights  # brings urllib along, which importing the package should not

    rows = []
    for entry in ENTRIES.values():
        if entry.hidden and not hidden:
            continue
        path = weights.locate(entry) if entry.file else None
        spoilt = weights.cached(entry) if path is None else None
        rows.append(
            {
                "name": entry.name,
                "title": entry.title,
                "bytes": entry.bytes,
                "sha256": entry.sha256,
                "licence": entry.licence,
                "sources": [str(source) for source in entry.sources],
                "path": str(path) if path else None,
                "damaged": str(spoilt) if spoilt else None,
            }
        )
    return rows
