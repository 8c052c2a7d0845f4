//! Weight files: bytes in, named tensors out. Nothing here knows what a model is.
//!
//! A file is treated as hostile: every size it claims is checked against the bytes that are there before
//! anything is allocated, and whatever breaks the rules of the format is an error, never a guess.

pub(crate) mod blocks;
pub(crate) mod dequantise;
mod dtype;
pub mod gguf;
mod json;
mod safetensors;
mod segments;
mod tensor_file;
mod tensor_rows;

use core::ops::Range;

use crate::error::{Error, ErrorCode, Result};

pub use dtype::Dtype;
pub(crate) use json::read_json;
pub use segments::Segments;
pub use tensor_file::TensorFile;
pub use tensor_rows::TensorRows;

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
pub fn open_safetensors(file: impl Into<Segments>) -> Result<TensorFile> {
    let segments = file.into();
    let tensors = safetensors::parse(&segments)?;
    Ok(TensorFile::new(segments, tensors))
}

/// Opens a little-endian GGUF file of version 2 or 3.
///
/// # Errors
/// [`ErrorCode::MalformedFile`] for anything that breaks the format, [`ErrorCode::UnsupportedFile`] for other
/// versions and byte orders, [`ErrorCode::UnsupportedDtype`] for a tensor type that GGML does not define here.
pub fn open_gguf(file: impl Into<Segments>) -> Result<GgufFile> {
    let segments = file.into();
    let (metadata, tensors) = gguf::parse(&segments)?;
    Ok(GgufFile { metadata, tensors: TensorFile::new(segments, tensors) })
}

/// The types and shapes of the tensors that the beginning of a GGUF file announces, as far as it has come.
///
/// # Errors
/// Those of [`open_gguf`]; [`ErrorCode::MalformedFile`] also where it is not long enough for that.
pub fn announced_tensors(beginning: &Segments) -> Result<Vec<(Dtype, Vec<usize>)>> {
    gguf::announced(beginning)
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::MalformedFile, message)
}
