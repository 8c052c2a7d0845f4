//! Where the decoder's weights lie in a safetensors and in a GGUF file.

use super::{Architecture, LlamaConfig};
use crate::{
    Result,
    formats::{Dtype, TensorFile, TensorRows},
    models::tensors,
    nn::Weights,
};

/// A Hugging Face checkpoint; its names may lack the prefix `model.`.
pub struct SafetensorsWeights<'a> {
    file: &'a TensorFile,
    prefixed: bool,
    /// Added to the weights of norms: Gemma multiplies by 1 + weight.
    norm: f32,
}

impl<'a> SafetensorsWeights<'a> {
    /// The decoder inside `file`.
    pub fn new(file: &'a TensorFile, config: &LlamaConfig) -> Self {
        let prefixed = file.info("model.embed_tokens.weight").is_some();
        let norm = if config.architecture == Architecture::Gemma3 { 1.0 } else { 0.0 };
        Self { file, prefixed, norm }
    }

    fn name<'b>(&self, name: &'b str) -> &'b str {
        if self.prefixed { name } else { name.strip_prefix("model.").unwrap_or(name) }
    }
}

impl Weights for SafetensorsWeights<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = tensors::read(self.file, self.name(name), shape)?;
        if self.norm != 0.0 && name.ends_with("norm.weight") {
            values.iter_mut().for_each(|value| *value += self.norm);
        }
        Ok(values)
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        tensors::rows(self.file, self.name(name), shape)
    }

    fn contains(&self, name: &str) -> bool {
        self.file.info(self.name(name)).is_some()
    }

    fn left_over(&self) -> Option<String> {
        // A tied head is stored a second time by some, and frequencies follow from the configuration.
        let known = |name: &String| name == "lm_head.weight" || name.ends_with("rotary_emb.inv_freq");
        self.file.unread().into_iter().find(|name| !known(name))
    }
}

/// A GGUF file of one of the family's architectures, with the tensor names of llama.cpp.
pub struct GgufWeights<'a> {
    file: &'a TensorFile,
    /// The norm behind attention: in front of the block's second half, or at the end of its first.
    post_attention: &'static str,
}

impl<'a> GgufWeights<'a> {
    /// The decoder inside `file`.
    pub fn new(file: &'a TensorFile, config: &LlamaConfig) -> Self {
        let outputs = config.architecture.normalises_outputs();
        Self { file, post_attention: if outputs { "post_attention_norm" } else { "ffn_norm" } }
    }

    fn name(&self, name: &str) -> String {
        gguf_name(name, self.post_attention)
    }

    /// The type that the matrix `name` is stored in.
    pub(super) fn dtype(&self, name: &str) -> Option<Dtype> {
        self.file.info(&self.name(name)).map(|info| info.dtype)
    }
}

impl Weights for GgufWeights<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        tensors::read(self.file, &self.name(name), shape)
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        tensors::rows(self.file, &self.name(name), shape)
    }

    fn contains(&self, name: &str) -> bool {
        self.file.info(&self.name(name)).is_some()
    }

    fn left_over(&self) -> Option<String> {
        self.file.unread().into_iter().next()
    }
}

/// `model.layers.3.mlp.down_proj.weight` → `blk.3.ffn_down.weight`, and so on.
fn gguf_name(name: &str, post_attention: &str) -> String {
    let parts = [
        ("model.embed_tokens.", "token_embd."),
        ("model.norm.", "output_norm."),
        ("lm_head.", "output."),
        ("input_layernorm.", "attn_norm."),
        ("self_attn.q_proj.", "attn_q."),
        ("self_attn.k_proj.", "attn_k."),
        ("self_attn.v_proj.", "attn_v."),
        ("self_attn.o_proj.", "attn_output."),
        ("self_attn.q_norm.", "attn_q_norm."),
        ("self_attn.k_norm.", "attn_k_norm."),
        ("post_attention_layernorm", post_attention),
        ("pre_feedforward_layernorm.", "ffn_norm."),
        ("post_feedforward_layernorm.", "post_ffw_norm."),
        ("mlp.gate_proj.", "ffn_gate."),
        ("mlp.up_proj.", "ffn_up."),
        ("mlp.down_proj.", "ffn_down."),
    ];
    tensors::gguf_name(name, "model.layers.", &parts)
}

#[cfg(test)]
mod tests {
    use super::gguf_name;

    #[test]
    fn every_part_has_its_gguf_name() {
        let names = [
            ("model.embed_tokens.weight", "token_embd.weight"),
            ("model.norm.weight", "output_norm.weight"),
            ("lm_head.weight", "output.weight"),
            ("rope_freqs.weight", "rope_freqs.weight"),
            ("model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"),
            ("model.layers.0.self_attn.q_proj.bias", "blk.0.attn_q.bias"),
            ("model.layers.17.self_attn.k_norm.weight", "blk.17.attn_k_norm.weight"),
            ("model.layers.17.self_attn.o_proj.weight", "blk.17.attn_output.weight"),
            ("model.layers.2.post_attention_layernorm.weight", "blk.2.after.weight"),
            ("model.layers.2.pre_feedforward_layernorm.weight", "blk.2.ffn_norm.weight"),
            ("model.layers.2.post_feedforward_layernorm.weight", "blk.2.post_ffw_norm.weight"),
            ("model.layers.2.mlp.down_proj.weight", "blk.2.ffn_down.weight"),
        ];
        for (checkpoint, gguf) in names {
            assert_eq!(gguf_name(checkpoint, "after"), gguf);
        }
    }
}
