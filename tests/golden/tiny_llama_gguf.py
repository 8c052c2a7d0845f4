"""Decoder checkpoints as GGUF: the names, metadata, order of rows and dtypes that llama.cpp's converter gives them."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import torch
from tiny_llama_vocabulary import write_vocabulary
from transformers import PretrainedConfig

Dtype = gguf.GGMLQuantizationType
DtypeOf = Callable[[str], Dtype]
Weights = dict[str, torch.Tensor]

ARCHITECTURES = {
    "llama": (gguf.MODEL_ARCH.LLAMA, "smollm"),
    "mistral": (gguf.MODEL_ARCH.LLAMA, "smollm"),
    "qwen2": (gguf.MODEL_ARCH.QWEN2, "qwen2"),
    "qwen3": (gguf.MODEL_ARCH.QWEN3, "qwen2"),
    "gemma3_text": (gguf.MODEL_ARCH.GEMMA3, "smollm"),
}
"""Of a model type: the architecture, and the pre-tokenizer of its vocabulary."""
FILE_TYPE = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q4_K": 15}
ROPE_FREQUENCIES = "rope_freqs.weight"


def interleave(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a head from halves (i, i + d/2) to adjacent pairs, as llama.cpp rotates them."""
    head = weight.shape[0] // heads
    return weight.reshape(heads, 2, head // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def separate(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The inverse of `interleave`."""
    head = weight.shape[0] // heads
    return weight.reshape(heads, head // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def gguf_name(config: PretrainedConfig, name: str) -> str:
    architecture, _ = ARCHITECTURES[config.model_type]
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    target = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if target is None:
        raise SystemExit(f"{name} has no name in a GGUF")
    return target


def rows_change(config: PretrainedConfig, name: str) -> int | None:
    """The number of heads by which the rows of a tensor are interleaved; None: they are not."""
    if config.model_type not in ("llama", "mistral"):
        return None
    return {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])


def to_gguf(config: PretrainedConfig, name: str, weight: torch.Tensor) -> torch.Tensor:
    heads = rows_change(config, name)
    if heads is not None:
        return interleave(weight, heads)
    # Gemma multiplies by 1 + weight; in a GGUF the 1 is in the weight.
    return weight + 1 if config.model_type == "gemma3_text" and name.endswith("norm.weight") else weight


def from_gguf(config: PretrainedConfig, name: str, weight: torch.Tensor) -> torch.Tensor:
    heads = rows_change(config, name)
    if heads is not None:
        return separate(weight, heads)
    return weight - 1 if config.model_type == "gemma3_text" and name.endswith("norm.weight") else weight


def quantise(values: np.ndarray, dtype: Dtype) -> np.ndarray:
    """The bytes of [rows, columns] in `dtype`: by the library for the types that the Python package cannot make."""
    try:
        return gguf.quantize(values, dtype)
    except NotImplementedError:
        pass
    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib/libggml-base.so"))
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    values = np.ascontiguousarray(values, dtype=np.float32)
    block, size = gguf.GGML_QUANT_SIZES[dtype]
    rows, columns = values.shape
    out = np.zeros((rows, columns // block * size), dtype=np.uint8)
    place = [ctypes.c_void_p(array.ctypes.data) for array in (values, out)]
    counts = [ctypes.c_int64(n) for n in (0, rows, columns)]
    written = library.ggml_quantize_chunk(ctypes.c_int(dtype.value), *place, *counts, None)
    if written != out.nbytes:
        raise SystemExit(f"{dtype.name}: {written} bytes for {out.nbytes}")
    return out


def rope_frequencies(config: PretrainedConfig) -> np.ndarray | None:
    """What divides each frequency under `llama3` scaling, [head_dim / 2] float32."""
    rope = config.rope_parameters
    if rope.get("rope_type") != "llama3":
        return None
    head = config.head_dim
    wavelength = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, head, 2) / head)
    original, low, high = (rope[k] for k in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor"))
    smooth = np.clip((original / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / rope["factor"] + smooth)).astype(np.float32)


def write_metadata(writer: gguf.GGUFWriter, config: PretrainedConfig) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if config.model_type in ("llama", "mistral"):
        writer.add_rope_dimension_count(head)
    if head * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if config.model_type != "gemma3_text":
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        if config.rope_parameters.get("rope_type") == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(config.rope_parameters["factor"])
        return
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"]["rope_theta"])
    writer.add_sliding_window(config.sliding_window)
    writer.add_sliding_window_pattern(config.layer_types.index("full_attention") + 1)
    if config.final_logit_softcapping is not None:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def write_gguf(path: Path, config: PretrainedConfig, weights: Weights, file_type: Dtype, dtype_of: DtypeOf) -> None:
    """`weights` under their checkpoint names; vectors stay F32, matrices are what `dtype_of` says of their GGUF name."""
    architecture, pre = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_name(path.parent.name)
    writer.add_file_type(FILE_TYPE[file_type.name])
    write_metadata(writer, config)
    write_vocabulary(writer, pre)
    writer.add_quantization_version(2)
    frequencies = rope_frequencies(config)
    if frequencies is not None:
        writer.add_tensor(ROPE_FREQUENCIES, frequencies, raw_dtype=Dtype.F32)
    for name, weight in weights.items():
        target = gguf_name(config, name)
        dtype = Dtype.F32 if weight.ndim == 1 else dtype_of(target)
        values = to_gguf(config, name, weight.float()).contiguous().numpy()
        writer.add_tensor(target, quantise(values, dtype), raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path: Path, config: PretrainedConfig, names: list[str]) -> Weights:
    """The tensors of the checkpoint as float32, under their checkpoint names."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    weights = {}
    for name in names:
        tensor = tensors[gguf_name(config, name)]
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape([int(n) for n in tensor.shape[::-1]])
        weights[name] = from_gguf(config, name, torch.from_numpy(values)).contiguous()
    return weights
