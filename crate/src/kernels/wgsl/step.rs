//! What a decode step depends on, in a buffer of words:
//!
//! | word | |
//! | --- | --- |
//! | 0 | the token that is read |
//! | 1 | its position |
//! | 2 | positions of the cache, of which a head has as many rows |
//! | 4 … | as f32, how far it turns: the cosines of its pairs and then their sines, for each kind of layer |
//!
//! Reading the embedding of the token writes the angles; choosing the next token writes the first two.

use super::program::{Program, READ};

/// Where the angles begin.
pub(crate) const ANGLES: usize = 4;

/// Statements by which 64 threads write the angles of the step's position, of which there are `count`.
pub(super) fn write_angles(count: usize) -> String {
    format!(
        "for (var i = unit; i < {count}u; i += 64u) {{ step[{ANGLES}u + i] = angles[step[1] * {count}u + i]; }}"
    )
}

/// Sets the token, the position and the cache's size of a step, and its angles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Begin {
    /// Angles of a position.
    pub(super) angles: usize,
}

impl Program for Begin {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        format!(
            "@group(0) @binding(0) var<storage, {READ}> words: array<u32>;
@group(0) @binding(1) var<storage, {READ}> angles: array<u32>;
@group(0) @binding(2) var<storage, read_write> step: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) unit: u32) {{
  if unit == 0u {{\n    step[0] = words[0];\n    step[1] = words[1];\n    step[2] = words[2];\n  }}
  storageBarrier();
  {}
}}\n",
            write_angles(self.angles)
        )
    }
}
