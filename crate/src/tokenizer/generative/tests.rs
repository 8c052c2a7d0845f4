//! What both kinds of tokenizers have in common, on vocabularies small enough to see through.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::chat_template::{ChatTemplate, Message, Role};
use super::*;
use crate::error::ErrorCode;
use crate::formats::gguf::fixture::Gguf;
use crate::formats::open_gguf;

/// GGML's codes.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

/// The types of tokens, as codes of GGML.
type Tokens<'a> = &'a [(&'a str, i32)];

fn vocabulary(model: &str, tokens: Tokens<'_>) -> Gguf {
    let (tokens, types): (Vec<_>, Vec<_>) = tokens.iter().copied().unzip();
    Gguf::default()
        .text("tokenizer.ggml.model", model)
        .texts("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &types)
}

/// All bytes as a byte-level vocabulary spells them, then what the merges make, then special tokens.
fn byte_level(merges: &[&str], specials: Tokens<'_>) -> Gguf {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let (same, others): (Vec<u8>, Vec<u8>) = (0..=255).partition(printable);
    let same = same.into_iter().map(|byte| char::from(byte).to_string());
    let others = (0x100..0x100 + others.len() as u32).filter_map(char::from_u32).map(String::from);
    let merged = merges.iter().map(|merge| merge.replacen(' ', "", 1));
    let tokens: Vec<_> = same.chain(others).chain(merged).collect();
    let tokens: Vec<_> =
        tokens.iter().map(|token| (token.as_str(), NORMAL)).chain(specials.iter().copied()).collect();
    vocabulary("gpt2", &tokens).text("tokenizer.ggml.pre", "gpt-2").texts("tokenizer.ggml.merges", merges)
}

/// The usual beginning of a SentencePiece vocabulary, all bytes, and tokens of which the first is the best.
fn sentence_piece(tokens: &[&str], specials: Tokens<'_>) -> Gguf {
    let bytes: Vec<_> = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    let mut all = vec![("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)];
    all.extend(bytes.iter().map(|byte| (byte.as_str(), BYTE)));
    all.extend(tokens.iter().map(|&token| (token, NORMAL)));
    all.extend(specials);
    let scores: Vec<f32> = (0..all.len()).map(|id| -(id as f32)).collect();
    vocabulary("llama", &all)
        .f32s("tokenizer.ggml.scores", &scores)
        .u32("tokenizer.ggml.unknown_token_id", 0)
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 2)
}

const MERGES: [&str; 8] = ["l o", "h e", "he l", "hel lo", "Ġ he", "a a", "aa aa", "Ã ©"];
const CHAT: [(&str, i32); 5] = [
    ("<|end|>", CONTROL),
    ("<|user|>", CONTROL),
    ("<t>", USER_DEFINED),
    ("<s>", CONTROL),
    ("<|end|>>", CONTROL),
];
const PIECES: [&str; 12] = ["▁a", "▁b", "▁", "a", "b", "ab", "▁ab", "é", "\n", "▁▁", "[", "]"];

fn read(file: &Gguf) -> Result<TextTokenizer> {
    TextTokenizer::from_gguf(&open_gguf(file.bytes()).unwrap().metadata)
}

fn bpe() -> TextTokenizer {
    read(&byte_level(&MERGES, &CHAT)).unwrap()
}

fn spm() -> TextTokenizer {
    read(&sentence_piece(&PIECES, &[("[I]", CONTROL), ("<d>", USER_DEFINED)])).unwrap()
}

/// Made once for all cases of a property.
static BPE: LazyLock<TextTokenizer> = LazyLock::new(bpe);
static SPM: LazyLock<TextTokenizer> = LazyLock::new(spm);

fn pieces(tokenizer: &TextTokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| String::from_utf8_lossy(tokenizer.piece(id)).into_owned()).collect()
}

fn encoded(tokenizer: &TextTokenizer, text: &str, special: Special) -> Vec<String> {
    pieces(tokenizer, &tokenizer.encode(text, special))
}

#[test]
fn bytes_merge_by_rank() {
    let pieces = |text| encoded(&bpe(), text, Special::Parse);
    assert_eq!(pieces("he hehe"), ["he", " he", "he"]);
    assert_eq!(pieces("hello hello"), ["hello", " ", "hello"]);
    assert_eq!(pieces("aaa aaaaaa"), ["aa", "a", " ", "aaaa", "aa"]);
    assert_eq!(pieces("é"), ["é"]);
    assert_eq!(bpe().encode("漢", Special::Parse).len(), 3);
}

#[test]
fn sentence_piece_merges_by_score() {
    let pieces = |text| encoded(&spm(), text, Special::Parse);
    // A space in front, and after every special token. Of two ways to merge, the better token's.
    assert_eq!(pieces("ab b"), [" ab", " b"]);
    assert_eq!(pieces("a[I]b"), [" a", "[I]", " b"]);
    assert_eq!(pieces("  a"), ["  ", " a"]);
    assert_eq!(pieces("▁a"), [" ", " a"]);
    assert_eq!(pieces("é\n").len(), 3);
    // Characters without a token become bytes.
    assert_eq!(spm().encode("ü", Special::Parse).len(), 3);
    assert_eq!(spm().decode(&spm().encode("ü 漢", Special::Parse)), "ü 漢");
}

#[test]
fn control_tokens_are_text_where_they_should_be() {
    let tokenizer = bpe();
    assert_eq!(encoded(&tokenizer, "<|end|><t>", Special::Parse), ["<|end|>", "<t>"]);
    assert_eq!(encoded(&tokenizer, "<|end|>>", Special::Parse), ["<|end|>>"]);
    assert_eq!(
        encoded(&tokenizer, "<|end|><t>", Special::AsText),
        ["<", "|", "e", "n", "d", "|", ">", "<t>"]
    );
    let tokenizer = spm();
    assert_eq!(encoded(&tokenizer, "[I]<d>", Special::AsText), [" ", "[", "I", "]", "<d>"]);
    assert!(tokenizer.encode("<0x41></s>", Special::AsText).iter().all(|&id| !tokenizer.is_control(id)));
    // A byte token's name is no way to write that byte.
    assert_ne!(tokenizer.encode("<0x41>", Special::Parse), tokenizer.encode("A", Special::Parse));
}

#[test]
fn tokens_are_known_by_what_they_are_for() {
    let tokenizer = read(
        &byte_level(&[], &[("<e>", CONTROL), ("<b>", CONTROL), ("<|im_end|>", CONTROL), ("<eos>", NORMAL)])
            .u32("tokenizer.ggml.eos_token_id", 256)
            .u32("tokenizer.ggml.bos_token_id", 257),
    );
    let tokenizer = tokenizer.unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(257), Some(256)));
    assert_eq!((tokenizer.add_bos(), tokenizer.add_eos()), (None, None));
    // By the metadata, by its name, but not by its name alone.
    assert_eq!([256, 257, 258, 259, 9999].map(|id| tokenizer.is_end(id)), [true, false, true, false, false]);
    assert_eq!(tokenizer.vocabulary_size(), 260);
    assert_eq!(tokenizer.token(258), Some("<|im_end|>"));
    assert_eq!([tokenizer.token(255), tokenizer.token(260)], [None, None]);
    assert!(tokenizer.piece(260).is_empty());
    let tokenizer = spm();
    assert_eq!((tokenizer.add_bos(), tokenizer.add_eos()), (Some(1), None));
}

#[test]
fn detokenising_waits_for_whole_characters() {
    let tokenizer = bpe();
    let ids = tokenizer.encode("a漢é<|end|>🙂", Special::Parse);
    let mut detokenizer = Detokenizer::new(&tokenizer);
    let parts: Vec<_> = ids.iter().map(|&id| detokenizer.push(&tokenizer, id)).collect();
    assert_eq!(parts, ["a", "", "", "漢", "é", "", "", "", "", "🙂"]);
    assert_eq!(detokenizer.finish(), "");
    let cut = &tokenizer.encode("🙂", Special::Parse)[..2];
    assert_eq!(tokenizer.decode(cut), "\u{fffd}");
    assert_eq!(tokenizer.decode(&[cut, &tokenizer.encode("x", Special::Parse)].concat()), "\u{fffd}x");
    assert_eq!(tokenizer.decode(&[9999, u32::MAX]), "");
}

#[test]
fn the_space_in_front_is_dropped_once() {
    let tokenizer = spm();
    let ids = tokenizer.encode(" a b", Special::Parse);
    assert_eq!(tokenizer.decode(&ids), " a b");
    assert_eq!(tokenizer.decode(&ids[1..]), "a b");
    let mut detokenizer = Detokenizer::continuing();
    assert_eq!(detokenizer.push(&tokenizer, ids[1]), " a");
}

const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}<|user|>{{ m.content | trim }}<|end|>{% endfor %}\
    {% if add_generation_prompt %}<|user|>{% endif %}";

