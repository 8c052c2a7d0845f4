"""The texts behind the embedding goldens, in groups.

An entry is a string, or a `Repeat`: a string concatenated with itself, so that a long text stays short here.
Code points that an editor may hide, reorder or normalise are written as escapes.
"""

from typing import NamedTuple


class Repeat(NamedTuple):
    """`text` concatenated `times` times, without a separator."""

    text: str
    times: int

    def expand(self) -> str:
        return self.text * self.times


Entry = str | Repeat

ENGLISH_SHORT: list[Entry] = [
    "cat",
    "Cat",
    "CAT",
    "a",
    "I",
    "the",
    "embedding",
    "internationalisation",
    "antidisestablishmentarianism",
    "floccinaucinihilipilification",
    "A cat.",
    "a kitten",
    "Hello, world!",
    "Good morning",
    "The quick brown fox jumps over the lazy dog.",
    "the quick brown fox jumps over the lazy dog",
    "Why is the sky blue?",
    "It rained all night.",
    "Don't panic; it's only a test, isn't it?",
    "Rock 'n' roll",
    "state-of-the-art, low-cost, well-known",
    "He said \"no\", then 'yes', then nothing at all.",
    "An apple a day keeps the doctor away",
    "How do I reset my password?",
    "I forgot my login details and cannot sign in.",
    "Where is the nearest train station?",
    "The invoice is due at the end of the month.",
    "Preheat the oven to 180 degrees.",
    "This sentence is false.",
    "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.",
    "Time flies like an arrow; fruit flies like a banana.",
    "unhappiness uncharacteristically misunderstandings",
    "iPhone eBay GitHub LaTeX",
    "U.S.A. and U.K. vs. the E.U., e.g. in the 1990s, i.e. long ago",
    "tokenization tokenisation tokenizer tokenizing tokenized",
]

ENGLISH_LONG: list[Entry] = [
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen inside the leaves of green plants.",
    "The tide rises and falls twice a day because the Moon pulls more strongly on the side of the Earth that faces it.",
    "To make bread, mix flour, water, salt and yeast, knead the dough until it is smooth, let it rise for two hours, "
    "shape it, let it rise again and bake it in a very hot oven until the crust is dark.",
    "A binary search looks at the middle element of a sorted list, discards the half in which the target cannot be, "
    "and repeats until one element is left; it therefore needs only about twenty steps for a million elements.",
    "The library opens at nine on weekdays and at ten on Saturdays. It is closed on Sundays and on public holidays. "
    "Books may be borrowed for four weeks and renewed twice, unless another reader has asked for them.",
    "Glaciers are rivers of ice. Snow that does not melt in summer is buried by the snow of the next winter, and under "
    "the weight of many winters it is pressed into ice. When the ice is thick enough it begins to flow downhill, slowly, "
    "scraping the rock beneath it and carrying boulders for hundreds of kilometres before it melts and drops them.",
    "A hash function maps an input of any length to an output of a fixed length. A good one is quick to compute, spreads "
    "its outputs evenly, and makes it infeasible to find two inputs with the same output. Files are compared by their "
    "hashes, passwords are stored as hashes with salt, and tables look up their keys by hash. When two keys fall into the "
    "same slot the table either chains them in a list or probes for the next free place.",
    "The kettle had been singing for some time before anyone noticed. Rain ran down the windows in crooked lines, and the "
    "fire had burned low. On the table lay a map of the coast, held flat by two cups and a brass compass, and someone had "
    "drawn a pencil line from the harbour to an island that was not marked. Nobody spoke. The clock on the shelf struck "
    "four, although it was nearer to six, and the old dog by the hearth lifted its head, considered the matter, and went "
    "back to sleep. Outside, the lane had turned into a stream, and the gate was knocking against its post with the sound "
    "of a visitor who does not mean to leave.",
    "Concurrency is about dealing with many things at once; parallelism is about doing many things at once. A single "
    "processor can run a hundred tasks concurrently by switching between them, and a hundred processors can run one task "
    "in parallel by dividing it. The two ideas meet whenever shared state has to be protected: a lock makes a section of "
    "code run for one task at a time, a channel hands a value from one task to another so that only one of them owns it, "
    "and an atomic operation changes a word of memory in a step that no other task can see half done. Each has its cost. "
    "Locks can deadlock, channels can fill, and atomics are easy to get wrong. The simplest program is the one that shares "
    "nothing, and the second simplest is the one that shares only what never changes.",
    "line one\nline two\nline three",
    "A paragraph.\n\nAnother paragraph, after an empty line.\r\nA Windows line end.\rAn old Mac line end.",
    "# A heading\n\n- first item\n- second item with `code`\n- **bold** and _emphasis_\n\n> a quotation\n",
    "name,quantity,price\napples,3,1.20\npears,5,0.85\n\"plums, dried\",1,4.00\n",
]

