"""Tiny decoders with random weights: goldens for every architecture of the Llama family.

    .venv/bin/python tests/golden/tiny_llama.py [name ...]

Writes the directory of each model in `MODELS`, or of those that are named: config.json, model.safetensors (BF16), the same values as model-f32.gguf, other
dtypes as GGUF, ids.json, logits.f32 (transformers, float32, every position), and for each GGUF that holds other values the
logits of exactly those. Every GGUF is also run by llama.cpp: what it says of an F32 file must be what transformers says.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
from golden_files import write_vectors
from llama_cpp import Llama
from safetensors.torch import save_file
from tiny_llama_gguf import DtypeOf, Weights, read_gguf, write_gguf
from tiny_llama_vocabulary import END_OF_TEXT, TOKENS, TURN_END, TURN_START
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

OUT = Path(__file__).parent
IDS = 40
Dtype = gguf.GGMLQuantizationType



def dtypes(*names: str) -> dict[str, DtypeOf]:
    return {name: (lambda _, dtype=Dtype[name.upper()]: dtype) for name in names}


MIXED_FIVE = {
    "token_embd.weight": "Q5_0",
    "attn_q.weight": "Q4_0",
    "attn_k.weight": "Q5_1",
    "attn_v.weight": "Q5_0",
    "attn_output.weight": "Q5_1",
    "ffn_gate.weight": "Q4_0",
    "ffn_up.weight": "Q5_0",
    "ffn_down.weight": "Q5_1",
    "output.weight": "BF16",
}
MIXED_K = {
    "token_embd.weight": "Q6_K",
    "attn_q.weight": "Q2_K",
    "attn_k.weight": "Q3_K",
    "attn_v.weight": "Q4_K",
    "attn_output.weight": "Q5_K",
    "ffn_gate.weight": "Q3_K",
    "ffn_up.weight": "Q4_K",
    "ffn_down.weight": "Q2_K",
}


def mixed(dtypes: dict[str, str]) -> DtypeOf:
    """A file of several types, so that one stands for all."""
    return lambda name: Dtype[next(dtype for ending, dtype in dtypes.items() if name.endswith(ending))]


@dataclass(frozen=True)
class Tiny:
    """One tiny model: `config` as in a checkpoint's config.json."""

    name: str
    config: dict
    files: dict[str, DtypeOf]
    """GGUF files, model-<key>.gguf, and the dtype of each matrix in them."""
    seen_by_llama_cpp: int = IDS
    """The positions at which llama.cpp says the same: it has no sliding window for mistral."""
    checkpoint: bool = True
    """Whether its own weights are kept, or only the GGUFs made of them."""
    forward: dict = field(default_factory=dict)
    """What the library's forward needs to be told."""

    @property
    def directory(self) -> Path:
        return OUT / self.name


