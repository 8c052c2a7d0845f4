//! Decoders of the Llama family: Llama (Touvron et al., arXiv:2302.13971), Mistral (arXiv:2310.06825), Qwen2
//! (arXiv:2407.10671), Qwen3 (arXiv:2505.09388) and Gemma 3 (arXiv:2503.19786).

mod config;
mod model;
pub mod self_test;
mod weights;

pub use crate::nn::KvCache;
pub use config::{Architecture, LayerType, LlamaConfig, RopeConfig};
pub use model::{Llama, Logits, Pass};
pub use weights::{GgufWeights, SafetensorsWeights};
