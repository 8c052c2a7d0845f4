//! What the kernel tests share: reproducible numbers and a comparison that prints where it failed.

use burn::tensor::{Device, Tensor, TensorData};

/// `len` reproducible values in [-1, 1).
pub(crate) fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A CPU tensor of [`random`] values.
pub(crate) fn random_tensor<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(random(seed, shape.iter().product()), shape);
    Tensor::from_data(data, &Device::flex())
}

/// The elements of a tensor on the CPU.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Fails where two slices differ by more than `tolerance`, or in length.
#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance, "element {i}: found {f}, expected {e}");
    }
}

/// A GPU of this machine, or what emulates one, through Vulkan. Where there is none, `None`; the reason is printed, and a
/// failure where the environment has `INGLENOOK_NEEDS_GPU`.
#[cfg(feature = "gpu")]
pub(crate) fn native_gpu() -> Option<Device> {
    use std::sync::OnceLock;

    use burn::tensor::wgpu::WgpuBackend;

    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    let open = || {
        let opened = Device::wgpu_options().graphics_api(WgpuBackend::Vulkan).init();
        assert!(opened.is_ok() || std::env::var_os("INGLENOOK_NEEDS_GPU").is_none(), "{opened:?}");
        opened.inspect_err(|e| eprintln!("Not run, for want of a GPU: {e}")).ok()
    };
    GPU.get_or_init(open).clone()
}

/// The devices that have kernels of their own: the CPU, and [`native_gpu`] in a build for it.
pub(crate) fn devices() -> Vec<Device> {
    let devices = [Some(Device::flex())].into_iter();
    #[cfg(feature = "gpu")]
    let devices = devices.chain([native_gpu()]);
    devices.flatten().collect()
}
