use super::*;
use crate::error::ErrorCode;
use crate::formats::gguf::fixture::Gguf;
use crate::formats::open_gguf;

/// Bytes as a byte-level vocabulary spells them, then merged tokens, then special ones.
fn byte_level_gguf(merges: &[&str], specials: &[(&str, i32)]) -> Gguf {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let (same, others): (Vec<u8>, Vec<u8>) = (0..=255).partition(printable);
    let mut tokens: Vec<String> = same.into_iter().map(|byte| char::from(byte).to_string()).collect();
    tokens.extend((0..others.len() as u32).filter_map(|n| char::from_u32(0x100 + n)).map(String::from));
    tokens.extend(merges.iter().map(|merge| merge.replacen(' ', "", 1)));
    let mut types = vec![1; tokens.len()];
    for &(special, kind) in specials {
        tokens.push(special.to_owned());
        types.push(kind);
    }
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    Gguf::default()
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .texts("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &types)
        .texts("tokenizer.ggml.merges", merges)
}

fn read(file: &Gguf) -> Result<TextTokenizer> {
    TextTokenizer::from_gguf(&open_gguf(file.bytes()).unwrap().metadata)
}

#[test]
fn bytes_merge_by_rank() {
    let merges = ["l o", "h e", "he l", "hel lo", "Ġ he"];
    let tokenizer = read(&byte_level_gguf(&merges, &[("<|end|>", 3), ("<t>", 4)])).unwrap();
    let pieces = |text: &str, special| -> Vec<String> {
        let ids = tokenizer.encode(text, special);
        ids.iter().map(|&id| String::from_utf8_lossy(tokenizer.piece(id)).into_owned()).collect()
    };
    assert_eq!(pieces("hello hello<|end|><t>", Special::Parse), ["hello", " ", "hello", "<|end|>", "<t>"]);
    assert_eq!(pieces("<|end|><t>", Special::AsText), ["<", "|", "e", "n", "d", "|", ">", "<t>"]);
    let ids = tokenizer.encode("hello é 漢 <|end|><t>", Special::Parse);
    assert_eq!(tokenizer.decode(&ids), "hello é 漢 <t>");
    assert!(tokenizer.is_end(ids[ids.len() - 2]));
}

#[test]
fn an_unknown_pre_tokenizer_is_named() {
    let file = Gguf::default().text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "klingon");
    let error = read(&file).unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::Tokenizer, Some("klingon")));
}
