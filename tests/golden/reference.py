"""What sentence-transformers makes of a text: its token ids and its vector."""

from pathlib import Path

import numpy as np
import transformers
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

transformers.logging.set_verbosity_error()


def load(directory: Path) -> SentenceTransformer:
    """The model in float32 on the CPU."""
    return SentenceTransformer(str(directory), device="cpu", local_files_only=True).float().eval()


def tokens_of(model: SentenceTransformer, directory: Path, text: str) -> dict:
    """The ids that the model is given, [CLS] and [SEP] included, and whether the text had more.

    Fails where the library's tokenizer does not do what the model's tokenizer.json says.
    """
    ids = model.preprocess([text])["input_ids"][0].tolist()
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    whole = tokenizer.encode(text).ids
    tokenizer.enable_truncation(model.max_seq_length)
    if tokenizer.encode(text).ids != ids:
        raise SystemExit(f"sentence-transformers and tokenizer.json disagree on {text[:60]!r}")
    return {"ids": ids, "truncated": len(whole) > len(ids)}


def encode_alone(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """[texts, dimensions]: one forward pass a text, so that no vector depends on its neighbours or on padding."""
    return np.concatenate([model.encode([text], show_progress_bar=False) for text in texts])
