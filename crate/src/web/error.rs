//! Errors as records.

use serde::{Serialize, de::DeserializeOwned};
use tsify::{Ts, Tsify};
use wasm_bindgen::JsValue;

use crate::{Error, ErrorCode};

/// What every function of this module throws.
#[derive(Serialize, Tsify)]
pub struct ErrorRecord {
    /// A word that never changes meaning.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// What it is about: a file, a tensor, a setting.
    #[tsify(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<Error> for ErrorRecord {
    fn from(error: Error) -> Self {
        Self { code: error.code, message: error.message, detail: error.detail }
    }
}

/// The thrown value of an error.
pub(super) fn thrown(error: Error) -> JsValue {
    let message = error.message.clone();
    serde_wasm_bindgen::to_value(&ErrorRecord::from(error)).unwrap_or_else(|_| JsValue::from_str(&message))
}

/// A record for JavaScript.
pub(super) fn record<T: Tsify + Serialize>(value: &T) -> Result<Ts<T>, JsValue> {
    value
        .into_ts()
        .map_err(|e| thrown(Error::new(ErrorCode::Internal, format!("A record could not be made: {e}"))))
}

/// A record from JavaScript.
pub(super) fn given<T>(value: &Ts<T>) -> Result<T, JsValue>
where
    T: Tsify<JsType: Clone> + DeserializeOwned,
{
    value.to_rust().map_err(|e| {
        // In front of the reason are the names of a type and of an error's class.
        let report = e.to_string();
        let reason = report.rsplit("Error: ").next().unwrap_or(&report);
        thrown(Error::new(ErrorCode::InvalidInput, format!("An argument cannot be used: {reason}.")))
    })
}
