//! Weight files: bytes in, named tensors out. Nothing here knows what a model is.
//!
//! A file is treated as hostile: every size it claims is checked against the bytes that are there before
//! anything is allocated, and whatever breaks the rules of the format is an error, never a guess.

mod dequantise;
mod dtype;
pub mod gguf;
mod json;
mod safetensors;

use core::ops::Range;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorCode, Result};

pub use dtype::Dtype;
pub(crate) use json::read_json;

/// A tensor as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The type of the elements in the file.
    pub dtype: Dtype,
    /// The dimensions, row-major: outermost first, whatever order the file uses.
    pub shape: Vec<usize>,
    /// Where the elements lie in the file, in bytes.
    pub range: Range<usize>,
}

/// A file of named tensors, whole and checked. Elements are decoded when they are asked for.
#[derive(Debug)]
pub struct TensorFile {
    bytes: Vec<u8>,
    tensors: BTreeMap<String, TensorInfo>,
}

/// A GGUF file: tensors, and metadata beside them.
#[derive(Debug)]
pub struct GgufFile {
    /// The key-value pairs of the header.
    pub metadata: gguf::Metadata,
    /// The tensors.
    pub tensors: TensorFile,
}

/// Opens a safetensors file.
///
/// # Errors
/// [`ErrorCode::MalformedFile`] for anything that breaks the format: truncation, overlaps, holes, sizes that
/// do not fit the shape or the file, duplicate names, a header that is not the right JSON.
pub fn open_safetensors(bytes: Vec<u8>) -> Result<TensorFile> {
    let tensors = safetensors::parse(&bytes)?;
    Ok(TensorFile { bytes, tensors })
}

/// Opens a little-endian GGUF file of version 2 or 3.
///
/// # Errors
/// [`ErrorCode::MalformedFile`] for anything that breaks the format, [`ErrorCode::UnsupportedFile`] for other
/// versions and byte orders, [`ErrorCode::UnsupportedDtype`] for a tensor type that GGML does not define here.
pub fn open_gguf(bytes: Vec<u8>) -> Result<GgufFile> {
    let (metadata, tensors) = gguf::parse(&bytes)?;
    let tensors = TensorFile { bytes, tensors };
    Ok(GgufFile { metadata, tensors })
}

impl TensorFile {
    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// What the file says about a tensor, or `None` if it holds no such tensor.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// A tensor's elements as f32, and its shape. Quantised types are dequantised.
    ///
    /// # Errors
    /// [`ErrorCode::MissingTensor`], [`ErrorCode::UnsupportedDtype`], [`ErrorCode::OutOfMemory`]; the detail
    /// names the tensor.
    pub fn read_f32(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        let info = self.info(name).ok_or_else(|| missing_tensor(name).about(name))?;
        let decode =
            dequantise::decoder(info.dtype).ok_or_else(|| unsupported_dtype(name, info.dtype).about(name))?;
        let mut values = Vec::new();
        values.try_reserve_exact(info.shape.iter().product()).map_err(|_| out_of_memory(name).about(name))?;
        decode(&self.bytes[info.range.clone()], &mut values);
        Ok((values, info.shape.clone()))
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::MalformedFile, message)
}

fn missing_tensor(name: &str) -> Error {
    let message = format!("The file holds no tensor named {name}.");
    Error::new(ErrorCode::MissingTensor, message)
}

fn unsupported_dtype(name: &str, dtype: Dtype) -> Error {
    let message = format!("Tensor {name} is of type {dtype}, which cannot be read.");
    Error::new(ErrorCode::UnsupportedDtype, message)
}

fn out_of_memory(name: &str) -> Error {
    let message = format!("There is not enough memory for tensor {name}.");
    Error::new(ErrorCode::OutOfMemory, message)
}
