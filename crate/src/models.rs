//! Architectures, one folder each: `config` reads a checkpoint's settings, `weights` its names, `model` computes.

pub mod bert;
pub mod llama;
mod tensors;
