//! How text is cut into words before bytes are merged: each model's regular expression, as a scanner.
//!
//! The patterns are those in the models' `tokenizer.json`; which name in GGUF metadata stands for which is
//! llama.cpp's list. A scanner reads what a backtracking engine would: alternatives in order, greedily.

use core::iter;

use unicode_general_category::{GeneralCategory, get_general_category};

/// The ways to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Splitter {
    pattern: Pattern,
    /// Whether a word that is a token is taken whole, without merging.
    whole_words: bool,
    add_bos: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    Gpt2,
    /// Every `\p{N}` set apart, then [`Pattern::Gpt2`].
    Digits,
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    Cl100k { digits: usize },
    /// The same with one digit, and `\p{M}` wherever there is `\p{L}`, but for the character in front.
    Marks,
    /// [`Pattern::Cl100k`], but words are of capitals and small letters in this order, with marks among both:
    /// `P?U*L+C?|P?U+L*C?` in the place of the second alternative, where `P` is `[^\r\n\p{L}\p{N}]`, `U`
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `L` `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` and `C` the first alternative, which stands
    /// nowhere else. Slashes end symbols as line ends do.
    Cased { digits: usize, contractions: bool },
}

impl Splitter {
    /// The splitter that `tokenizer.ggml.pre` names.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (pattern, whole_words, add_bos) = match name {
            "gpt-2" | "phi-2" | "gigachat" | "a.x-4.0" | "mellum" | "mpt" | "olmo" | "jais" | "trillion"
            | "granite-docling" | "exaone4" => (Pattern::Gpt2, false, false),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b"
            | "mellum2" => (Pattern::Digits, false, false),
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0"
            | "lfm2" => (Pattern::Cl100k { digits: 3 }, true, true),
            "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => (Pattern::Cl100k { digits: 3 }, false, false),
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan"
            | "solar-open" | "grok-2" => (Pattern::Cl100k { digits: 1 }, false, false),
            "tekken" => (Pattern::Cased { digits: 1, contractions: false }, true, true),
            "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => {
                (Pattern::Cased { digits: 3, contractions: true }, false, false)
            }
            "qwen35" => (Pattern::Marks, false, false),
            _ => return None,
        };
        Some(Self { pattern, whole_words, add_bos })
    }

    pub(super) fn keeps_whole_words(self) -> bool {
        self.whole_words
    }

    /// Whether models with this splitter want a token in front of every text, unless they say otherwise.
    pub(super) fn adds_bos(self) -> bool {
        self.add_bos
    }

    /// The words of a text, which joined are the text. A word does not see over the end of its segment.
    pub(super) fn words(self, text: &str) -> impl Iterator<Item = &str> {
        let segments = pieces(text, move |text: &str| self.segment(text));
        segments.flat_map(move |segment| pieces(segment, move |text: &str| self.word(text)))
    }

    /// The length in bytes of what is cut off before words are looked for.
    fn segment(self, text: &str) -> usize {
        if self.pattern != Pattern::Digits {
            return text.len();
        }
        match run(text, |c| !c.is_numeric(), usize::MAX) {
            0 => run(text, |_| true, 1),
            length => length,
        }
    }

    /// The length of the first word in bytes.
    fn word(self, text: &str) -> usize {
        match self.pattern {
            Pattern::Gpt2 | Pattern::Digits => gpt2(text),
            Pattern::Cl100k { digits } => cl100k(text, digits, is_letter),
            Pattern::Cased { digits, contractions } => cased(text, digits, contractions),
            Pattern::Marks => cl100k(text, 1, |c| is_letter(c) || is_mark(c)),
        }
    }
}

/// `text` in pieces of the lengths that `length` gives, in bytes, until that is 0.
fn pieces(text: &str, length: impl Fn(&str) -> usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let piece;
        (piece, rest) = rest.split_at(length(rest));
        (!piece.is_empty()).then_some(piece)
    })
}

fn gpt2(text: &str) -> usize {
    if let Some(length) = contraction(text, false) {
        return length;
    }
    let space = usize::from(text.starts_with(' '));
    let after = &text[space..];
    let word = [is_letter, char::is_numeric, is_symbol].map(|class| run(after, class, usize::MAX));
    match word.into_iter().max() {
        Some(length) if length > 0 => space + length,
        _ => blanks(text),
    }
}

fn cl100k(text: &str, most_digits: usize, letter: impl Fn(char) -> bool + Copy) -> usize {
    if let Some(length) = contraction(text, true) {
        return length;
    }
    match letters(text, letter) {
        0 => other(text, most_digits, |c| is_symbol(c) && !letter(c), is_line_end),
        length => length,
    }
}

fn cased(text: &str, most_digits: usize, contractions: bool) -> usize {
    // What is in front of a word may be a mark, and so belong to it.
    let front = text.chars().next().filter(|&c| is_front(c)).map_or(0, char::len_utf8);
    let found = [small_at_end, capitals].into_iter().find_map(|word| {
        let mut starts = [front, 0].into_iter();
        starts.find_map(|start| word(&text[start..]).map(|length| start + length))
    });
    match found {
        Some(end) if contractions => end + contraction(&text[end..], true).unwrap_or(0),
        Some(end) => end,
        None => other(text, most_digits, is_symbol, |c| is_line_end(c) || c == '/'),
    }
}

/// `U*L+`: as many capitals as leave a small letter behind them, and all small ones from there.
fn small_at_end(text: &str) -> Option<usize> {
    let capitals = run(text, is_capital, usize::MAX);
    let starts = text[..capitals].char_indices().map(|(at, _)| at).chain([capitals]);
    let last = starts.rev().find(|&at| text[at..].starts_with(is_small))?;
    Some(last + run(&text[last..], is_small, usize::MAX))
}