fn chat(contents: &[&str], prefix: Option<&str>) -> (TextTokenizer, Vec<u32>) {
    let file = byte_level(&MERGES, &CHAT).u32("tokenizer.ggml.bos_token_id", 256 + MERGES.len() as u32 + 3);
    let file = file.entry("tokenizer.ggml.add_bos_token", 7, &[1]).text("tokenizer.chat_template", TEMPLATE);
    let metadata = open_gguf(file.bytes()).unwrap().metadata;
    let tokenizer = TextTokenizer::from_gguf(&metadata).unwrap();
    let template = ChatTemplate::from_gguf(&metadata, &tokenizer).unwrap();
    let message = |content: &&str| Message { role: Role::User, content: (*content).to_owned() };
    let messages: Vec<_> = contents.iter().map(message).collect();
    let ids = tokenizer.encode_chat(&template, &messages, true, prefix).unwrap();
    (tokenizer, ids)
}

#[test]
fn conversations_are_rendered_and_encoded() {
    let (tokenizer, ids) = chat(&[" hello\n", "<t>"], Some("he"));
    let expected = ["<s>", "<|user|>", "hello", "<|end|>", "<|user|>", "<t>", "<|end|>", "<|user|>", "he"];
    assert_eq!(pieces(&tokenizer, &ids), expected);
}

