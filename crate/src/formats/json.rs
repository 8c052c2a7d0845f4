//! The small JSON files beside the weights.

use serde::de::DeserializeOwned;

use super::malformed;
use crate::error::Result;

/// Reads the bytes of the file `path`.
///
/// # Errors
/// [`crate::ErrorCode::MalformedFile`] for anything but the right JSON; the detail names the file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| malformed(format!("{path} cannot be read: {e}")).about(path))
}
