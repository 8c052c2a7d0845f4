"""The vocabulary of the tiny decoders: three special tokens, 256 bytes, a few merges, and a ChatML template."""

import gguf

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
END_OF_TEXT, TURN_START, TURN_END = range(3)
CONTROL_TOKEN, NORMAL_TOKEN = 3, 1

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Ġ is a space. Each pair is made of tokens that are bytes or come from an earlier pair.
MERGES = [
    ("Ġ", "t"), ("h", "e"), ("i", "n"), ("r", "e"), ("o", "n"), ("a", "t"), ("Ġt", "he"), ("e", "r"), ("Ġ", "a"), ("Ġ", "s"),
    ("o", "u"), ("i", "s"), ("e", "n"), ("in", "g"), ("a", "n"), ("u", "s"), ("us", "er"), ("a", "s"), ("as", "s"), ("is", "t"),
    ("ass", "ist"), ("assist", "an"), ("assistan", "t"), ("Ġ", "w"), ("o", "r"), ("Ġ", "c"), ("l", "l"), ("Ġ", "b"), ("e", "d"),
]  # fmt: skip


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary (GPT-2): printable bytes stand for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)]


TOKENS = SPECIAL + byte_letters() + [left + right for left, right in MERGES]


def write_vocabulary(writer: gguf.GGUFWriter, pre: str) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([CONTROL_TOKEN if token in SPECIAL else NORMAL_TOKEN for token in TOKENS])
    writer.add_token_merges([f"{left} {right}" for left, right in MERGES])
    writer.add_bos_token_id(TURN_START)
    writer.add_eos_token_id(TURN_END)
    writer.add_unk_token_id(END_OF_TEXT)
    writer.add_pad_token_id(TURN_END)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