SCRIPTS: list[Entry] = [
    # Latin with accents and special letters
    "Le cœur a ses raisons que la raison ne connaît point.",
    "Où est la bibliothèque ? Elle est fermée à Noël.",
    "Die Straße ist naß, und die Füße sind kalt.",
    "Größe, Übermut, Äpfel, ẞ",
    "El niño comió piñas en la montaña. ¿Quién sabe?",
    "A manhã não é igual à amanhã; coração, pão, três.",
    "Zażółć gęślą jaźń",
    "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Árvíztűrő tükörfúrógép",
    "Blåbærsyltetøy på en ø i åen",
    "Sævör grét áðan því úlpan var ónýt",
    "Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul'da ılık bir gün",
    "Tiếng Việt có sáu thanh điệu: ngang, huyền, sắc, hỏi, ngã, nặng.",
    "Ħaġar Qim huwa tempju f'Malta",
    "Gwlad beirdd a chantorion, ŵyn a thŷ",
    "Ọjọ́ dára, ẹ káàárọ̀",
    "Ka hinga te tōtara i te wao nui a Tāne",
    # Greek, plain and polytonic
    "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία.",
    "Η γάτα κοιμάται στον ήλιο.",
    "ΟΔΥΣΣΕΥΣ και Ὀδυσσεύς",
    # Cyrillic
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Кошка спит на солнце.",
    "Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів!",
    "Ѓорѓи јаде ѕвезди и џем",
    "Өнөөдөр цаг агаар сайхан байна",
    # Right to left
    "القطة تنام في الشمس.",
    "كِتَابٌ جَمِيلٌ عَلَى الطَّاوِلَةِ، هٰذَا",
    "العدد ١٢٣٤٥ والتاريخ ٢٠٢٦",
    "گربه در آفتاب می\u200cخوابد.",
    "بلی دھوپ میں سو رہی ہے۔",
    "החתול ישן בשמש.",
    "הַחָתוּל יָשֵׁן בַּשֶּׁמֶשׁ",
    "שלום world שלום",
    # South Asia
    "बिल्ली धूप में सो रही है।",
    "क्षत्रिय ज्ञान श्रीमान् १२३",
    "বিড়াল রোদে ঘুমাচ্ছে।",
    "ਬਿੱਲੀ ਧੁੱਪ ਵਿੱਚ ਸੌਂ ਰਹੀ ਹੈ।",
    "બિલાડી તડકામાં સૂતી છે.",
    "பூனை வெயிலில் தூங்குகிறது.",
    "పిల్లి ఎండలో నిద్రపోతోంది.",
    "ಬೆಕ್ಕು ಬಿಸಿಲಿನಲ್ಲಿ ಮಲಗಿದೆ.",
    "പൂച്ച വെയിലത്ത് ഉറങ്ങുന്നു.",
    "පූසා අව්වේ නිදාගෙන සිටී.",
    # South-east Asia and Tibet
    "แมวนอนอยู่กลางแดด",
    "ແມວນອນຢູ່ກາງແດດ",
    "ឆ្មាដេកក្នុងពន្លឺថ្ងៃ",
    "ကြောင်က နေပူထဲမှာ အိပ်နေတယ်။",
    "བྱི་མི་ཉི་མའི་ནང་ཉལ་ནས་འདུག",
    # East Asia
    "猫在阳光下睡觉。",
    "貓在陽光下睡覺。",
    "猫は日向で寝ています。",
    "カタカナとひらがな、漢字",
    "ｶﾞｷﾞｸﾞ ﾊﾝｶｸ ｶﾀｶﾅ",
    "ＦＵＬＬ　ｗｉｄｔｈ　１２３",
    "고양이가 햇볕에서 자고 있다.",
    "\u1100\u1161\u11a8 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "日本語とEnglishの混在 text 123",
    "\U00020000\U0002a6d6\U0002f81a 㐀䶵",
    # Caucasus, Africa, the Americas, others
    "კატა მზეზე სძინავს.",
    "ᲙᲐᲢᲐ ᲛᲖᲔᲖᲔ",
    "Կատուն քնում է արևի տակ։",
    "ድመቷ በፀሐይ ላይ ተኝታለች።",
    "ⵜⴰⵎⵓⵛⵛⵓ ⵏ ⵜⴰⴼⵓⴽⵜ",
    "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "ᐃᓄᒃᑎᑐᑦ ᐅᖃᐅᓯᖅ",
    "ᚠᚢᚦᚨᚱᚲ",
    "𐌲𐌿𐍄𐌹𐍃𐌺 𐍂𐌰𐌶𐌳𐌰",
    "𒀭𒈹 𓂀𓃠",
    "ꓡꓲꓢꓴ ߒߞߏ ꦗꦮ ᯅᯖᯂ᯲",
    "𞤀𞤣𞤤𞤢𞤥 𑄌𑄋𑄴𑄟𑄳𑄦",
]