def config(architecture: str, model_type: str, **changes: object) -> dict:
    base = {
        "architectures": [architecture],
        "model_type": model_type,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "vocab_size": len(TOKENS),
        "bos_token_id": TURN_START,
        "eos_token_id": TURN_END,
        "pad_token_id": END_OF_TEXT,
        "torch_dtype": "bfloat16",
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def gemma(**changes: object) -> dict:
    common = {
        "head_dim": 32,
        "num_key_value_heads": 1,
        "hidden_act": None,
        "hidden_activation": "gelu_pytorch_tanh",
        "rms_norm_eps": 1e-6,
        "rope_theta": None,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 12,
        "query_pre_attn_scalar": 32,
    }
    return config("Gemma3ForCausalLM", "gemma3_text", **(common | changes))


MODELS = [
    Tiny(
        "tiny-llama",
        config("LlamaForCausalLM", "llama", tie_word_embeddings=False, max_position_embeddings=2048),
        dtypes("f32", "f16", "q8_0", "q4_1") | {"q5_1": mixed(MIXED_FIVE)},
    ),
    Tiny(
        "tiny-llama-rope3",
        config(
            "LlamaForCausalLM",
            "llama",
            rope_scaling={
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        ),
        dtypes("f32"),
    ),
    Tiny(
        "tiny-llama-k",
        config("LlamaForCausalLM", "llama", hidden_size=256, intermediate_size=256, num_hidden_layers=1),
        {"q4_k": mixed(MIXED_K)},
        checkpoint=False,
    ),
    Tiny(
        "tiny-mistral",
        config("MistralForCausalLM", "mistral", tie_word_embeddings=False, sliding_window=12),
        dtypes("f32"),
        seen_by_llama_cpp=12,
    ),
    Tiny(
        "tiny-qwen2",
        config("Qwen2ForCausalLM", "qwen2", rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=False),
        dtypes("f32"),
    ),
    Tiny(
        "tiny-qwen3",
        config(
            "Qwen3ForCausalLM",
            "qwen3",
            head_dim=32,
            rms_norm_eps=1e-6,
            rope_theta=None,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        ),
        dtypes("f32"),
    ),
    Tiny("tiny-gemma3", gemma(), dtypes("f32")),
    Tiny("tiny-gemma3-softcap", gemma(final_logit_softcapping=6.0), dtypes("q8_0"), checkpoint=False),
    Tiny(
        "tiny-llama-bias",
        config(
            "LlamaForCausalLM",
            "llama",
            attention_bias=True,
            mlp_bias=True,
            rope_scaling={"rope_type": "linear", "factor": 4.0},
        ),
        dtypes("f32"),
    ),
    Tiny(
        "tiny-qwen2-window",
        config(
            "Qwen2ForCausalLM",
            "qwen2",
            rms_norm_eps=1e-6,
            rope_theta=1000000.0,
            use_sliding_window=True,
            sliding_window=12,
            max_window_layers=1,
        ),
        {},
    ),
    # The library reads the setting, and its attention knows it, but the one is not given to the other.
    Tiny("tiny-gemma3-attncap", gemma(attn_logit_softcapping=2.0), {}, forward={"softcap": 2.0}),
]


def in_every_float(values: np.ndarray) -> torch.Tensor:
    """Rounded to BF16, the smallest to 0: each value is then exact in BF16, F16 and F32 alike."""
    values = torch.from_numpy(values.astype(np.float32))
    return torch.where(values.abs() < 2**-16, torch.zeros_like(values), values).to(torch.bfloat16).float()


def random_weights(model: PreTrainedModel, seed: int) -> Weights:
    """Weights large enough that every layer matters and that logits are well spread."""
    rng = np.random.Generator(np.random.PCG64(seed))
    config = model.config
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    weights = {}
    for name, shape in sorted(state.items()):
        mean, std = 0.0, shape[-1] ** -0.5
        if name.endswith("norm.weight"):
            mean, std = (0.0 if config.model_type == "gemma3_text" else 1.0), 0.2
        elif name.endswith(".bias"):
            std = 0.3
        elif name.startswith(("lm_head", "model.embed_tokens")):
            std = 3 * shape[-1] ** -0.5
        if config.model_type == "gemma3_text" and name.startswith("model.embed_tokens"):
            std = 3 / shape[-1]  # scaled up by the root of the width when read; as a head, by the last norm
        if config.model_type == "gemma3_text" and name == "model.norm.weight":
            mean = shape[-1] ** 0.5 - 1
        weights[name] = in_every_float(mean + std * rng.standard_normal(shape))
    return weights


def load(tiny: Tiny, weights: Weights | None = None) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(tiny.directory)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    if weights is not None:
        missing, unexpected = model.load_state_dict(weights, strict=False)
        if unexpected or [name for name in missing if name != "lm_head.weight"]:
            raise SystemExit(f"missing {missing}, unexpected {unexpected}")
        model.tie_weights()
    return model


def logits_of(model: PreTrainedModel, ids: list[int], **forward: object) -> np.ndarray:
    """[tokens, vocabulary] float32."""
    with torch.no_grad():
        return model(torch.tensor([ids]), **forward).logits[0].numpy()


def run_by_llama_cpp(path: Path, ids: list[int]) -> np.ndarray:
    """[tokens, vocabulary] float32, with keys and values kept in F32."""
    model = Llama(
        str(path), n_ctx=256, n_threads=1, logits_all=True, type_k=0, type_v=0, seed=0, use_mmap=False, verbose=False
    )
    model.eval(ids)
    return np.array(model.scores[: len(ids)], dtype=np.float32)


def ids_of(seed: int) -> list[int]:
    return np.random.Generator(np.random.PCG64(1000 + seed)).integers(0, len(TOKENS), IDS).tolist()


def spread(logits: np.ndarray) -> str:
    first, second = np.sort(logits, axis=-1)[:, -2:].T[::-1]
    return f"std {logits.std():.2f}, median margin {np.median(first - second):.2f}"


def write_model(tiny: Tiny, seed: int) -> None:
    at = tiny.directory
    at.mkdir(exist_ok=True)
    (at / "config.json").write_text(json.dumps(tiny.config, indent=2) + "\n")
    weights = random_weights(load(tiny), seed)
    ids = ids_of(seed)
    (at / "ids.json").write_text(json.dumps(ids) + "\n")
    exact = logits_of(load(tiny, weights), ids, **tiny.forward)
    if tiny.checkpoint:
        save_file({k: v.to(torch.bfloat16) for k, v in weights.items()}, at / "model.safetensors", metadata={"format": "pt"})
        write_vectors(at / "logits.f32", exact)
    print(f"{tiny.name}: {spread(exact)}")
    config = AutoConfig.from_pretrained(at)
    for key, dtype_of in tiny.files.items():
        path = at / f"model-{key}.gguf"
        write_gguf(path, config, weights, Dtype[key.upper()], dtype_of)
        check_gguf(tiny, path, load(tiny, read_gguf(path, config, list(weights))), ids, exact)


def check_gguf(tiny: Tiny, path: Path, model: PreTrainedModel, ids: list[int], exact: np.ndarray) -> None:
    """Writes the logits of a GGUF with other values than the checkpoint; fails where llama.cpp reads an F32 file otherwise."""
    logits = logits_of(model, ids, **tiny.forward)
    if (logits != exact).any():
        (path.parent / "logits").mkdir(exist_ok=True)
        write_vectors(path.parent / "logits" / f"{path.name}.f32", logits)
    seen = slice(0, tiny.seen_by_llama_cpp)
    difference = np.abs(run_by_llama_cpp(path, ids)[seen] - logits[seen]).max()
    print(f"  {path.name}: {path.stat().st_size} bytes, llama.cpp within {difference:.1e}")
    # Its gelu is a table in F16.
    allowed = 1e-2 if model.config.model_type == "gemma3_text" else 1e-3
    if path.name == "model-f32.gguf" and difference > allowed:
        raise SystemExit("llama.cpp and transformers disagree")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="of the models to make; all, if there is none")
    names = parser.parse_args().names
    torch.set_num_threads(1)
    for seed, tiny in enumerate(MODELS):
        if not names or tiny.name in names:
            write_model(tiny, seed)


if __name__ == "__main__":
    main()
