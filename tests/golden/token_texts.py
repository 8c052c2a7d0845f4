"""The texts behind the token ids of models that write: those of the embedding goldens, and what matters to
pre-tokenizers, merges and special tokens beside them."""

import itertools
import random

import texts
from texts import Entry, Repeat

# Longer ones of the embedding goldens test limits that are not tested here.
LONGEST = 3000

WHITESPACE: list[Entry] = [
    *("a" + "".join(blanks) + "b" for n in (1, 2, 3) for blanks in itertools.product(" \n\t\r", repeat=n)),
    *("a" + chr(code) + "b" + chr(code) * 2 + "." for code in (
        0x0B, 0x0C, 0x1C, 0x1F, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x2003, 0x200A, 0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060,
        0x3000, 0xFEFF,
    )),
    *(" " * n + "x" + " " * n for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64)),
    *("x" + "\n" * n + "y" for n in (4, 5, 8, 15, 16, 30, 31, 32, 33, 40, 62, 63)),
    *("\t" * n + "x" for n in (2, 3, 4, 8, 31, 32, 40)),
    " ", "  ", "   ", "\n", "\n\n", "\t", " \n", "\n ", "\r\n", "\r\n\r\n", " \t ", "a ", " a", "a\n", "\na",
    " !", "  !", "\t!", " \n!", "!\n", "!\n\n", "!!\r\n\r\n x", "?! \n", "1 ", " 1", "  1", "\t1", "\n1", "1\n2", "a  1  !  b",
    "def f():\n    return 1\n\n\n\n    # done  \n", "\u3000\u3000全角　空白\u3000",
]

NUMBERS: list[Entry] = [
    *("9" * n for n in range(2, 14)),
    *("x" + "1234567890"[:n] + "y" for n in range(1, 9)),
    "1,234,567.89", "3.14159265358979", "1e-10", "0x1F600", "2024-02-29T13:04:05Z", "+49 (0)89 123-456", "1st 2nd 3rd", "100%",
    "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "۱۲۳", "１２３４", "²³¹", "½¼¾", "ⅠⅡⅢⅣ", "①②③", "㊀㊁", "一二三", "𝟘𝟙𝟚𝟛", "௧௨௩", "x²+y²", "H₂O", "№5", "v1.2.3-rc4",
    "12345678901234567890", "1 2 3 4 5", "1\n2\n3", "a1b2c3", "１a２b", "٣.١٤", "𐄇𐄈", "5️⃣", "1‍2",
]

CONTRACTIONS: list[Entry] = [
    *(f"a'{end} 'a {end}'" for end in ("s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Re", "vE", "M", "LL", "lL", "D", "x", "r", "v", "l")),
    "a'\u017f b", "'\u017f", "it’s we’re", "''s", "' s", "I'M HERE'S", "'really 'very 'legend 'store", "rock'n'roll", "'", "''", "'''", "o'clock'", "d'été",
    "can't've", "y'all'd've", "'tis 'twas", "x='s'", "'s's's", "1's 2'nd", "é's", "漢's", "\n's", " 's", "\t's",
]

LETTERS: list[Entry] = [
    "ªºµ", "ʰʲˡ ʼn", "ǅ ǈ ǋ ǲ", "ßẞ", "İıŞş", "ﬁﬂﬀ", "Åå Åå", "e\u0301 é", "n\u0303o", "\u0301", "a\u0301\u0302\u0303b", "\u0301abc", " \u0301a", "क्षत्रिय",
    "हिन्दी में लिखना", "ภาษาไทย", "ລາວ", "ខ្មែរ", "မြန်မာ", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം", "සිංහල", "ქართული", "Հայերեն", "አማርኛ", "ᠮᠣᠩᠭᠣᠯ", "ᐃᓄᒃᑎᑐᑦ", "ᏣᎳᎩ",
    "עִבְרִית", "العَرَبِيَّة", "فارسی‌زبان", "\u202bשלום\u202c hello", "\u2067مرحبا\u2069!", "اردو ۱۲۳", "한국어", "\u1112\u1161\u11ab", "ㅎㅏㄴ", "日本語テキスト", "ｶﾀｶﾅ", "々〆〇",
    "𠀀𠀁𪜶", "㐀㐁", "ⅷ ↀ", "ⓐⓑ", "𝒳𝓎", "𐌰𐌱", "𒀀𒀁", "𓀀", "\ue000\uf8ff", "\U000f0000", "\U0010fffd", "\ufdd0\ufffe", "\u0378\u0379", "\U00040000\U00090001", "\u00ad", "a\u200db",
    "\u200d", "\ufe0f", "\ufffd", "Ω Ω", "K K", "Straße", "naïve café", "Ελληνικά ΣΊΣΥΦΟΣ ς", "Кириллица", "ЁЖИК ёжик", "Tiếng Việt", "Türkçe", "Íslenska þæð", "Łódź", "čeština",
    "混合mixed文字text１２３", "中文，标点。", "「引用」", "a・b", "A_b_C", "_x_", "__init__", "naïve_café", "#漢字", "@user", "漢字!", "!漢字", " 漢字", "\t漢字", "é!é", "٪", "،مرحبا",
]

