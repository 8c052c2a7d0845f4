//! Weights in the type they are stored in.

use burn::tensor::Device;

use super::Weights;
use crate::{Error, Result, kernels::linear_q::PackedWeight};

/// Reads and packs `name: [out, in]`; an error names it.
pub(super) fn load_packed(
    weights: &impl Weights,
    name: &str,
    shape: [usize; 2],
    device: &Device,
) -> Result<PackedWeight> {
    let rows = weights.rows(name, shape)?;
    PackedWeight::pack(rows, device).map_err(|error| {
        let message = format!("Tensor {name} cannot be used. {}", error.message);
        Error::new(error.code, message).about(name)
    })
}