EMOJI: list[Entry] = [
    "\U0001f600",
    "\U0001f602\U0001f602\U0001f602",
    "I \u2764\ufe0f cats \U0001f431 and dogs \U0001f436!",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f469\U0001f3fd\u200d\U0001f680 and \U0001f9d1\U0001f3ff\u200d\U0001f33e",
    "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f3f4\u200d\u2620\ufe0f",
    "\U0001f1eb\U0001f1f7\U0001f1ef\U0001f1f5\U0001f1e7\U0001f1f7",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "1\ufe0f\u20e3 2\ufe0f\u20e3 #\ufe0f\u20e3",
    "\U0001f44d\U0001f3fb\U0001f44d\U0001f3fc\U0001f44d\U0001f3fd\U0001f44d\U0001f3fe\U0001f44d\U0001f3ff",
    "great\U0001f389job",
    "\u263a \u263a\ufe0f \u263a\ufe0e",
    ":-) ;-) :'( <3 ^_^ ¯\\_(ツ)_/¯ (╯°□°)╯︵ ┻━┻",
    "\U0001fae8 \U0001fae9 \U0001fadf",
]

COMBINING: list[Entry] = [
    # The same word composed and decomposed.
    "caf\u00e9",
    "cafe\u0301",
    "\u00c5ngstr\u00f6m",
    "A\u030angstro\u0308m",
    "\u212bngstr\u00f6m",
    "\u1e69 s\u0323\u0307 s\u0307\u0323",
    "\u0439 \u0438\u0306",
    "\uac00 \u1100\u1161",
    "\u304c \u304b\u3099",
    # Compatibility forms.
    "\ufb01sh \ufb02oor o\ufb03ce",
    "x\u00b2 + y\u00b3 = z\u2074, H\u2082O, \u00bd \u2153",
    "\u2460\u2461\u2462 \u2160\u2161\u2162 \u33a1 \u2122 \u2126",
    "\U0001d4d7\U0001d4ee\U0001d4f5\U0001d4f5\U0001d4f8 \U0001d573\U0001d58a\U0001d591\U0001d591\U0001d594",
    # Stacks of marks, and marks with nothing to sit on.
    "Z\u0351\u036b\u0343a\u0362\u035cl\u0334g\u0327\u0489o\u0321",
    "\u0301",
    "\u0301\u0302\u0303",
    " \u0308 ",
    "a \u0301 b",
    "\u0903\u093f\u20dd",
    "\u20d0 \ufe20\ufe21",
    # Case that changes length or depends on place.
    "\u0130 \u0131 I i \u017f \u1e9e \u00df",
    "\u01c5 \u01c8 \u01f2 \u1f88 \u1fbc",
    "\u03a3\u03a3\u03a3 \u03c3\u03c2",
    "\u0149 \u01f0 \u0390 \u1fb7",
    "\u2c2f \ua64a \U00010400 \U0001e900",
]