EMOJI: list[Entry] = [
    "🙂", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪🇫🇷", "❤️", "☎︎", "#️⃣*️⃣0️⃣", "👨🏻‍🦱x👩🏿‍🚀", "🙂🙂🙂", "a🙂b", "🙂 🙂", " 🙂", "🙂\n", "🤷‍♂️!", "🫠🪿🫨", "🙂‍↕️", "©®™", "♥♡", "→🙂←",
]

CONTROLS: list[Entry] = [f"a{chr(code)}b" for code in [*range(9), *range(14, 32), *range(127, 160)]]

CODE: list[Entry] = [
    "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n",
    "class A:\n    def __init__(self, x: int = 0) -> None:\n        self.x = x  # set\n\n    @property\n    def y(self): return self.x**2\n",
    "const f = async ({ a, ...rest }) => `${a}\\n${JSON.stringify(rest)}`;",
    "impl<'a, T: Fn(&'a str) -> u8 + 'static> Foo<'a, T> where T: Send {}",
    "<!DOCTYPE html>\n<html lang=\"en\"><body><div class='x'>a &amp; b</div><br/><table><tr><td>1</td></tr></table></body></html>",
    "SELECT COUNT(*) FROM t WHERE a <> 'b''c' AND d >= 1.5e-3; -- note",
    "\\begin{equation} \\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2} \\end{equation}",
    "all: $(OBJS)\n\t$(CC) -o $@ $^ $(LDFLAGS) || exit 1\n",
    "if [ -z \"$x\" ]; then echo \"${x:-none}\" >&2; fi",
    "{\"a\": [1, 2.5e3, null], \"b\": {\"c\": \"\\u00e9\\n\"}}",
    "#include <stdio.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))\n",
    "a ??= b?.c ?? d!==e&&f||!g>>>2",
    "x := map[string]interface{}{\"k\": &v}",
    "// ---------- ======== ********** ########## ~~~~~~~~\n/* ... */",
    "```python\nprint('hi')\n```\n\n- [x] done\n* item\n1. one\n> quote\n| a | b |\n|---|---|\n",
    "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\nZeroDivisionError: division by zero",
    "https://example.org/a_b/c-d?e=f%20g&h=1#i", "user.name+tag@mail.example.co.uk", "C:\\Users\\me\\new.txt", "../a/./b//c", "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b",
    "camelCaseName PascalCase snake_case kebab-case SCREAMING_CASE", "i++; --j; k<<=1; l|=0xff; m^=n;", "<<<<<<< HEAD\n=======\n>>>>>>> x", "\\n\\t\\\\ \\x41 \\u{1F600}",
]

MARKERS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>", "<empty_output>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|file_sep|>",
    "<bos>", "<eos>", "<unk>", "<pad>", "<start_of_turn>", "<end_of_turn>", "<unused0>", "<unused6241>", "[multimodal]", "<start_of_image>", "<0x0A>", "<table>",
    "</div>", "<s>", "</s>", "[PAD151665]",
]

