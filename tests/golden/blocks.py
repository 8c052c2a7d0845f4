"""Quantised blocks of every type beside their values as gguf.quants.dequantize computes them.

Random blocks first, then rows of a real model, which GGML itself quantises to the type.
"""

import argparse
import ctypes
from pathlib import Path

import gguf
import llama_cpp.llama_cpp as llama
import numpy as np

# Bytes of each block that hold an f16.
SCALES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
RANDOM_ELEMENTS, REAL_ELEMENTS = 1024, 512
TENSOR, ROW = "blk.0.ffn_down.weight", 100


def random_blocks(kind: gguf.GGMLQuantizationType, rng: np.random.Generator) -> np.ndarray:
    """Any bytes, but finite scales: of both signs, one of them zero and one subnormal."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (RANDOM_ELEMENTS // elements, size), dtype=np.uint8)
    for at in SCALES[kind.name]:
        scales = rng.uniform(-0.5, 0.5, len(blocks)).astype(np.float16)
        scales[:2] = [0, 5e-7]
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


def real_blocks(kind: gguf.GGMLQuantizationType, values: np.ndarray) -> np.ndarray:
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.empty(len(values) // elements * size, dtype=np.uint8)
    quantize = ctypes.CDLL(str(Path(llama.__file__).parent / "lib" / "libggml-base.so")).ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    written = quantize(kind.value, values.ctypes.data, blocks.ctypes.data, 0, 1, len(values), None)
    assert written == len(blocks)
    return blocks


def real_values(path: Path) -> np.ndarray:
    tensor = next(t for t in gguf.GGUFReader(path).tensors if t.name == TENSOR)
    row = gguf.dequantize(tensor.data[ROW], tensor.tensor_type)[:REAL_ELEMENTS]
    return np.ascontiguousarray(row, dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True, help="SmolLM2-135M-Instruct")
    values = real_values(parser.parse_args().gguf)
    rng = np.random.default_rng(3)
    out = Path(__file__).parent / "blocks"
    out.mkdir(exist_ok=True)
    for name in SCALES:
        kind = gguf.GGMLQuantizationType[name]
        blocks = np.concatenate([random_blocks(kind, rng), real_blocks(kind, values)])
        (out / f"{name}.blocks").write_bytes(blocks.tobytes())
        (out / f"{name}.f32").write_bytes(gguf.dequantize(blocks, kind).astype("<f4").tobytes())


if __name__ == "__main__":
    main()