/// Whatever people write, the control tokens are the template's.
fn controls_are_the_templates(contents: &[&str], prefix: Option<&str>) {
    let (tokenizer, ids) = chat(contents, prefix);
    let control: Vec<_> = ids.iter().copied().filter(|&id| tokenizer.is_control(id)).collect();
    let (_, expected) = chat(&vec!["x"; contents.len()], None);
    let expected: Vec<_> = expected.into_iter().filter(|&id| tokenizer.is_control(id)).collect();
    assert_eq!(control, expected, "{contents:?} {prefix:?}");
    let text = |content: &str| content.trim().to_owned();
    let said = contents.iter().map(|content| text(content)).collect::<String>();
    // Lone marks are the reader's own, and go.
    assert_eq!(tokenizer.decode(&ids), said + prefix.unwrap_or(""));
}

#[test]
fn look_alikes_stay_text() {
    controls_are_the_templates(&["<|end|>", "a<|user|>b<|end|><s>", "<|end|>>"], Some("<|end|><|user|>"));
    controls_are_the_templates(&["<|en", "d|>", "<|end|", ">"], Some("<|"));
    controls_are_the_templates(&["<<|end|>>", "<|end|<|end|>>", "\u{fdd0}<|end|>\u{fdd1}"], None);
    controls_are_the_templates(&["", " <|end|> ", "  \n"], Some(""));
    controls_are_the_templates(&["<t><|end|><t>", "<|user", "|>"], None);
}

#[test]
fn without_a_template_everything_is_text() {
    let metadata = open_gguf(byte_level(&MERGES, &CHAT).bytes()).unwrap().metadata;
    let tokenizer = TextTokenizer::from_gguf(&metadata).unwrap();
    let template = ChatTemplate::from_gguf(&metadata, &tokenizer).unwrap();
    let message = Message { role: Role::User, content: "<|end|>hello".to_owned() };
    let ids = tokenizer.encode_chat(&template, &[message.clone(), message], true, Some("<s>")).unwrap();
    assert_eq!(ids, tokenizer.encode("<|end|>hello\n<|end|>hello<s>", Special::AsText));
}

#[test]
fn messages_with_every_noncharacter_are_refused() {
    let metadata = open_gguf(byte_level(&MERGES, &CHAT).bytes()).unwrap().metadata;
    let tokenizer = TextTokenizer::from_gguf(&metadata).unwrap();
    let template = ChatTemplate::from_gguf(&metadata, &tokenizer).unwrap();
    let message = Message { role: Role::User, content: ('\u{fdd0}'..='\u{fdef}').collect() };
    let error = tokenizer.encode_chat(&template, &[message], true, None).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidInput);
}

/// A megabyte without a place to cut: this ends in a moment or, with a quadratic loop, in an hour.
#[test]
fn long_words_take_linear_time() {
    let text = "a".repeat(1 << 20);
    assert_eq!(bpe().encode(&text, Special::Parse).len(), 1 << 18);
    assert_eq!(spm().decode(&spm().encode(&text, Special::Parse)), text);
    let text = " ".repeat(1 << 20);
    assert_eq!(bpe().encode(&text, Special::Parse).len(), 1 << 20);
    assert_eq!(spm().encode(&text, Special::Parse).len(), (1 << 19) + 1);
    let text = "<|end|".repeat(1 << 17);
    assert_eq!(bpe().decode(&bpe().encode(&text, Special::Parse)), text);
}

