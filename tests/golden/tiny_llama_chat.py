"""Greedy answers of the tiny chat model, for tests that compare whole answers on several devices.

    .venv/bin/python tests/golden/tiny_llama_chat.py        (after tiny_llama.py)

Writes tiny-llama/chat.json. A random model is seldom sure; a device that rounds differently would answer differently. So the
prompts are searched for: in float32, on the values of the file, every step's best logit is at least `MARGIN` above the second.
"""

import json
from pathlib import Path

import numpy as np
import torch
from decoder_reference import best_two
from jinja2 import Environment
from tiny_llama import MODELS, load
from tiny_llama_gguf import read_gguf
from tiny_llama_vocabulary import MERGES, SPECIAL, TEMPLATE, TOKENS, TURN_END, byte_letters
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, PreTrainedModel

FILES = ["model-q8_0.gguf", "model-q4_1.gguf"]
WORDS = "a the cat dog fire house tells sings to me why who is it on in of and blue warm count again, please? story!".split()
TOKENS_EACH, CHATS_EACH, MARGIN = 16, 3, 0.4


def tokenizer() -> Tokenizer:
    """As the GGUF's own: digits apart, then the split of GPT-2, then the merges."""
    built = Tokenizer(models.BPE({token: i for i, token in enumerate(TOKENS)}, MERGES))
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    built.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return built


def text_of(ids: list[int]) -> str:
    bytes_of = {letter: byte for byte, letter in enumerate(byte_letters())}
    letters = "".join(TOKENS[id] for id in ids if id >= len(SPECIAL))
    return bytes([bytes_of[letter] for letter in letters]).decode(errors="replace")


def answer(model: PreTrainedModel, prompt: list[int]) -> dict | None:
    """None as soon as a step is not sure, or where the answer ends too early."""
    ids, least = [], np.inf
    cache, fed = None, prompt
    with torch.no_grad():
        while len(ids) < TOKENS_EACH:
            out = model(torch.tensor([fed]), past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            token, margin = best_two(out.logits[0, -1].numpy())
            if margin < MARGIN or token == TURN_END:
                return None
            ids.append(token)
            least = min(least, margin)
            fed = [token]
    return {"answer": ids, "answerText": text_of(ids), "leastMargin": round(float(least), 3)}


def chats(model: PreTrainedModel, seed: int) -> list[dict]:
    rng = np.random.Generator(np.random.PCG64(seed))
    template = Environment().from_string(TEMPLATE)
    encoder = tokenizer()
    found = []
    while len(found) < CHATS_EACH:
        messages = [{"role": "user", "content": " ".join(rng.choice(WORDS, rng.integers(2, 6)))}]
        text = template.render(messages=messages, add_generation_prompt=True)
        prompt = encoder.encode(text).ids
        said = answer(model, prompt)
        if said is not None and said["answer"] not in [chat["answer"] for chat in found]:
            found.append({"messages": messages, "text": text, "prompt": prompt, **said})
            print(found[-1]["messages"][0]["content"], "->", repr(said["answerText"]), said["leastMargin"], flush=True)
    return found


def main() -> None:
    torch.set_num_threads(1)
    tiny = next(model for model in MODELS if model.name == "tiny-llama")
    config = AutoConfig.from_pretrained(tiny.directory)
    names = list(load(tiny).state_dict())
    result = {}
    for seed, file in enumerate(FILES):
        model = load(tiny, read_gguf(tiny.directory / file, config, names))
        result[file] = chats(model, seed)
    (tiny.directory / "chat.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
