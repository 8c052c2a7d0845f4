"""What llama.cpp makes of a GGUF, and what transformers makes of the same values in float32."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from llama_cpp import Llama
from tiny_llama_gguf import read_gguf
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel


@dataclass(frozen=True)
class Greedy:
    """The likeliest token at every step, and by how much its logit is above the second one's."""

    ids: list[int]
    margins: list[float]


def open_in_llama_cpp(path: Path, context: int, every_position: bool = False) -> Llama:
    """One thread; keys and values in float32."""
    return Llama(
        str(path),
        n_ctx=context,
        n_batch=context,
        n_ubatch=context,
        n_threads=1,
        n_threads_batch=1,
        logits_all=every_position,
        type_k=0,
        type_v=0,
        seed=0,
        verbose=False,
    )


def best_two(logits: np.ndarray) -> tuple[int, float]:
    second, first = np.argpartition(logits, -2)[-2:]
    if logits[second] > logits[first]:
        first, second = second, first
    return int(first), float(logits[first] - logits[second])


def greedy_by_llama_cpp(model: Llama, prompt: list[int], count: int) -> Greedy:
    model.reset()
    model.eval(prompt)
    ids, margins = [], []
    for _ in range(count):
        logits = np.ctypeslib.as_array(model._ctx.get_logits_ith(-1), shape=(model.n_vocab(),))
        token, margin = best_two(logits)
        ids.append(token)
        margins.append(margin)
        model.eval([token])
    return Greedy(ids, margins)


def open_exact(path: Path) -> PreTrainedModel:
    """A GGUF of the architecture `llama` with its values as float32."""
    fields = gguf.GGUFReader(path).fields
    value = lambda key: fields[f"llama.{key}"].contents()  # noqa: E731
    config = LlamaConfig(
        vocab_size=value("vocab_size"),
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=value("attention.head_count"),
        num_key_value_heads=value("attention.head_count_kv"),
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM._from_config(config, attn_implementation="sdpa", dtype=torch.float32).eval()
    names = [name for name in model.state_dict() if name != "lm_head.weight"]
    missing, unexpected = model.load_state_dict(read_gguf(path, config, names), strict=False)
    if unexpected or missing != ["lm_head.weight"]:
        raise SystemExit(f"missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model


def greedy_exactly(model: PreTrainedModel, prompt: list[int], count: int) -> Greedy:
    """With float32 throughout and a cache of keys and values."""
    ids, margins = [], []
    cache, fed = None, prompt
    with torch.no_grad():
        for _ in range(count):
            out = model(torch.tensor([fed]), past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            token, margin = best_two(out.logits[0, -1].numpy())
            ids.append(token)
            margins.append(margin)
            fed = [token]
    return Greedy(ids, margins)
