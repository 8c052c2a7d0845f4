"""The file formats of the goldens: JSON with one entry a line in plain ASCII, vectors as raw little-endian float32."""

import json
from pathlib import Path

import numpy as np
from texts import Entry, Repeat


def write_texts(path: Path, entries: list[Entry]) -> None:
    """An array of strings and of {"repeat": text, "times": n}."""
    items = [{"repeat": e.text, "times": e.times} if isinstance(e, Repeat) else e for e in entries]
    path.write_text("[\n" + ",\n".join(f"  {json.dumps(item)}" for item in items) + "\n]\n")


def write_tokens(path: Path, max_tokens: int, tokens: list[dict], **more: object) -> None:
    """{"maxTokens", "texts": [{"ids", "truncated"}]}, with `more` as further top-level members."""
    head = "".join(f'  "{key}": {json.dumps(value)},\n' for key, value in more.items())
    rows = ",\n".join(f"    {json.dumps(row, separators=(',', ':'))}" for row in tokens)
    path.write_text(f'{{\n  "maxTokens": {max_tokens},\n{head}  "texts": [\n{rows}\n  ]\n}}\n')


def write_vectors(path: Path, vectors: np.ndarray) -> None:
    """[texts, dimensions] float32, row after row."""
    path.write_bytes(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
