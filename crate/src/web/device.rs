//! What computes.

use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

#[cfg(feature = "gpu")]
use super::error::thrown;
use super::error::{ErrorRecord, record};
use crate::{device, device::DeviceKind as Kind};

/// The kind of a device.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The CPU.
    Cpu,
    /// WebGPU.
    WebGpu,
}

impl From<Kind> for DeviceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Cpu => Self::Cpu,
            Kind::WebGpu => Self::WebGpu,
        }
    }
}

/// The CPU or a WebGPU device.
#[wasm_bindgen]
pub struct Device(pub(super) device::Device);

#[wasm_bindgen]
impl Device {
    /// The CPU.
    pub fn cpu() -> Self {
        Self(device::Device::cpu())
    }

    /// Whether the CPU multiplies as this build expects.
    #[wasm_bindgen(js_name = multipliesExactly)]
    pub fn multiplies_exactly() -> bool {
        device::Device::multiplies_exactly()
    }

    /// The browser's GPU.
    #[cfg(feature = "gpu")]
    pub async fn webgpu() -> Result<Device, JsValue> {
        device::Device::webgpu().await.map(Self).map_err(thrown)
    }

    /// Has kernels use subgroups: the device was opened with them.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(js_name = useSubgroups)]
    pub fn use_subgroups(&self) {
        self.0.use_subgroups();
    }

    /// Has many rows be multiplied in packed bytes: the browser has the language feature for it.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(js_name = usePackedDots)]
    pub fn use_packed_dots(&self) {
        self.0.use_packed_dots();
    }

    /// Has fewer kernels be used: the device is computed by a processor.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(js_name = useFewKernels)]
    pub fn use_few_kernels(&self) {
        self.0.use_few_kernels();
    }

    /// CPU or WebGPU.
    pub fn kind(&self) -> Result<Ts<DeviceKind>, JsValue> {
        record(&self.0.kind().into())
    }

    /// The device's first fault, if it had one: a lost device or an error that nothing was waiting for.
    pub fn fault(&self) -> Result<Option<Ts<ErrorRecord>>, JsValue> {
        self.0.fault().map(|fault| record(&fault.into())).transpose()
    }
}