#[test]
fn inconsistent_vocabularies_are_errors() {
    let normal = |tokens: &[&'static str]| tokens.iter().map(|&token| (token, NORMAL)).collect::<Vec<_>>();
    let gpt2 = |tokens: &[&'static str], merges: &[&str]| {
        let file = vocabulary("gpt2", &normal(tokens)).text("tokenizer.ggml.pre", "gpt-2");
        file.texts("tokenizer.ggml.merges", merges)
    };
    let llama = |tokens: Tokens<'_>, scores: &[f32]| {
        vocabulary("llama", tokens).f32s("tokenizer.ggml.scores", scores)
    };
    let named = |name: &str, id| gpt2(&["a"], &[]).u32(&format!("tokenizer.ggml.{name}_token_id"), id);
    for (file, detail) in [
        (Gguf::default(), Some("tokenizer.ggml.model")),
        (vocabulary("t5", &[("a", NORMAL)]), Some("t5")),
        (vocabulary("gpt2", &[("a", NORMAL)]), Some("tokenizer.ggml.pre")),
        (vocabulary("gpt2", &[("a", NORMAL)]).text("tokenizer.ggml.pre", "klingon"), Some("klingon")),
        (
            vocabulary("gpt2", &[("a", NORMAL)]).text("tokenizer.ggml.pre", "gpt-2"),
            Some("tokenizer.ggml.merges"),
        ),
        (vocabulary("llama", &[("a", NORMAL)]), Some("tokenizer.ggml.scores")),
        (gpt2(&[], &[]), None),
        (gpt2(&["a", "b", "a"], &[]), Some("a")),
        (gpt2(&["a", "b"], &["a b"]), Some("a b")),
        (gpt2(&["a", "ab"], &["a b"]), Some("a b")),
        (gpt2(&["a", "b", "ab"], &["a b", "a b"]), Some("a b")),
        (gpt2(&["a", "b", "ab"], &["ab"]), Some("ab")),
        (gpt2(&["a", "b", "ab"], &[""]), Some("")),
        (gpt2(&["a", "b", "ab"], &["a b c"]), Some("a b c")),
        (gpt2(&["a", "b", "ab"], &[" a"]), Some(" a")),
        (named("bos", 1), Some("tokenizer.ggml.bos_token_id")),
        (named("eos", u32::MAX), Some("tokenizer.ggml.eos_token_id")),
        (named("eot", 1), Some("tokenizer.ggml.eot_token_id")),
        (vocabulary("gpt2", &[("a", 7)]).text("tokenizer.ggml.pre", "gpt-2"), Some("a")),
        (vocabulary("gpt2", &[("a", -1)]).text("tokenizer.ggml.pre", "gpt-2"), Some("a")),
        (llama(&[("a", NORMAL)], &[]), None),
        (llama(&[("a", NORMAL)], &[f32::NAN]), None),
        (llama(&[("<0xZZ>", BYTE)], &[0.0]), Some("<0xZZ>")),
        (
            llama(&[("a", NORMAL)], &[0.0]).u32("tokenizer.ggml.unknown_token_id", 1),
            Some("tokenizer.ggml.unknown_token_id"),
        ),
    ] {
        let error = read(&file).unwrap_err();
        assert_eq!(
            (error.code, error.detail.as_deref()),
            (ErrorCode::Tokenizer, detail),
            "{}",
            error.message
        );
    }
}

#[test]
fn odd_vocabularies_work() {
    let (long, huge) = ("x".repeat(256), "y".repeat(1 << 20));
    let tokenizer = read(&byte_level(
        &MERGES,
        &[(&long, CONTROL), (&huge, CONTROL), (&huge, NORMAL), ("", CONTROL), ("", NORMAL), ("a", CONTROL)],
    ));
    let tokenizer = tokenizer.unwrap();
    assert_eq!(tokenizer.encode(&long, Special::Parse), [256 + MERGES.len() as u32]);
    // No name of a control token is as long.
    assert_eq!(tokenizer.encode(&huge, Special::Parse).len(), huge.len());
    assert_eq!(encoded(&tokenizer, "ab", Special::Parse), ["a", "b"]);
    // Without bytes and without an unknown token, what cannot be spelled is left out.
    let file = vocabulary("llama", &[("a", NORMAL)]).f32s("tokenizer.ggml.scores", &[0.0]);
    assert_eq!(read(&file).unwrap().encode("xax", Special::Parse), [0]);
}

