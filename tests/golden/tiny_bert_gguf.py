"""BERT checkpoints as GGUF: the names, metadata and dtypes that llama.cpp's converter gives them."""

from pathlib import Path

import gguf
import numpy as np
import torch

TENSORS = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
LAYER_TENSORS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
POOLING_TYPE = {"mean": 1, "cls": 2}
FILE_TYPE = {"F32": 0, "F16": 1, "Q8_0": 7}
NORMAL_TOKEN, SPECIAL_TOKEN = 1, 3


def gguf_names(layers: int) -> dict[str, str]:
    """From a tensor's name in the checkpoint to its name in the GGUF, both without .weight and .bias."""
    names = dict(TENSORS)
    for i in range(layers):
        names |= {f"encoder.layer.{i}.{hf}": f"blk.{i}.{ggml}" for hf, ggml in LAYER_TENSORS.items()}
    return names


def gguf_token(token: str, special: list[str]) -> str:
    """A word start is marked with U+2581 and a continuation loses its ##."""
    if token in special:
        return token
    return token[2:] if token.startswith("##") else f"\u2581{token}"


def dtype_of(name: str, tensor: torch.Tensor, dtype: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    """Vectors and token types stay F32; the position table is never smaller than F16."""
    if tensor.ndim == 1 or name == "token_types.weight":
        return gguf.GGMLQuantizationType.F32
    if name == "position_embd.weight" and dtype == gguf.GGMLQuantizationType.Q8_0:
        return gguf.GGMLQuantizationType.F16
    return dtype


def write_metadata(writer: gguf.GGUFWriter, config: dict, pooling: str, file_type: int) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_file_type(file_type)
    writer.add_causal_attention(False)
    writer.add_uint32("bert.pooling_type", POOLING_TYPE[pooling])
    writer.add_token_type_count(config["type_vocab_size"])


def write_vocabulary(writer: gguf.GGUFWriter, vocabulary: list[str], special: list[str]) -> None:
    writer.add_bos_token_id(vocabulary.index("[CLS]"))
    writer.add_eos_token_id(vocabulary.index("[SEP]"))
    writer.add_tokenizer_model("bert")
    writer.add_token_list([gguf_token(t, special) for t in vocabulary])
    writer.add_token_scores([-1000.0] * len(vocabulary))
    writer.add_token_types([SPECIAL_TOKEN if t in special else NORMAL_TOKEN for t in vocabulary])
    writer.add_unk_token_id(vocabulary.index("[UNK]"))
    writer.add_sep_token_id(vocabulary.index("[SEP]"))
    writer.add_pad_token_id(vocabulary.index("[PAD]"))
    writer.add_uint32("tokenizer.ggml.cls_token_id", vocabulary.index("[CLS]"))
    writer.add_mask_token_id(vocabulary.index("[MASK]"))


def write_gguf(
    path: Path,
    name: str,
    config: dict,
    pooling: str,
    vocabulary: list[str],
    special: list[str],
    weights: dict[str, torch.Tensor],
    dtype: gguf.GGMLQuantizationType,
) -> None:
    """`weights` under their checkpoint names, their matrices in `dtype`."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(name)
    write_metadata(writer, config, pooling, FILE_TYPE[dtype.name])
    write_vocabulary(writer, vocabulary, special)
    writer.add_quantization_version(2)
    names = gguf_names(config["num_hidden_layers"])
    for key, tensor in weights.items():
        stem, _, kind = key.rpartition(".")
        target = f"{names[stem]}.{kind}"
        to = dtype_of(target, tensor, dtype)
        writer.add_tensor(target, gguf.quantize(tensor.numpy(), to), raw_dtype=to)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path: Path) -> dict[str, np.ndarray]:
    """Every tensor as float32, under its checkpoint name."""
    reader = gguf.GGUFReader(path)
    layers = reader.get_field("bert.block_count").contents()
    checkpoint = {ggml: hf for hf, ggml in gguf_names(layers).items()}
    weights = {}
    for tensor in reader.tensors:
        stem, _, kind = tensor.name.rpartition(".")
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        weights[f"{checkpoint[stem]}.{kind}"] = values.reshape([int(n) for n in tensor.shape[::-1]])
    return weights
