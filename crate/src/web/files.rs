//! Model files on their way in.

use wasm_bindgen::prelude::*;

use super::error::thrown;
use crate::{
    files,
    memory::{ADDRESSABLE, shortage},
};

/// Receives a model's files, and counts and hashes them while they arrive.
#[wasm_bindgen]
#[derive(Default)]
pub struct ModelFiles(pub(super) files::ModelFiles);

#[wasm_bindgen]
impl ModelFiles {
    /// No files yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a file by its path in the manifest, and its length in bytes and its SHA-256 in hexadecimal where they
    /// are known. An empty SHA-256 is found out; without one the file is not hashed.
    pub fn open(&mut self, path: &str, bytes: Option<f64>, sha256: Option<String>) -> Result<(), JsValue> {
        if let Some(needed) = bytes.map(|bytes| bytes as u64).filter(|needed| *needed > ADDRESSABLE) {
            return Err(thrown(shortage(path, needed, ADDRESSABLE)));
        }
        self.0.open(path, bytes.map(|bytes| bytes as usize), sha256.as_deref()).map_err(thrown)
    }

    /// Takes the next bytes of the announced file.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), JsValue> {
        self.0.push(chunk).map_err(thrown)
    }

    /// Ends the announced file and verifies its length and hash.
    pub fn close(&mut self) -> Result<(), JsValue> {
        self.0.close().map_err(thrown)
    }
}
