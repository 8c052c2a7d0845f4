"""Where the regular expressions of models' tokenizer.json files cut the texts in token_texts.py, by Hugging Face's tokenizers.

For each pre-tokenizer that GGUF files name: the lengths of the words of every text, in characters.
"""

import json
from pathlib import Path

from texts import expand
from token_ids import written
from token_texts import entries
from tokenizers import Regex, pre_tokenizers
from tokenizers.pre_tokenizers import Digits, Sequence, Split

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,DIGITS}|" + REST
MARKS = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
FRONT = r"[^\r\n\p{L}\p{N}]?"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = rf"{FRONT}{UPPER}*{LOWER}+|{FRONT}{UPPER}+{LOWER}*|\p{{N}}|{TAIL}"
GPT4O = rf"{FRONT}{UPPER}*{LOWER}+{CONTRACTION}?|{FRONT}{UPPER}+{LOWER}*{CONTRACTION}?|\p{{N}}{{1,3}}|{TAIL}"


def cut(pattern: str) -> pre_tokenizers.PreTokenizer:
    return Split(Regex(pattern), "isolated")


NAMES = {
    "gpt-2": cut(GPT2),
    "smollm": Sequence([Digits(individual_digits=True), cut(GPT2)]),
    "llama-bpe": cut(CL100K.replace("DIGITS", "3")),
    "qwen2": cut(CL100K.replace("{1,DIGITS}", "")),
    "qwen35": cut(MARKS),
    "tekken": cut(TEKKEN),
    "gpt-4o": cut(GPT4O),
}


def main() -> None:
    texts = [expand(entry) for entry in entries()]
    words = lambda cutter, text: written([len(word) for word, _ in cutter.pre_tokenize_str(text)]) if text else ""
    rows = {name: [words(cutter, text) for text in texts] for name, cutter in NAMES.items()}
    (Path(__file__).parent / "word-splits.json").write_text(json.dumps(rows, indent=0) + "\n")


if __name__ == "__main__":
    main()