INVISIBLE: list[Entry] = [
    "",
    " ",
    "     ",
    "\t",
    "\n",
    "\r\n\t \n",
    "\u00a0",
    "\u3000\u2003\u2009\u202f",
    "\u2028\u2029",
    "\u0085",
    "\u1680 \u180e",
    "\u0000",
    "a\u0000b",
    "\ufffd",
    "broken \ufffd\ufffd text",
    "\u0001\u0002\u0003\u001b[31mred\u001b[0m\u007f",
    "bell\u0007 back\u0008space form\u000cfeed vertical\u000btab",
    "c1 \u0080\u0090\u009f controls",
    "zero\u200bwidth\u200bspace",
    "zero\u200cwidth\u200dnon joiner",
    "word\u2060joiner \ufeffbom",
    "\ufeffstarts with a byte order mark",
    "soft\u00adhyphen\u00adation",
    "\u200f\u05e9\u05dc\u05d5\u05dd\u200e left and \u202eright\u202c",
    "\u2066isolate\u2069 \u061c arabic letter mark",
    "variation \ufe00 \ufe0f \U000e0100 selectors",
    "tags \U000e0001\U000e0041",
    "interlinear \ufff9a\ufffab\ufffb \ufffc",
    "private \ue000 \uf8ff \U000f0000 \U0010fffd use",
    "\ue000",
    "noncharacters \ufdd0 \ufffe \uffff \U0001fffe \U0010ffff",
    "unassigned \u0378 \u0530 \u2fe0 \U0001ffff0 \U000e0fff",
    "\u0378",
    "  leading and trailing  ",
    "tabs\tbetween\twords",
    "many    spaces      between",
    "non\u00a0breaking\u00a0space\u2003em\u3000ideographic",
    "mixed \t\n\r\u00a0\u2009 white\u2028space",
]

NUMBERS_AND_PUNCTUATION: list[Entry] = [
    "0",
    "42",
    "3.14159",
    "-273.15 °C",
    "1,234,567.89",
    "1e-12 6.02e23 0x1F600 0b1010",
    "2026-11-20T08:25:00Z",
    "12:30 p.m.",
    "+1 (555) 010-0100",
    "192.0.2.1 2001:db8::1",
    "$5 €6 £7 ¥8 ₹9 ₿10 ¢50",
    "12345678901234567890123456789012345678901234567890",
    "½ cup, 50%, 5‰, №7, §3",
    ".",
    "!",
    "?!?!?!",
    "...",
    "…",
    "----------",
    "=====",
    "!!! ??? ... ,,, ;;; :::",
    "()[]{}<>",
    "\"'`´‘’“”„«»‹›",
    "-‐‑‒–—―−",
    "@#$%^&*_+|~\\/",
    "a+b=c; a−b≠c; a×b÷c ≤ ∞ ∑ ∫ √ ∂ ∇ ∀ ∃ ∈ ∅",
    "←↑→↓ ⇒ ⇔ ■□▲△●○★☆ ♠♥♦♣ ♪♫",
    "¡Hola! ¿Qué?",
    "。、「」『』・〜！？",
    "؟ ، ؛ ۔ ।",
    "^^^ ``` ~~~ $$$ +++ <<< >>> === |||",
    "word,word.word!word?word;word:word",
]