SPECIALS: list[Entry] = [
    *MARKERS,
    *(f"a{marker}b" for marker in MARKERS),
    *(f" {marker}\n{marker}{marker} x" for marker in MARKERS),
    *(marker[:-1] for marker in MARKERS),
    *(marker[1:] for marker in MARKERS),
    *(marker.upper() for marker in MARKERS[:8]),
    *(marker.replace("_", " ") for marker in MARKERS[:8]),
    "<|im_<|im_end|>end|>", "<<|im_end|>>", "<|im_end|><|im_end", "|im_end|>", "<|im_end |>", "< |im_end|>", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "<bos><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n", "<unused99999>", "<unused>", "<\u200b|im_end|>", "＜|im_end|＞", "<|im_end|>\u0301", "</div></div>", "<div></DIV>",
    "\u2581", "\u2581\u2581", "a\u2581b", "\u2581 \u2581a", " \u2581\u2581\u2581 x", "\u2581<eos>", "<0x0A><0xE2><0x96><0x81>", "Ġ", "ĠhelloĊ", "Ġ Ċ ĉ", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
]

# Bytes that are no UTF-8, and halves of surrogate pairs, as a browser hands them over.
INVALID: list[Entry] = [
    *(raw.decode("utf-8", "replace") for raw in (
        b"\xff", b"a\x80b", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82x", b"\xf0\x9f\x98", b"\xf0\x9f\x98\xf0\x9f\x98\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xfe\xfe",
        b"ok\xe6\xbc", b"\xe6\xbc\xa2\xe6", b"\xf8\x88\x80\x80\x80",
    )),
    *(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in ("\ud83d", "\ude00", "a\ud83db", "\ude00\ud83d", "\ud83d\ud83d\ude00")),
]

REPEATS: list[Entry] = [
    *(Repeat(text, times) for text, times in (
        ("a", 1000), ("a", 4099), ("A", 257), ("ab", 500), ("abc", 333), ("aab", 200), (" ", 1000), (" ", 257), ("\n", 500), ("\t", 200), ("\r\n", 100), (" \n", 150), ("é", 300), ("漢", 300),
        ("🙂", 100), ("\u0301", 200), ("=-", 200), ("-", 300), ("=", 257), ("*", 100), (".", 500), ("0", 500), ("12", 200), ("the ", 200), (" the", 200), ("ha", 300), ("\u200b", 100), ("\ufffd", 100),
        ("<|im_end|>", 40), ("</div>", 40), ("<", 100), ("'s", 100), ("'", 100), ("▁", 100), ("\x00", 50), ("Ġ", 60), ("क्", 60), ("\u3000", 70), ("https://", 50), ("x\u0301", 100),
    )),
]


def _random() -> list[Entry]:
    """Mixtures that nobody would write."""
    source = random.Random(20261120)
    pools = [
        "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " \n\t\r", " ", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "éüñçåøßœ", "漢字仮名交じり文", "아야어여", "אבגד", "مرحبا",
        "кириллица", "ελληνικά", "हिन्दी", "\u0301\u0302\u0308\u200d\ufe0f", "🙂👍🏽❤", "\u00a0\u2003\u3000\u200b", "½²①Ⅷ٣", "'stremvld",
    ]
    texts = []
    for _ in range(120):
        chosen = source.sample(pools, source.randint(1, 5))
        texts.append("".join(source.choice(source.choice(chosen)) for _ in range(source.randint(1, 60))))
    for _ in range(30):
        codes = [c for c in (source.randrange(0x30000) for _ in range(20)) if not 0xD800 <= c < 0xE000]
        texts.append("".join(map(chr, codes)))
    words = "the of and to in is you that it he was for on are as with his they I at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if".split()
    for _ in range(20):
        texts.append(" ".join(source.choice(words) for _ in range(source.randint(3, 40))) + source.choice(".!?\n"))
    return texts


def entries() -> list[Entry]:
    """Every entry once, in the order of the goldens."""
    inherited = [entry for entry in texts.entries() if len(texts.expand(entry)) <= LONGEST]
    own = [WHITESPACE, NUMBERS, CONTRACTIONS, LETTERS, EMOJI, CONTROLS, CODE, SPECIALS, INVALID, REPEATS, _random()]
    return list(dict.fromkeys(["", *inherited, *itertools.chain(*own)]))
