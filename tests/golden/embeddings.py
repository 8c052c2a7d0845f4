"""Goldens of all-MiniLM-L6-v2: token ids and vectors as sentence-transformers makes them.

    python3 -m venv .venv
    .venv/bin/pip install sentence-transformers==6.2.0 transformers==5.23.0 tokenizers==0.23.3 torch==2.15.0 numpy==2.4.6
    node models/fetch.mjs all-minilm-l6-v2
    .venv/bin/python tests/golden/embeddings.py --model models/weights/all-minilm-l6-v2

Each text is encoded alone, in float32 on one CPU thread, so that no vector depends on its neighbours or on padding.
Prints the largest difference between that and a padded batch. What is written is described in README.md.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from golden_files import write_texts, write_tokens, write_vectors
from reference import encode_alone, load, tokens_of
from sentence_transformers import SentenceTransformer
from texts import entries, expand

OUT = Path(__file__).parent / "embeddings"
MAX_TOKENS = 256
"""The limit that the model's sentence_bert_config.json states."""
MAX_POSITIONS = 512
"""The limit of its position table: all that a GGUF of the same model knows."""


def load_cut_at(directory: Path, max_tokens: int) -> SentenceTransformer:
    model = load(directory)
    if model.max_seq_length != MAX_TOKENS:
        raise SystemExit(f"the reference cuts at {model.max_seq_length} tokens, not at {MAX_TOKENS}")
    model.max_seq_length = max_tokens
    return model


def report(model: SentenceTransformer, texts: list[str], vectors: np.ndarray) -> None:
    batched = model.encode(texts, batch_size=32, show_progress_bar=False)
    print(f"{len(texts)} texts, {vectors.shape[1]} dimensions, cut at {model.max_seq_length}")
    print(f"alone against batches of 32: max abs {np.abs(vectors - batched).max():.2e}")
    print(f"length of a vector: 1 within {np.abs(np.linalg.norm(vectors, axis=1) - 1).max():.2e}")


def write_long(directory: Path, texts: list[str], indices: list[int]) -> None:
    """The texts at `indices` again, cut where the position table ends."""
    model = load_cut_at(directory, MAX_POSITIONS)
    long = [texts[i] for i in indices]
    write_tokens(OUT / "long.json", MAX_POSITIONS, [tokens_of(model, directory, t) for t in long], indices=indices)
    vectors = encode_alone(model, long)
    write_vectors(OUT / "long.f32", vectors)
    report(model, long, vectors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="directory of the model, as models/fetch.mjs leaves it")
    directory = parser.parse_args().model
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)

    model = load_cut_at(directory, MAX_TOKENS)
    texts = [expand(entry) for entry in entries()]
    tokens = [tokens_of(model, directory, text) for text in texts]
    vectors = encode_alone(model, texts)
    write_texts(OUT / "texts.json", entries())
    write_tokens(OUT / "tokens.json", MAX_TOKENS, tokens)
    write_vectors(OUT / "vectors.f32", vectors)
    report(model, texts, vectors)
    write_long(directory, texts, [i for i, row in enumerate(tokens) if row["truncated"]])


if __name__ == "__main__":
    main()