URLS_AND_CODE: list[Entry] = [
    "https://example.org/path/to/page.html?query=cats&lang=en#section-2",
    "someone@example.org",
    "C:\\Program Files\\Example\\file.txt",
    "/usr/local/share/example/readme.md",
    "fn main() { println!(\"{}\", 1 + 2); }",
    "for (let i = 0; i < n; i += 1) { sum += a[i] ?? 0; }",
    "def f(x: int) -> int:\n    return x ** 2 if x > 0 else -x\n",
    "SELECT id, title FROM passages WHERE score >= 0.5 ORDER BY score DESC LIMIT 10;",
    "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\": \"b\"}}",
    "<div class=\"card\"><p>Hello &amp; welcome</p></div>",
    "git commit -m \"fix: off-by-one in the reader\" && cargo test --all",
    "^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$",
    "camelCaseName snake_case_name kebab-case-name SCREAMING_SNAKE",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu",
    "std::collections::HashMap<String, Vec<u8>>",
]

SPECIAL_TOKENS: list[Entry] = [
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[PAD]",
    "[UNK]",
    "[SEP] [UNK]",
    "[PAD] [PAD] text [PAD]",
    "The capital of France is [MASK].",
    "before[SEP]after",
    "[cls] [Sep] [mask]",
    "[ CLS ] [CLS [MASK]] CLS]",
    "[CLS][CLS][SEP][SEP]",
    "[unused0] [unused99]",
    "##ing ##s",
    "\u2581the \u2581",
    "<s> </s> <unk> <pad> <mask> <|endoftext|>",
]

LIMITS: list[Entry] = [
    # One token a word: 2 + times tokens.
    Repeat("word ", 30),
    Repeat("word ", 126),
    Repeat("word ", 127),
    Repeat("word ", 253),
    Repeat("word ", 254),
    Repeat("word ", 255),
    Repeat("word ", 256),
    Repeat("word ", 510),
    Repeat("word ", 511),
    # The cut falls inside a word of several pieces.
    Repeat("tokenisation ", 64),
    Repeat("embeddings are unit vectors. ", 31),
    Repeat("embeddings are unit vectors. ", 32),
    Repeat("embeddings are unit vectors. ", 60),
    # The cut falls between ideographs, after a special token, after punctuation.
    Repeat("\u732b", 254),
    Repeat("\u732b", 300),
    Repeat("[SEP]", 300),
    Repeat("!", 254),
    Repeat("!", 255),
    Repeat("\u200b ", 400),
    # Words up to and over the longest that is looked up (100 characters).
    Repeat("a", 99),
    Repeat("a", 100),
    Repeat("a", 101),
    Repeat("supercalifragil", 10),
    Repeat("\u00e9", 100),
    Repeat("e\u0301", 100),
    Repeat("\u00df", 101),
    # 10,000 words.
    Repeat("the small boat left the harbour at dawn and sailed east past the long wall until nothing could be seen ", 500),
    # A long text with little in it, and one with everything after the limit.
    Repeat(" \n", 5000),
    Repeat("\U0001f431\u200d\U0001f464 ", 300),
]

GROUPS: dict[str, list[Entry]] = {
    "english, short": ENGLISH_SHORT,
    "english, long": ENGLISH_LONG,
    "scripts": SCRIPTS,
    "emoji": EMOJI,
    "combining marks": COMBINING,
    "invisible": INVISIBLE,
    "numbers and punctuation": NUMBERS_AND_PUNCTUATION,
    "urls and code": URLS_AND_CODE,
    "special tokens": SPECIAL_TOKENS,
    "limits": LIMITS,
}


def entries() -> list[Entry]:
    """Every entry, in the order of the goldens."""
    return [entry for group in GROUPS.values() for entry in group]


def expand(entry: Entry) -> str:
    return entry.expand() if isinstance(entry, Repeat) else entry
