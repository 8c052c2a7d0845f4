//! What an encoder computes in.

use core::str::FromStr;

use crate::{Error, ErrorCode, Result, device::DeviceKind, nn::Precision};

/// What the application wants an encoder to compute in. A GPU computes in f32 whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtypeChoice {
    /// In f32, which is nearest to the reference.
    #[default]
    Auto,
    /// In f32.
    F32,
    /// In eight bits, to which the weights are rounded when they are loaded.
    Q8,
}

impl FromStr for DtypeChoice {
    type Err = Error;

    /// Reads `auto`, `f32` or `q8`; anything else is `invalid-input`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "q8" => Ok(Self::Q8),
            other => {
                let message = format!("There is no dtype {other}: it is auto, f32 or q8.");
                Err(Error::new(ErrorCode::InvalidInput, message).about(other))
            }
        }
    }
}

impl DtypeChoice {
    /// What is computed in on a device.
    pub(super) fn precision(self, device: DeviceKind) -> Precision {
        match (device, self) {
            (DeviceKind::Cpu, Self::Q8) => Precision::Q8,
            _ => Precision::F32,
        }
    }
}

/// `f32` or `q8`.
pub(super) fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::Q8 => "q8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_a_name_and_no_other() {
        let all = [("auto", DtypeChoice::Auto), ("f32", DtypeChoice::F32), ("q8", DtypeChoice::Q8)];
        all.into_iter().for_each(|(name, choice)| assert_eq!(name.parse(), Ok(choice)));
        for name in ["", "Q8", "fp32", "q8_0"] {
            let error = name.parse::<DtypeChoice>().unwrap_err();
            assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::InvalidInput, Some(name)));
        }
    }

    #[test]
    fn a_choice_is_followed_where_the_device_can() {
        use DtypeChoice::{Auto, F32, Q8};
        for (choice, on_cpu) in [(Auto, Precision::F32), (F32, Precision::F32), (Q8, Precision::Q8)] {
            assert_eq!(choice.precision(DeviceKind::Cpu), on_cpu);
            assert_eq!(choice.precision(DeviceKind::WebGpu), Precision::F32);
        }
    }
}
