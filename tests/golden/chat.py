"""Greedy answers of a chat model: by llama.cpp, and by transformers in float32 on the same values.

    .venv/bin/python tests/golden/chat.py smollm2-135m-instruct PATH.gguf --exact
    .venv/bin/python tests/golden/chat.py qwen2.5-coder-0.5b-instruct PATH.gguf --only 1 3 6 16
    .venv/bin/python tests/golden/chat.py gemma-3-270m PATH.gguf --completions

Writes chat/<id>.json.
"""

import argparse
import hashlib
import json
from pathlib import Path

from chat_prompts import COMPLETIONS, CONVERSATIONS
from decoder_reference import Greedy, greedy_by_llama_cpp, greedy_exactly, open_exact, open_in_llama_cpp
from llama_cpp import Llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

OUT = Path(__file__).parent / "chat"
TOKENS = 64


def render(model: Llama, messages: list[dict[str, str]]) -> str:
    """By the template of the file, up to where the answer begins."""
    token = lambda key: model.detokenize([int(model.metadata[f"tokenizer.ggml.{key}_token_id"])], special=True).decode()  # noqa: E731
    template = Jinja2ChatFormatter(model.metadata["tokenizer.chat_template"], eos_token=token("eos"), bos_token=token("bos"))
    return template(messages=messages).prompt


def prompts(model: Llama, completions: bool, only: list[int]) -> list[dict]:
    if completions:
        return [{"text": text, "ids": model.tokenize(text.encode(), add_bos=True)} for text in COMPLETIONS]
    conversations = [CONVERSATIONS[i] for i in only]
    texts = [render(model, messages) for messages in conversations]
    return [
        {"messages": messages, "text": text, "ids": model.tokenize(text.encode(), add_bos=False, special=True)}
        for messages, text in zip(conversations, texts)
    ]


def row(greedy: Greedy) -> dict:
    return {"ids": greedy.ids, "margins": [round(margin, 4) for margin in greedy.margins]}


def agreement(a: Greedy, b: Greedy) -> str:
    same = next((i for i, (x, y) in enumerate(zip(a.ids, b.ids)) if x != y), None)
    if same is None:
        return "equal"
    return f"differ at {same}, margins {a.margins[same]:.3f} and {b.margins[same]:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("id")
    parser.add_argument("model", type=Path)
    parser.add_argument("--only", type=int, nargs="+", default=range(len(CONVERSATIONS)), help="numbers of conversations")
    parser.add_argument("--completions", action="store_true")
    parser.add_argument("--exact", action="store_true", help="also by transformers; architecture llama only")
    arguments = parser.parse_args()
    model = open_in_llama_cpp(arguments.model, 512)
    exact = open_exact(arguments.model) if arguments.exact else None
    chats = prompts(model, arguments.completions, arguments.only)
    for i, chat in enumerate(chats):
        by_llama_cpp = greedy_by_llama_cpp(model, chat["ids"], TOKENS)
        chat["llama.cpp"] = row(by_llama_cpp)
        answer = model.detokenize(by_llama_cpp.ids, special=True).decode(errors="replace")
        print(f"{i}: {len(chat['ids'])} tokens, least margin {min(by_llama_cpp.margins):.3f}: {answer[:100]!r}", flush=True)
        if model.token_eos() in by_llama_cpp.ids:
            raise SystemExit(f"chat {i} ends before {TOKENS} tokens")
        if exact is not None:
            exactly = greedy_exactly(exact, chat["ids"], TOKENS)
            chat["exact"] = row(exactly)
            print(f"   {agreement(by_llama_cpp, exactly)}", flush=True)
    OUT.mkdir(exist_ok=True)
    rows = ",\n".join(json.dumps(chat) for chat in chats)
    hash = hashlib.sha256(arguments.model.read_bytes()).hexdigest()
    (OUT / f"{arguments.id}.json").write_text(f'{{"sha256": "{hash}", "chats": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
