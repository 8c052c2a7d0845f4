//! Kernels of a decode step on the GPU, and of products of packed bytes, written in WGSL.
//!
//! One token goes through a block in six dispatches. Everything that a step depends on, the token and its
//! position, is read from a buffer (see [`step`]), so that the commands of one step serve for the next. Sizes are
//! constants of the text: a model has a handful of shapes, whatever the length of its context.

mod attention_step_f32;
mod embed_q;
mod gated_f32;
pub(crate) mod linear_rows_q;
mod linear_step_q;
mod program;
mod quants;
mod read;
mod remember_f32;
pub(crate) mod step;
mod step_ops;
mod sum;
#[cfg(test)]
mod tests;
mod top_f32;

use core::sync::atomic::{AtomicBool, Ordering};

pub(crate) use self::{
    attention_step_f32::{AttentionStep, WIDEST},
    embed_q::Embed,
    linear_step_q::{Heads, LinearStep, Then},
    read::{read_first, read_words},
    remember_f32::Remember,
    step_ops::StepOps,
    top_f32::NONE,
};

/// Whether kernels may use subgroups: the device has them, and was asked for them.
pub(crate) fn subgroups() -> bool {
    SUBGROUPS.load(Ordering::Relaxed)
}

/// Says whether they may. There is one GPU for each instance of this crate.
pub(crate) fn use_subgroups(wanted: bool) {
    SUBGROUPS.store(wanted, Ordering::Relaxed);
}

static SUBGROUPS: AtomicBool = AtomicBool::new(false);

/// Whether many rows are rounded to eight bits and multiplied in packed bytes.
pub(crate) fn packed_dots() -> bool {
    PACKED_DOTS.load(Ordering::Relaxed)
}

/// Has them be, from now on.
pub(crate) fn use_packed_dots() {
    PACKED_DOTS.store(true, Ordering::Relaxed);
}

static PACKED_DOTS: AtomicBool = AtomicBool::new(false);