/// Metadata of the right types with wrong contents.
fn any_gguf() -> impl Strategy<Value = Gguf> {
    let token = prop_oneof!["[ab▁ĠÃ©<>|]{0,3}", "<0x[0-9A-F]{2}>", any::<String>()];
    let tokens = prop::collection::vec((token, -1..8i32), 0..12);
    let merges = prop::collection::vec(prop_oneof!["[abĠ]{1,2} [abĠ]{1,2}", any::<String>()], 0..4);
    let model = prop_oneof![Just("gpt2"), Just("llama"), Just("bert")];
    let scores = prop::collection::vec(any::<f32>(), 0..14);
    let ids = prop::collection::vec(0..16u32, 4);
    (model, tokens, merges, scores, ids, any::<bool>(), any::<String>()).prop_map(
        |(model, tokens, merges, scores, ids, same, template)| {
            let tokens: Vec<_> = tokens.iter().map(|(token, kind)| (token.as_str(), *kind)).collect();
            let mut scores = scores;
            if same {
                scores.resize(tokens.len(), 0.0);
            }
            let merges: Vec<_> = merges.iter().map(String::as_str).collect();
            vocabulary(model, &tokens)
                .text("tokenizer.ggml.pre", "llama-bpe")
                .texts("tokenizer.ggml.merges", &merges)
                .f32s("tokenizer.ggml.scores", &scores)
                .u32("tokenizer.ggml.bos_token_id", ids[0])
                .u32("tokenizer.ggml.eos_token_id", ids[1])
                .u32("tokenizer.ggml.unknown_token_id", ids[2])
                .text("tokenizer.chat_template", &template)
        },
    )
}

fn any_text() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        any::<String>(),
        bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "([helo ab\n\t'é漢🙂]|<\\|end\\|>|<t>|\\[I\\]|1|'s|▁){0,30}",
    ]
}

proptest! {
    #[test]
    fn text_comes_back(text in any_text()) {
        for special in [Special::Parse, Special::AsText] {
            let ids = BPE.encode(&text, special);
            prop_assert!(ids.iter().all(|&id| (id as usize) < BPE.vocabulary_size()));
        }
        prop_assert_eq!(BPE.decode(&BPE.encode(&text, Special::AsText)), text.as_str());
        let spaced = text.replace('▁', " ");
        prop_assert_eq!(SPM.decode(&SPM.encode(&text, Special::AsText)), spaced);
    }

    /// What is pushed is the bytes of the tokens as UTF-8, and whole characters at any time.
    #[test]
    fn streaming_equals_decoding(ids in prop::collection::vec(0..300u32, 0..40)) {
        for tokenizer in [&*BPE, &*SPM] {
            let mut detokenizer = Detokenizer::continuing();
            let mut streamed: Vec<_> = ids.iter().map(|&id| detokenizer.push(tokenizer, id)).collect();
            streamed.push(detokenizer.finish());
            let shown = ids.iter().filter(|&&id| !tokenizer.is_control(id));
            let bytes: Vec<u8> = shown.flat_map(|&id| tokenizer.piece(id)).copied().collect();
            prop_assert_eq!(streamed.concat(), String::from_utf8_lossy(&bytes));
            let mut decoder = Detokenizer::new(tokenizer);
            let whole: String = ids.iter().map(|&id| decoder.push(tokenizer, id)).collect();
            prop_assert_eq!(whole + &decoder.finish(), tokenizer.decode(&ids));
        }
    }

    #[test]
    fn nobody_writes_control_tokens(
        contents in prop::collection::vec("([<|end>us tr\u{fdd0}]|<\\|end\\|>|<\\|user\\|>|<s>){0,12}", 1..4),
        prefix in prop::option::of("([<|end>]|<\\|end\\|>){0,6}"),
    ) {
        let contents: Vec<_> = contents.iter().map(String::as_str).collect();
        controls_are_the_templates(&contents, prefix.as_deref());
    }

    #[test]
    fn any_metadata_is_a_tokenizer_or_an_error(file in any_gguf(), text in any_text()) {
        let metadata = open_gguf(file.bytes()).unwrap().metadata;
        match TextTokenizer::from_gguf(&metadata) {
            Err(error) => prop_assert_eq!(error.code, ErrorCode::Tokenizer),
            Ok(tokenizer) => {
                for special in [Special::Parse, Special::AsText] {
                    let ids = tokenizer.encode(&text, special);
                    prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary_size()));
                    tokenizer.decode(&ids);
                }
                let message = Message { role: Role::User, content: text };
                let template = ChatTemplate::from_gguf(&metadata, &tokenizer);
                let ids = template.and_then(|template| tokenizer.encode_chat(&template, &[message], true, None));
                prop_assert!(ids.is_ok() || ids.is_err_and(|error| error.code == ErrorCode::Template));
            }
        }
    }
}