/// `U+L*`, where [`small_at_end`] found nothing.
fn capitals(text: &str) -> Option<usize> {
    Some(run(text, is_capital, usize::MAX)).filter(|&length| length > 0)
}

/// `\p{N}{1,most_digits}| ?symbol+tail*|\s*[\r\n]+|\s+(?!\S)|\s+`
fn other(
    text: &str,
    most_digits: usize,
    symbol: impl Fn(char) -> bool,
    tail: impl Fn(char) -> bool,
) -> usize {
    let number = run(text, char::is_numeric, most_digits);
    if number > 0 {
        return number;
    }
    let space = usize::from(text.starts_with(' '));
    let symbols = run(&text[space..], symbol, usize::MAX);
    if symbols > 0 {
        let end = space + symbols;
        return end + run(&text[end..], tail, usize::MAX);
    }
    let run_length = run(text, char::is_whitespace, usize::MAX);
    match text[..run_length].rfind(is_line_end) {
        Some(last) => last + 1,
        None => blanks(text),
    }
}

/// `[^\r\n\p{L}\p{N}]?letter+`, or 0.
fn letters(text: &str, letter: impl Fn(char) -> bool + Copy) -> usize {
    let front = text.chars().next().filter(|&c| is_front(c)).map_or(0, char::len_utf8);
    match run(&text[front..], letter, usize::MAX) {
        // The character in front may itself be one of the word.
        0 => run(text, letter, usize::MAX),
        length => front + length,
    }
}

/// `\s+(?!\S)|\s+`, or 0: a run of blanks without the last one, where a word follows and takes it.
fn blanks(text: &str) -> usize {
    let length = run(text, char::is_whitespace, usize::MAX);
    let last = text[..length].chars().next_back().map_or(0, char::len_utf8);
    if length == text.len() || length == last { length } else { length - last }
}

/// The length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`. Without regard to case, ſ is an s too.
fn contraction(text: &str, any_case: bool) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    let mut letters = rest.chars().map(|c| match c {
        'ſ' if any_case => 's',
        c if any_case => c.to_ascii_lowercase(),
        c => c,
    });
    let length = match letters.next()? {
        's' | 't' | 'm' | 'd' => rest.chars().next()?.len_utf8(),
        'r' | 'v' if letters.next() == Some('e') => 2,
        'l' if letters.next() == Some('l') => 2,
        _ => return None,
    };
    Some(1 + length)
}

/// The length of the run of characters of a class that `text` begins with, of `most` at most, in bytes.
fn run(text: &str, class: impl Fn(char) -> bool, most: usize) -> usize {
    text.chars().take(most).take_while(|&c| class(c)).map(char::len_utf8).sum()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// `[^\r\n\p{L}\p{N}]`
fn is_front(c: char) -> bool {
    !(is_line_end(c) || is_letter(c) || c.is_numeric())
}

/// `[^\s\p{L}\p{N}]`
fn is_symbol(c: char) -> bool {
    !(c.is_whitespace() || c.is_numeric() || is_letter(c))
}

/// `\p{L}`, which is less than [`char::is_alphabetic`].
fn is_letter(c: char) -> bool {
    use GeneralCategory::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    let category = get_general_category(c);
    matches!(category, LowercaseLetter | ModifierLetter | OtherLetter | TitlecaseLetter | UppercaseLetter)
}

/// `\p{M}`
fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    !c.is_ascii() && matches!(get_general_category(c), EnclosingMark | NonspacingMark | SpacingMark)
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
fn is_capital(c: char) -> bool {
    (is_letter(c) || is_mark(c)) && get_general_category(c) != GeneralCategory::LowercaseLetter
}

/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
fn is_small(c: char) -> bool {
    use GeneralCategory::{TitlecaseLetter, UppercaseLetter};
    (is_letter(c) || is_mark(c)) && !matches!(get_general_category(c), UppercaseLetter | TitlecaseLetter)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use serde_json::Value;

    use super::*;

    fn golden(name: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn text(entry: &Value) -> String {
        match entry {
            Value::String(text) => text.clone(),
            other => other["repeat"].as_str().unwrap().repeat(other["times"].as_u64().unwrap() as usize),
        }
    }

    /// `3 1*2`: words of three, one and one characters.
    fn lengths(words: &Value) -> Vec<usize> {
        let run = |run: &str| {
            let (length, times) = run.split_once('*').unwrap_or((run, "1"));
            iter::repeat_n(length.parse().unwrap(), times.parse().unwrap())
        };
        words.as_str().unwrap().split_whitespace().flat_map(run).collect()
    }

    #[test]
    fn words_are_those_of_the_regular_expressions() {
        let texts = golden("token-ids/texts.json");
        let splits = golden("word-splits.json");
        for name in ["gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o"] {
            let rows = splits[name].as_array().unwrap();
            assert_eq!(rows.len(), texts.as_array().unwrap().len());
            for (entry, row) in texts.as_array().unwrap().iter().zip(rows) {
                let text = text(entry);
                let words = Splitter::named(name).unwrap().words(&text);
                let words: Vec<_> = words.map(|word| word.chars().count()).collect();
                assert_eq!(words, lengths(row), "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn words_add_up_for_every_name() {
        for name in ["gpt-2", "starcoder", "llama3", "stablelm2", "qwen35", "tekken", "llama4"] {
            for text in ["", "\u{301}a\u{301}", "Aé漢 1234\r\n\u{a0}!/x", "\u{2028}\u{200d} \n"] {
                let words: Vec<_> = Splitter::named(name).unwrap().words(text).collect();
                assert_eq!(words.concat(), text, "{name}");
            }
        }
        assert_eq!(Splitter::named("default"), None);
    }
}
