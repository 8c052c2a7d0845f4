//! Whether the machine multiplies as the kernels expect.

use burn::tensor::Device;

use super::pack::Packer;
use crate::{
    Result,
    formats::{Dtype, TensorRows, blocks::BlockFormat},
    kernels::cpu::{
        linear_i8,
        linear_q::{BYTES, multiply_both_ways},
    },
};

/// One for each way in which bytes are multiplied: without sign in full groups and in halves of them, and with one.
const TYPES: [Dtype; 4] = [Dtype::Q4_0, Dtype::Q5_1, Dtype::Q6_K, Dtype::Q8_0];

/// Whether what this build multiplies in bytes is what it is in words. Instructions of relaxed SIMD are young: there have
/// been engines whose results were others.
pub(crate) fn multiplies_exactly() -> bool {
    !BYTES
        || TYPES.into_iter().all(|dtype| agrees(dtype).unwrap_or(false)) && rotated_agree().unwrap_or(false)
}

/// Compares products with a weight of all kinds of bytes, of one row and of several.
fn agrees(dtype: Dtype) -> Result<bool> {
    let shape @ [out, columns] = [8, 256];
    let Some(blocks) = BlockFormat::of(dtype) else { return Ok(false) };
    // No byte is over 63, so that every scale is finite.
    let bytes = (0..dtype.bytes_for(&shape).unwrap_or(0)).map(|i| (i * 37 % 64) as u8).collect();
    let mut rows = TensorRows::of_bytes(dtype, shape, bytes)?;
    let packed = Packer::new(blocks, columns, &Device::flex())?.pack_records(&mut rows, out)?;
    let weight = packed.weight(columns);
    let x: Vec<f32> = (0..5 * columns).map(|i| (i * 29 % 255) as f32 - 127.0).collect();
    Ok([1, 5].into_iter().all(|rows| {
        let [words, bytes] = multiply_both_ways(&x[..rows * columns], &weight, rows);
        words == bytes
    }))
}

/// The same with a weight that is rotated.
fn rotated_agree() -> Result<bool> {
    let shape @ [out, columns] = [8, 2 * linear_i8::BLOCK];
    let values: Vec<f32> = (0..out * columns).map(|i| (i * 29 % 255) as f32 - 127.0).collect();
    let packed = linear_i8::Packed::new(&values, shape)?;
    Ok([1, 5].into_iter().all(|rows| {
        let [words, bytes] = linear_i8::multiply_both_ways(&values[..rows * columns], &packed);
        words == bytes
    }))
}
