//! Operations that Burn's own are too slow for, each with a reference in Burn's operations beside it.
//!
//! An operation is a function on tensors. On the CPU it runs the kernel in [`cpu`], through a backend extension of
//! Flex, and on a GPU the one in `cube`; the reference is the oracle that both are tested against.

pub(crate) mod activation;
pub(crate) mod attention_cached_f32;
pub(crate) mod attention_f32;
pub(crate) mod biased_f32;
mod cpu;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
pub(crate) use cube::tile::use_one_tile;
mod decoder_ops;
pub(crate) mod embed_f32;
mod encoder_ops;
mod flex;
pub(crate) mod gated_f32;
pub(crate) mod layer_norm_f32;
pub(crate) mod linear_f32;
pub(crate) mod linear_i8;
mod linear_ops;
pub(crate) mod linear_q;
pub(crate) mod pool_f32;
pub(crate) mod rms_norm_f32;
pub(crate) mod rope_f32;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "gpu")]
pub(crate) mod wgsl;

pub(crate) use cpu::dot_f32::dots;
#[cfg(target_feature = "atomics")]
pub(crate) use cpu::pool::{bell as pool_bell, fail as fail_pool, help as help_pool, join as join_pool};

use burn::{backend::DispatchDevice, tensor::Device};

/// Whether kernels that differ with the number of rows are in use on `device`.
pub(crate) fn rows_matter(device: &Device) -> bool {
    #[cfg(feature = "gpu")]
    return !on_cpu(device) && !cube::tile::uses_one_tile();
    #[cfg(not(feature = "gpu"))]
    {
        let _ = device;
        false
    }
}

/// Whether tensors on `device` are computed by the CPU kernels.
pub(crate) fn on_cpu(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}
