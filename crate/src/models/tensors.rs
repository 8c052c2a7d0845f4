//! Tensors of the shape that a configuration demands.

use crate::{
    Error, ErrorCode, Result,
    formats::{TensorFile, TensorRows},
};

/// The elements of `name`, which must have `shape`.
///
/// # Errors
/// `tensor-shape`, or those of [`TensorFile::read_f32`].
pub(super) fn read(file: &TensorFile, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    check(file, name, shape)?;
    Ok(file.read_f32(name)?.0)
}

/// The rows of `name`, which must have `shape`.
///
/// # Errors
/// `tensor-shape`, or those of [`TensorFile::rows`].
pub(super) fn rows<'a>(file: &'a TensorFile, name: &str, shape: [usize; 2]) -> Result<TensorRows<'a>> {
    check(file, name, &shape)?;
    file.rows(name)
}

fn check(file: &TensorFile, name: &str, shape: &[usize]) -> Result<()> {
    match file.info(name).map(|info| info.shape.as_slice()) {
        Some(found) if found != shape => {
            let message = format!("Tensor {name} has shape {found:?}; the configuration demands {shape:?}.");
            Err(Error::new(ErrorCode::TensorShape, message).about(name))
        }
        _ => Ok(()),
    }
}

/// The name that llama.cpp has for a checkpoint's tensor: `blocks` become `blk.`, and the first of the `parts` that is in
/// it the short one.
pub(super) fn gguf_name(name: &str, blocks: &str, parts: &[(&str, &str)]) -> String {
    let name = name.replace(blocks, "blk.");
    let found = parts.iter().find(|(part, _)| name.contains(part));
    found.map_or(name.clone(), |(part, short)| name.replace(part, short))
}
