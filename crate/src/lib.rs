//! Inglenook: private AI inference inside the browser.
//!
//! Layers, dependencies pointing down only: `web` (the wasm boundary) → [`tasks`] → [`models`] → [`nn`] →
//! [`kernels`] → Burn. [`generate`] is the loop that writes, over any decoder. [`formats`] and [`tokenizer`] turn
//! bytes into named tensors and text into ids, and know nothing of models.

// Of the build with threads alone: what wakes a thread.
#![cfg_attr(all(target_family = "wasm", target_feature = "atomics"), feature(stdarch_wasm_atomic_wait))]

pub mod device;
pub mod error;
pub mod files;
pub mod formats;
pub mod generate;
pub mod kernels;
mod memory;
pub mod models;
pub mod nn;
pub mod progress;
pub mod tasks;
pub mod tokenizer;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub mod web;

pub use error::{Error, ErrorCode, Result};
