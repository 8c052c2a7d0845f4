//! A gated activation of rows that have the gate and what it gates beside each other; see
//! [`crate::kernels::gated_f32`].

use super::program::{Program, READ};
use crate::kernels::gated_f32::Gate;

/// A gate and what it gates, beside each other in each row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GateRows {
    pub(super) width: usize,
    pub(super) by: Gate,
}

impl Program for GateRows {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        format!(
            "@group(0) @binding(0) var<storage, {READ}> both: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
  if id.x < {width}u {{
    let at = id.y * {two}u + id.x;
    out[id.y * {width}u + id.x] = {gated};
  }}
}}\n",
            width = self.width,
            two = 2 * self.width,
            gated = gated(self.by, "both[at]", &format!("both[at + {}u]", self.width), "f32"),
        )
    }
}

/// An expression for `activation(x) · up` of two expressions of the type `of`, numbers or vectors.
pub(super) fn gated(by: Gate, x: &str, up: &str, of: &str) -> String {
    let y = match by {
        Gate::Silu => x.to_owned(),
        Gate::GeluTanh => format!("1.5957691216f * ({x} + 0.044715f * {x} * {x} * {x})"),
    };
    // The exponential must not overflow: WGSL leaves open what infinities become.
    format!("{x} / (1.0f + exp(-max({y}, {of}(-80.0f)))) * {up}")
}
