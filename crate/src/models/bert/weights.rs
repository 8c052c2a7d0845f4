//! Where the encoder's weights lie in a safetensors and in a GGUF file.

use crate::{
    Result,
    formats::{GgufFile, TensorFile, TensorRows},
    models::tensors,
    nn::Weights,
};

/// A Hugging Face checkpoint; its names may carry the prefix `bert.`.
pub struct SafetensorsWeights<'a> {
    file: &'a TensorFile,
    prefix: &'static str,
}

impl<'a> SafetensorsWeights<'a> {
    /// The encoder inside `file`.
    pub fn new(file: &'a TensorFile) -> Self {
        let prefixed = file.info("bert.embeddings.word_embeddings.weight").is_some();
        Self { file, prefix: if prefixed { "bert." } else { "" } }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Weights for SafetensorsWeights<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        tensors::read(self.file, &self.name(name), shape)
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        tensors::rows(self.file, &self.name(name), shape)
    }

    fn contains(&self, name: &str) -> bool {
        self.file.info(&self.name(name)).is_some()
    }
}

/// A GGUF file of architecture `bert`, with the tensor names of llama.cpp.
pub struct GgufWeights<'a>(pub &'a GgufFile);

impl Weights for GgufWeights<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        tensors::read(&self.0.tensors, &gguf_name(name), shape)
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        tensors::rows(&self.0.tensors, &gguf_name(name), shape)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.tensors.info(&gguf_name(name)).is_some()
    }
}

/// `encoder.layer.3.output.dense.weight` → `blk.3.ffn_down.weight`, and so on.
fn gguf_name(name: &str) -> String {
    const PARTS: [(&str, &str); 12] = [
        ("embeddings.word_embeddings", "token_embd"),
        ("embeddings.position_embeddings", "position_embd"),
        ("embeddings.token_type_embeddings", "token_types"),
        ("embeddings.LayerNorm", "token_embd_norm"),
        ("attention.self.query", "attn_q"),
        ("attention.self.key", "attn_k"),
        ("attention.self.value", "attn_v"),
        ("attention.output.dense", "attn_output"),
        ("attention.output.LayerNorm", "attn_output_norm"),
        ("intermediate.dense", "ffn_up"),
        ("output.dense", "ffn_down"),
        ("output.LayerNorm", "layer_output_norm"),
    ];
    tensors::gguf_name(name, "encoder.layer.", &PARTS)
}

#[cfg(test)]
mod tests {
    use super::gguf_name;

    #[test]
    fn every_part_of_a_block_has_its_gguf_name() {
        let names = [
            ("embeddings.LayerNorm.bias", "token_embd_norm.bias"),
            ("encoder.layer.0.attention.self.key.weight", "blk.0.attn_k.weight"),
            ("encoder.layer.5.attention.output.dense.bias", "blk.5.attn_output.bias"),
            ("encoder.layer.5.attention.output.LayerNorm.weight", "blk.5.attn_output_norm.weight"),
            ("encoder.layer.11.intermediate.dense.weight", "blk.11.ffn_up.weight"),
            ("encoder.layer.11.output.dense.weight", "blk.11.ffn_down.weight"),
            ("encoder.layer.11.output.LayerNorm.weight", "blk.11.layer_output_norm.weight"),
        ];
        for (checkpoint, gguf) in names {
            assert_eq!(gguf_name(checkpoint), gguf);
        }
    }
}
