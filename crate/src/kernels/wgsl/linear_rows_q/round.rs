//! Rows rounded to eight bits, block by block, as [`crate::kernels::cpu::linear_q`] rounds them.

use crate::kernels::wgsl::program::{Program, READ};

/// Vectors of a block: the quants of its halves, then what [`Round`] says.
pub(super) const VECTORS: usize = 3;

/// Rounds rows of whole blocks; its sizes are the rows and the blocks of a row.
///
/// A thread rounds one block. Its vectors are at `(3 · block + i) · rows + row`: those of neighbouring rows, which are
/// multiplied together, lie beside each other. The first two are 32 signed bytes; the last has, as f32, the scale, which
/// is the largest magnitude divided by 127, and the scale times the sums of the quants: of each half and of both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels::wgsl) struct Round;

impl Program for Round {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        let each = |statement: &dyn Fn(usize) -> String| (0..8).map(statement).collect::<String>();
        let values = each(&|i| {
            format!(
                "  let x{i} = x[first + {i}u];\n  most = max(most, bitcast<vec4<u32>>(x{i}) & magnitude);\n"
            )
        });
        let words = each(&|i| format!("  let q{i} = pack4xI8(vec4<i32>(round(x{i} * inverse)));\n"));
        format!(
            "@group(0) @binding(0) var<storage, {READ}> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> rounded: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> sizes: vec4<u32>;
fn sum(quants: vec4<u32>) -> i32 {{
  return dot4I8Packed(quants.x, 0x01010101u) + dot4I8Packed(quants.y, 0x01010101u)
    + dot4I8Packed(quants.z, 0x01010101u) + dot4I8Packed(quants.w, 0x01010101u);
}}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, \
             @builtin(local_invocation_index) unit: u32) {{
  let rows = sizes.x;
  let blocks = sizes.y;
  let item = (group.y * count.x + group.x) * 64u + unit;
  if item >= rows * blocks {{ return; }}
  let row = item % rows;
  let block = item / rows;
  let first = (row * blocks + block) * 8u;
  // By their bits, in whose order NaN comes last: a block that has one gives NaN.
  let magnitude = vec4<u32>(0x7fffffffu);
  var most = vec4<u32>();
{values}  let scale = bitcast<f32>(max(max(most.x, most.y), max(most.z, most.w))) / 127.0f;
  // Below this the inverse would not be finite; such a block counts as zeros.
  let inverse = select(0.0f, 1.0f / scale, scale >= 1.1754944e-38f);
{words}  let low = vec4<u32>(q0, q1, q2, q3);
  let high = vec4<u32>(q4, q5, q6, q7);
  let sums = vec2<i32>(sum(low), sum(high));
  let to = block * {VECTORS}u * rows + row;
  rounded[to] = low;
  rounded[to + rows] = high;
  rounded[to + 2u * rows] =
    bitcast<vec4<u32>>(vec4<f32>(1.0f, vec2<f32>(sums), f32(sums.x + sums.y)) * scale);
}}\n"
        )
    }
}
