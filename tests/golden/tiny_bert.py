"""Tiny BERTs with random weights: goldens for configurations that all-MiniLM-L6-v2 does not have.

    .venv/bin/pip install gguf==0.19.0 safetensors==0.8.0     (on top of what embeddings.py names)
    .venv/bin/python tests/golden/tiny_bert.py

Writes the directory of each model in `MODELS`: its configuration, its tokenizer, its weights as safetensors and (where a
GGUF can say all that the configuration says) as GGUF, the texts, their token ids, and for every weight file the vectors
that sentence-transformers makes of the values in that file, computed in float32.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from golden_files import write_texts, write_tokens, write_vectors
from reference import encode_alone, load, tokens_of
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tiny_bert_gguf import read_gguf, write_gguf

OUT = Path(__file__).parent

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
WORDS = ["the", "cat", "sat", "on", "mat", "fire", "side", "##ing", "##er", "##ed", "猫", "Σ", "σ", "É", "é", "e\u0301"]
PUNCTUATION = [".", ",", "!", "?", "'", "-"]
VOCABULARY = SPECIAL + PUNCTUATION + WORDS + LETTERS + [f"##{c}" for c in LETTERS] + ["A", "T", "##T"]

TEXTS = [
    "the cat sat on the mat",
    "The Cat SAT on the mat.",
    "a",
    "",
    "   ",
    "fireside, firesides, firesiding!",
    "don't stop-it?",
    "猫 cat 猫猫",
    "É é e\u0301 Σ σ",
    "1 2 3",
    "[MASK] the [CLS] cat [PAD]",
    "quiz jumps vex",
    "the quick brown fox jumps over the lazy dog",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f",
    "the cats sat on the mats and the mats sat on the cats, and the fire sat on them both!",
    "the cat sat on the mat by the fireside until the fire was out, and then the cat went to bed and the mat was cold",
]


@dataclass(frozen=True)
class Tiny:
    """One tiny model: `config` as in a checkpoint's config.json, and how its vectors are pooled."""

    name: str
    config: dict
    pooling: str
    normalise: bool
    lowercase: bool
    max_seq_length: int | None
    """As stated in sentence_bert_config.json; without it the position table is the limit."""
    dtypes: tuple[str, ...]
    """Weight files beside model.safetensors."""

    @property
    def directory(self) -> Path:
        return OUT / self.name


def bert_config(**changes: object) -> dict:
    base = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": 32,
        "intermediate_size": 64,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 40,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": len(VOCABULARY),
    }
    return base | changes


MODELS = [
    Tiny(
        name="tiny-bert-cls",
        config=bert_config(layer_norm_eps=1e-5, max_position_embeddings=32),
        pooling="cls",
        normalise=False,
        lowercase=True,
        max_seq_length=32,
        dtypes=("f16.safetensors", "bf16.safetensors", "f32.gguf", "f16.gguf", "q8_0.gguf"),
    ),
    Tiny(
        name="tiny-bert-relu",
        config=bert_config(hidden_act="relu", num_attention_heads=2, num_hidden_layers=3, intermediate_size=96),
        pooling="mean",
        normalise=True,
        lowercase=False,
        max_seq_length=None,
        dtypes=(),
    ),
    Tiny(
        name="tiny-bert-gelu-new",
        config=bert_config(hidden_act="gelu_new", num_attention_heads=1, num_hidden_layers=1, type_vocab_size=1),
        pooling="mean",
        normalise=False,
        lowercase=True,
        max_seq_length=24,
        dtypes=(),
    ),
]


def random_weights(config: dict, seed: int) -> dict[str, torch.Tensor]:
    """Weights under the names of a BertModel checkpoint, large enough that every layer matters."""
    rng = np.random.Generator(np.random.PCG64(seed))
    d, ff = config["hidden_size"], config["intermediate_size"]

    def normal(*shape: int, mean: float = 0.0, std: float) -> torch.Tensor:
        return torch.from_numpy((mean + std * rng.standard_normal(shape)).astype(np.float32))

    weights: dict[str, torch.Tensor] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = normal(rows, columns, std=columns**-0.5)
        weights[f"{name}.bias"] = normal(rows, std=0.2)

    def layer_norm(name: str) -> None:
        weights[f"{name}.weight"] = normal(d, mean=1.0, std=0.2)
        weights[f"{name}.bias"] = normal(d, std=0.2)

    weights["embeddings.word_embeddings.weight"] = normal(config["vocab_size"], d, std=1.0)
    weights["embeddings.position_embeddings.weight"] = normal(config["max_position_embeddings"], d, std=0.5)
    weights["embeddings.token_type_embeddings.weight"] = normal(config["type_vocab_size"], d, std=0.5)
    layer_norm("embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", d, d)
        linear(f"{layer}.attention.output.dense", d, d)
        layer_norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", ff, d)
        linear(f"{layer}.output.dense", d, ff)
        layer_norm(f"{layer}.output.LayerNorm")
    return weights


