//! BERT (Devlin et al., 2019, arXiv:1810.04805): a bidirectional encoder with absolute positions.

mod config;
mod model;
pub mod self_test;
mod weights;

pub use config::BertConfig;
pub use model::Bert;
pub use weights::{GgufWeights, SafetensorsWeights};
