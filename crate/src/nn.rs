//! Layers: the building blocks that models are written in.
//!
//! A layer knows its shapes; how a weight lies in memory is known to [`linear`] alone.

pub(crate) mod embedding;
pub(crate) mod gated_linear;
pub(crate) mod kv_cache;
pub(crate) mod linear;
mod memory;
pub(crate) mod norm;
pub(crate) mod projections;
pub(crate) mod rms_norm;
pub(crate) mod rope;
#[cfg(feature = "gpu")]
pub(crate) mod step;
mod stored;

pub use crate::kernels::pool_f32::Pooling;
pub(crate) use crate::kernels::{
    activation::Activation,
    attention_cached_f32::{CachedHeads, Causal, Scores, attention_cached_f32 as attention_cached},
    attention_f32::{Padding, attention_f32 as attention},
    gated_f32::{Gate, gated_f32 as gated},
    pool_f32::pool_f32 as pool,
    rope_f32::Pairs,
};
pub(crate) use embedding::{PlacedEmbedding, StoredEmbedding};
pub(crate) use gated_linear::GatedLinear;
pub use kv_cache::KvCache;
pub use linear::Precision;
pub(crate) use linear::{Bias, Linear};
pub(crate) use memory::least_memory;
pub(crate) use norm::LayerNorm;
pub(crate) use projections::Projections;
pub(crate) use rms_norm::RmsNorm;
pub use rope::RopeScaling;
pub(crate) use rope::{Rope, Rotation};
#[cfg(feature = "gpu")]
pub(crate) use step::{Step, Stepper};

use crate::{Result, formats::TensorRows};
use stored::load_packed;

/// Where a model's weights come from: named and row-major. Each is read once.
pub trait Weights {
    /// The elements of the tensor `name`, which must have `shape`, as f32.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, or what reading it gave.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    /// The rows of the matrix `name`, which must have `shape`, `[out, in]`, in the type they are stored in.
    ///
    /// # Errors
    /// As [`Weights::read`].
    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>>;

    /// Whether there is a tensor `name`.
    fn contains(&self, name: &str) -> bool;

    /// A tensor that was not read, and would change what the model computes, under its name in the file. Only known
    /// where the source says so.
    fn left_over(&self) -> Option<String> {
        None
    }
}
