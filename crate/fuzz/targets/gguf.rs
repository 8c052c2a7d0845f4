//! Any bytes as a GGUF file: its table, its metadata, its settings, its vocabularies, every tensor.
#![no_main]

use inglenook_fuzz::{
    LlamaConfig,
    formats::open_gguf,
    tokenizer::{
        Tokenizer,
        generative::{Special, TextTokenizer},
    },
};
use libfuzzer_sys::fuzz_target;

const TEXT: &str = "Hello, <|im_end|> wörld!\n 123 \u{2581}\u{1f525}";

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = open_gguf(bytes.to_vec()) else { return };
    if let Ok(config) = LlamaConfig::from_gguf(&file) {
        assert_eq!(config.layer_types.len(), config.num_hidden_layers);
    }
    if let Ok(tokenizer) = Tokenizer::from_gguf(&file.metadata) {
        let _ = tokenizer.encode(TEXT, 16);
    }
    if let Ok(tokenizer) = TextTokenizer::from_gguf(&file.metadata) {
        let ids = tokenizer.encode(TEXT, Special::Parse);
        assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocabulary_size()));
        let _ = tokenizer.decode(&ids);
    }
    for name in file.tensors.names() {
        let info = file.tensors.info(name);
        if let (Ok((values, shape)), Some(info)) = (file.tensors.read_f32(name), info) {
            assert_eq!(values.len(), shape.iter().product::<usize>());
            assert_eq!(shape, info.shape);
        }
    }
});
