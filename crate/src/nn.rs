//! Layers: the building blocks that models are written in.
//!
//! A layer knows its shapes; how a weight lies in memory is known to [`linear`] alone.

pub(crate) mod embedding;
pub(crate) mod linear;
pub(crate) mod norm;

pub(crate) use crate::kernels::{
    activation::Activation,
    attention_f32::{Padding, attention_f32 as attention},
};
pub(crate) use embedding::Embedding;
pub(crate) use linear::Linear;
pub(crate) use norm::LayerNorm;

use crate::Result;

/// Where a model's weights come from: named, row-major, as f32.
pub trait Weights {
    /// The elements of the tensor `name`, which must have `shape`.
    ///
    /// # Errors
    /// `missing-tensor`, `tensor-shape`, or what reading it gave.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;
}
