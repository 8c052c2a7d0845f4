//! The embedding of the token of a step, and the angles of its position.

use super::{
    program::{Program, READ},
    quants, step,
};
use crate::kernels::linear_q::layout::Format;

/// A row of a packed table, times a factor. A table may be in pieces, each of which is asked and one of which writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Embed {
    pub(crate) format: Format,
    pub(crate) columns: usize,
    /// The first of the rows that are in this piece, and how many there are.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    /// The bits of the factor.
    pub(crate) factor: u32,
    /// Angles of a position.
    pub(crate) angles: usize,
}

impl Embed {
    pub(super) fn workgroups(&self) -> usize {
        (self.columns / 8).div_ceil(self.threads())
    }
}

impl Program for Embed {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        format!(
            "@group(0) @binding(0) var<storage, read_write> step: array<u32>;
@group(0) @binding(1) var<storage, {READ}> angles: array<u32>;
{weight}@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
{decoding}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) unit: u32) {{
  if group.x == 0u {{ {write_angles} }}
  let row = step[0] - {first}u;
  let item = group.x * 64u + unit;
  if row < {rows}u && item < BLOCKS * 4u {{
    let block = item / 4u;\n    let quarter = item % 4u;
    let pair = weights(row / 4u, block, quarter, row % 4u);
    out[block * 8u + quarter] = pair.low * {factor:?}f;
    out[block * 8u + quarter + 4u] = pair.high * {factor:?}f;
  }}
}}\n",
            weight = quants::buffers(self.format, 2, READ),
            decoding = quants::decoding(self.format, self.columns),
            write_angles = step::write_angles(self.angles),
            first = self.first,
            rows = self.rows,
            factor = f32::from_bits(self.factor),
        )
    }
}
