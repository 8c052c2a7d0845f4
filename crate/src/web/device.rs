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

/// Whether four packed bytes are multiplied at a time: WGSL can say it, and it is not Metal, which has no such instruction
/// and plays it in many. Nothing where the browser does not tell.
#[cfg(feature = "gpu")]
fn has_packed_dots() -> Option<bool> {
    let get = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    let navigator = get(&js_sys::global(), "navigator")?;
    let features = get(&get(&navigator, "gpu")?, "wgslLanguageFeatures")?;
    let has = js_sys::Function::from(get(&features, "has")?);
    let in_wgsl = has.call1(&features, &"packed_4x8_integer_dot_product".into()).ok()?.as_bool()?;
    Some(in_wgsl && !get(&navigator, "userAgent")?.as_string()?.contains("Mac OS X"))
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
        let device = device::Device::webgpu().await.map_err(thrown)?;
        if has_packed_dots().unwrap_or(false) {
            device.use_packed_dots();
        }
        Ok(Self(device))
    }

    /// Has kernels use subgroups: the device was opened with them.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(js_name = useSubgroups)]
    pub fn use_subgroups(&self) {
        self.0.use_subgroups();
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
