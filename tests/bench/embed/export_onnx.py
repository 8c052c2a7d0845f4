"""Writes the ONNX file that the peers run, from the safetensors file that Inglenook runs.

    python export_onnx.py MODEL_DIRECTORY OUTPUT.onnx [QUANTISED.onnx]

MODEL_DIRECTORY holds config.json and model.safetensors of a BERT encoder in F32. The graph is the one the
usual exporters make: input_ids, attention_mask, token_type_ids (int64, [batch, sequence]) to
last_hidden_state (float32, [batch, sequence, hidden]), both axes dynamic, attention in plain operators.
Needs torch and onnx, and for the third file onnxruntime: that is the same graph after onnxruntime's dynamic
quantisation, weights with a scale for each output and seven of their eight bits used, which loses least on processors
whose products saturate; activations rounded anew at every product.
"""

import json
import math
import struct
import sys
from pathlib import Path

import torch
from torch.nn import functional

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"
OPSET = 14


def read_safetensors(path):
    """The float32 tensors of a safetensors file, by name."""
    data = bytearray(Path(path).read_bytes())
    (header_bytes,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_bytes])
    body = memoryview(data)[8 + header_bytes :]
    return {
        name: torch.frombuffer(body[slice(*entry["data_offsets"])], dtype=torch.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


class Bert(torch.nn.Module):
    """BERT without its pooler. Tensors are looked up by the names of the checkpoint."""

    def __init__(self, config, tensors):
        super().__init__()
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.hidden = config["hidden_size"]
        self.eps = config["layer_norm_eps"]
        for name, tensor in tensors.items():
            self.register_buffer(name.replace(".", "_"), tensor)

    def tensor(self, name):
        return getattr(self, name.replace(".", "_"))

    def linear(self, name, x):
        return functional.linear(x, self.tensor(name + ".weight"), self.tensor(name + ".bias"))

    def norm(self, name, x):
        weight, bias = self.tensor(name + ".weight"), self.tensor(name + ".bias")
        return functional.layer_norm(x, (self.hidden,), weight, bias, self.eps)

    def split_heads(self, x):
        """[batch, sequence, hidden] to [batch, heads, sequence, hidden / heads]"""
        return x.view(x.size()[:-1] + (self.heads, self.hidden // self.heads)).permute(0, 2, 1, 3)

    def attention(self, name, x, bias):
        query, key, value = (self.split_heads(self.linear(f"{name}.self.{part}", x)) for part in ("query", "key", "value"))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(self.hidden // self.heads) + bias
        context = torch.matmul(scores.softmax(-1), value).permute(0, 2, 1, 3).contiguous()
        context = context.view(context.size()[:-2] + (self.hidden,))
        return self.norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", context) + x)

    def embeddings(self, input_ids, token_type_ids):
        tables = {name: self.tensor(f"embeddings.{name}_embeddings.weight") for name in ("word", "position", "token_type")}
        x = functional.embedding(input_ids, tables["word"]) + functional.embedding(token_type_ids, tables["token_type"])
        positions = torch.arange(tables["position"].size(0)).unsqueeze(0)[:, : input_ids.size(1)]
        return self.norm("embeddings.LayerNorm", x + functional.embedding(positions, tables["position"]))

    def forward(self, input_ids, attention_mask, token_type_ids):
        """[batch, sequence] × 3 to [batch, sequence, hidden]"""
        x = self.embeddings(input_ids, token_type_ids)
        mask = attention_mask.unsqueeze(1).unsqueeze(2).to(torch.float32)
        bias = (1.0 - mask) * torch.finfo(torch.float32).min
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            x = self.attention(f"{name}.attention", x, bias)
            inner = functional.gelu(self.linear(f"{name}.intermediate.dense", x))
            x = self.norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", inner) + x)
        return x


def quantise(source, output):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, output, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)


def main(directory, output, quantised=None):
    config = json.loads(Path(directory, "config.json").read_text())
    model = Bert(config, read_safetensors(Path(directory, "model.safetensors"))).eval()
    ids = torch.ones(2, 16, dtype=torch.long)
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        output,
        input_names=INPUTS,
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in [*INPUTS, OUTPUT]},
        opset_version=OPSET,
        dynamo=False,
    )
    if quantised:
        quantise(output, quantised)


if __name__ == "__main__":
    main(*sys.argv[1:])