def tokenizer_json(tiny: Tiny) -> dict:
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    special = [
        {"id": ids[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for t in SPECIAL
    ]
    template = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": tiny.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template + second,
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def pooling_config(tiny: Tiny) -> dict:
    """One flag a mode, as older releases write it; the relu model has the one string of newer releases."""
    d = tiny.config["hidden_size"]
    if tiny.name == "tiny-bert-relu":
        return {"embedding_dimension": d, "pooling_mode": tiny.pooling, "include_prompt": True}
    flags = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "mean_sqrt_len_tokens": "mean_sqrt_len"}
    return {"word_embedding_dimension": d} | {f"pooling_mode_{k}": v == tiny.pooling for k, v in flags.items()}


def modules(tiny: Tiny) -> list[dict]:
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    if tiny.normalise:
        kinds.append(("2_Normalize", "Normalize"))
    return [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_model(tiny: Tiny, weights: dict[str, torch.Tensor]) -> None:
    at = tiny.directory
    write_json(at / "config.json", tiny.config)
    write_json(at / "modules.json", modules(tiny))
    write_json(at / "1_Pooling/config.json", pooling_config(tiny))
    write_json(at / "tokenizer.json", tokenizer_json(tiny))
    limit = {} if tiny.max_seq_length is None else {"max_seq_length": tiny.max_seq_length}
    write_json(at / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": tiny.lowercase})
    write_json(at / "sentence_bert_config.json", limit | {"do_lower_case": False})
    save_file(weights, at / "model.safetensors", metadata={"format": "pt"})
    for dtype in tiny.dtypes:
        write_weights(tiny, weights, at / f"model-{dtype}")


def write_weights(tiny: Tiny, weights: dict[str, torch.Tensor], path: Path) -> None:
    dtype = path.stem.removeprefix("model-")
    if path.suffix == ".gguf":
        write_gguf(path, tiny.name, tiny.config, tiny.pooling, VOCABULARY, SPECIAL, weights, gguf.GGMLQuantizationType[dtype.upper()])
    else:
        to = {"f16": torch.float16, "bf16": torch.bfloat16}[dtype]
        save_file({k: v.to(to) for k, v in weights.items()}, path, metadata={"format": "pt"})


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The values of a weight file as float32, under the names of the checkpoint."""
    if path.suffix == ".gguf":
        return {k: torch.from_numpy(v) for k, v in read_gguf(path).items()}
    return {k: v.float() for k, v in load_file(path).items()}


def encode_with(model: SentenceTransformer, weights: dict[str, torch.Tensor]) -> np.ndarray:
    """[texts, dimensions], each text encoded alone."""
    missing, unexpected = model[0].model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.startswith("pooler.")]
    if missing or unexpected:
        raise SystemExit(f"missing {missing}, unexpected {unexpected}")
    return encode_alone(model, TEXTS)


def write_goldens(tiny: Tiny) -> None:
    at = tiny.directory
    model = load(at)
    write_texts(at / "texts.json", TEXTS)
    write_tokens(at / "tokens.json", model.max_seq_length, [tokens_of(model, at, t) for t in TEXTS])
    (at / "vectors").mkdir(exist_ok=True)
    exact = encode_with(model, read_weights(at / "model.safetensors"))
    for path in sorted(at.glob("model*")):
        vectors = encode_with(model, read_weights(path))
        write_vectors(at / "vectors" / f"{path.name}.f32", vectors)
        print(f"{tiny.name}/{path.name}: {path.stat().st_size} bytes, max abs from F32 {np.abs(vectors - exact).max():.2e}")


def main() -> None:
    torch.set_num_threads(1)
    for seed, tiny in enumerate(MODELS):
        write_model(tiny, random_weights(tiny.config, seed))
        write_goldens(tiny)


if __name__ == "__main__":
    main()
