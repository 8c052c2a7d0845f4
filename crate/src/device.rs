//! What computes: the CPU, or a WebGPU device that is watched for faults.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

use crate::{Error, ErrorCode, Result};

/// The kind of a [`Device`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Flex, in this thread.
    Cpu,
    /// Cube, through WebGPU.
    WebGpu,
}

/// A Burn device and what is known of its health.
#[derive(Clone, Debug)]
pub struct Device {
    burn: burn::tensor::Device,
    kind: DeviceKind,
    fault: Fault,
}

/// Dispatches that are handed over to the GPU together. Handing over takes about as long as ten of them.
#[cfg(feature = "gpu")]
const TASKS: usize = 96;

/// The first fault of a device, once there is one.
type Fault = Arc<Mutex<Option<Error>>>;

impl Device {
    /// The CPU. It never fails.
    pub fn cpu() -> Self {
        Self { burn: burn::tensor::Device::flex(), kind: DeviceKind::Cpu, fault: Fault::default() }
    }

    /// Whether this machine's CPU, or the engine that translates for it, multiplies as this build expects. A build for
    /// other instructions may do where it does not.
    pub fn multiplies_exactly() -> bool {
        crate::kernels::linear_q::multiplies_exactly()
    }

    /// The browser's GPU.
    ///
    /// From here on, a lost device and an error that no operation was waiting for are kept as the device's
    /// fault: results read after either are not to be trusted.
    ///
    /// # Errors
    /// `gpu-unavailable` where there is no adapter or it refuses a device.
    #[cfg(feature = "gpu")]
    pub async fn webgpu() -> Result<Self> {
        use burn::tensor::wgpu::WgpuBackend;

        let (burn, setup) = burn::tensor::Device::wgpu_options()
            .graphics_api(WgpuBackend::WebGpu)
            .tasks_max(TASKS)
            .init_with_setup_async()
            .await
            .map_err(|e| fault_of(ErrorCode::GpuUnavailable, "WebGPU cannot be used", &e.to_string()))?;
        let fault = Fault::default();
        let lost = fault.clone();
        setup.device.set_device_lost_callback(move |_, message| {
            note(&lost, fault_of(ErrorCode::GpuLost, "The GPU device was lost", &message));
        });
        let uncaptured = fault.clone();
        setup.device.on_uncaptured_error(Arc::new(move |error| {
            note(&uncaptured, fault_of(ErrorCode::GpuError, "The GPU reported an error", &error.to_string()));
        }));
        Ok(Self { burn, kind: DeviceKind::WebGpu, fault })
    }

    /// Has kernels use subgroups. The device must have been opened with them, which wgpu does not ask for in a browser.
    #[cfg(feature = "gpu")]
    pub fn use_subgroups(&self) {
        crate::kernels::wgsl::use_subgroups(true);
    }

    /// Has many rows be rounded to eight bits for products with quantised weights, as on the CPU. The device must have
    /// WGSL's `packed_4x8_integer_dot_product`.
    #[cfg(feature = "gpu")]
    pub fn use_packed_dots(&self) {
        crate::kernels::wgsl::use_packed_dots();
    }

    /// Has fewer kernels be used: the device is a processor that plays a GPU, and takes seconds to compile one.
    #[cfg(feature = "gpu")]
    pub fn use_few_kernels(&self) {
        crate::kernels::use_one_tile();
    }

    /// Where Burn keeps tensors.
    pub fn burn(&self) -> &burn::tensor::Device {
        &self.burn
    }

    /// CPU or WebGPU.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// The device's first fault, if it had one.
    pub fn fault(&self) -> Option<Error> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `Ok` while the device had no fault.
    ///
    /// # Errors
    /// `gpu-lost` or `gpu-error`.
    pub fn check(&self) -> Result<()> {
        self.fault().map_or(Ok(()), Err)
    }
}

/// An error that says `what` happened in one line; the whole report, if it is longer, is its detail.
fn fault_of(code: ErrorCode, what: &str, report: &str) -> Error {
    let report = report.trim();
    let first = report.lines().next().unwrap_or_default();
    let message = if first.is_empty() { format!("{what}.") } else { format!("{what}: {first}") };
    let error = Error::new(code, message);
    if report.len() > first.len() { error.about(report) } else { error }
}

/// Keeps the first fault; later ones follow from it.
#[cfg(feature = "gpu")]
fn note(fault: &Fault, error: Error) {
    fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// The first element of a tensor that has some, once it is computed.
///
/// # Errors
/// `gpu-error` where it cannot be read back.
pub(crate) async fn read_first(tensor: Tensor<2>) -> Result<f32> {
    #[cfg(feature = "gpu")]
    if !crate::kernels::on_cpu(&tensor.device()) {
        return crate::kernels::wgsl::read_first(tensor).await;
    }
    let first = read(tensor.slice([0..1, 0..1])).await?;
    first.first().copied().ok_or_else(|| Error::new(ErrorCode::Internal, "There is no first element."))
}

/// The elements of a tensor, row-major.
///
/// # Errors
/// `gpu-error` where they cannot be read back.
pub(crate) async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |report: String| fault_of(ErrorCode::GpuError, "A result could not be read back", &report);
    let data = tensor.into_data_async().await.map_err(|e| failed(e.to_string()))?;
    data.try_into_vec::<f32>().map_err(|e| failed(e.to_string()))
}
