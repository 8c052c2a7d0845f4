//! How much memory weights will take.

use crate::{device::DeviceKind, formats::Dtype, kernels::linear_q::packed_bytes};

/// The least bytes of memory that loading tensors of these types and shapes takes: those of the file, which is in memory as
/// a whole, or of what is made of it on the CPU, where that is more. It takes some megabytes more than that, since what was
/// read is freed while the rest is made.
pub(crate) fn least_memory(tensors: &[(Dtype, Vec<usize>)], device: DeviceKind) -> u64 {
    let sum = |bytes: &dyn Fn(Dtype, &[usize]) -> u64| {
        tensors.iter().fold(0, |sum: u64, (dtype, shape)| sum.saturating_add(bytes(*dtype, shape)))
    };
    let stored = sum(&Dtype::announced_bytes);
    match device {
        DeviceKind::WebGpu => stored,
        DeviceKind::Cpu => stored.max(sum(&|dtype, shape| {
            match shape {
                [rows, columns] => packed_bytes(dtype, [*rows, *columns]),
                _ => None,
            }
            .unwrap_or_else(|| dtype.announced_bytes(shape))
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_the_weights_counts_where_it_is_more() {
        let of = |dtype, shape: &[usize], device| least_memory(&[(dtype, shape.to_vec())], device);
        // Two bits become eight.
        let stored = of(Dtype::Q2_K, &[1024, 1024], DeviceKind::WebGpu);
        assert_eq!(stored, 1024 * 1024 / 256 * 84);
        assert!(of(Dtype::Q2_K, &[1024, 1024], DeviceKind::Cpu) > stored);
        // Rows are filled up, and what is not a matrix is kept.
        assert_eq!(of(Dtype::F32, &[3, 10], DeviceKind::Cpu), 8 * 10 * 4);
        assert_eq!(of(Dtype::F32, &[10], DeviceKind::Cpu), 40);
        for absurd in [[usize::MAX, usize::MAX], [1, usize::MAX], [usize::MAX, 32]] {
            assert!(of(Dtype::Q4_0, &absurd, DeviceKind::Cpu) > 1 << 32, "{absurd:?}");
        }
    }
}
