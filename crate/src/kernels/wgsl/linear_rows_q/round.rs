//! Rows rounded to eight bits, block by block, as [`crate::kernels::cpu::linear_q`] rounds them.

use crate::kernels::{
    gated_f32::Gate,
    linear_q::layout::BLOCK,
    wgsl::{
        gated_f32::gated,
        program::{Program, READ},
        sum::add_up,
    },
};

/// Vectors of a block: the quants of its halves, then what [`Round`] says.
pub(super) const VECTORS: usize = 3;

/// Rounds rows of whole blocks; its sizes are the rows and the blocks of a row.
///
/// A thread rounds one block. Its vectors are at `(3 · block + i) · rows + row`: those of neighbouring rows, which are
/// multiplied together, lie beside each other. The first two are 32 signed bytes; the last has, as f32, the scale, which
/// is the largest magnitude divided by 127, and the scale times the sums of the quants: of each half and of both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels::wgsl) struct Round {
    pub(in crate::kernels::wgsl) before: Before,
}

/// What is done with rows before they are rounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels::wgsl) enum Before {
    Nothing,
    /// They are normalised, with the epsilon of these bits: a workgroup has a row. Their weight is bound behind them.
    Norm(u32),
    /// The first half of twice as many blocks gates the second.
    Gate(Gate),
}

impl Round {
    /// How many workgroups do it.
    pub(super) fn workgroups(&self, [rows, blocks]: [usize; 2]) -> usize {
        match self.before {
            Before::Norm(_) => rows,
            Before::Nothing | Before::Gate(_) => (rows * blocks).div_ceil(self.threads()),
        }
    }

    fn buffers(&self) -> String {
        let (gamma, next) = match self.before {
            Before::Norm(_) => {
                (format!("@group(0) @binding(1) var<storage, {READ}> gamma: array<vec4<f32>>;\n"), 2)
            }
            Before::Nothing | Before::Gate(_) => (String::new(), 1),
        };
        format!(
            "@group(0) @binding(0) var<storage, {READ}> x: array<vec4<f32>>;
{gamma}@group(0) @binding({next}) var<storage, read_write> rounded: array<vec4<u32>>;
@group(0) @binding({}) var<storage, read> sizes: vec4<u32>;\n",
            next + 1
        )
    }

    /// Memory, and the statements of a thread with the number `unit` of the workgroup number `place`.
    fn body(&self) -> (String, String) {
        let values = |value: &dyn Fn(usize) -> String| {
            let each: Vec<_> = (0..8).map(value).collect();
            format!("array<vec4<f32>, 8>({})", each.join(", "))
        };
        match &self.before {
            Before::Norm(epsilon) => {
                let (memory, add_up) = add_up(&[("square", "f32")], self.threads(), false);
                let squares: String = (0..8)
                    .map(|i| format!("    square += dot(x[first + {i}u], x[first + {i}u]);\n"))
                    .collect();
                let body = format!(
                    "  let row = place;\n  if row >= rows {{ return; }}\n  var square = 0.0f;
  for (var block = unit; block < blocks; block += {threads}u) {{
    let first = (row * blocks + block) * 8u;\n{squares}  }}
{add_up}  let factor = 1.0f / sqrt(square / f32(blocks * {BLOCK}u) + {epsilon:?}f);
  for (var block = unit; block < blocks; block += {threads}u) {{
    let first = (row * blocks + block) * 8u;
    put({values}, block * {VECTORS}u * rows + row, rows);\n  }}\n",
                    threads = self.threads(),
                    epsilon = f32::from_bits(*epsilon),
                    values = values(&|i| format!("x[first + {i}u] * factor * gamma[block * 8u + {i}u]")),
                );
                (memory, body)
            }
            before => {
                let (halves, values) = match before {
                    Before::Gate(by) => (
                        2,
                        values(&|i| {
                            let up = format!("x[first + blocks * 8u + {i}u]");
                            gated(*by, &format!("x[first + {i}u]"), &up, "vec4<f32>")
                        }),
                    ),
                    _ => (1, values(&|i| format!("x[first + {i}u]"))),
                };
                let body = format!(
                    "  let item = place * {threads}u + unit;\n  if item >= rows * blocks {{ return; }}
  let row = item % rows;\n  let block = item / rows;
  let first = (row * blocks * {halves}u + block) * 8u;
  put({values}, block * {VECTORS}u * rows + row, rows);\n",
                    threads = self.threads(),
                );
                (String::new(), body)
            }
        }
    }
}

impl Program for Round {
    fn threads(&self) -> usize {
        64
    }

    fn text(&self) -> String {
        let each = |statement: &dyn Fn(usize) -> String| (0..8).map(statement).collect::<String>();
        let (memory, body) = self.body();
        format!(
            "{buffers}{memory}
fn sum(quants: vec4<u32>) -> i32 {{
  return dot4I8Packed(quants.x, 0x01010101u) + dot4I8Packed(quants.y, 0x01010101u)
    + dot4I8Packed(quants.z, 0x01010101u) + dot4I8Packed(quants.w, 0x01010101u);
}}
fn put(x: array<vec4<f32>, 8>, to: u32, rows: u32) {{
  // By their bits, in whose order NaN comes last: a block that has one gives NaN.
  let magnitude = vec4<u32>(0x7fffffffu);
  var most = vec4<u32>();
{largest}  let scale = bitcast<f32>(max(max(most.x, most.y), max(most.z, most.w))) / 127.0f;
  // Below this the inverse would not be finite; such a block counts as zeros.
  let inverse = select(0.0f, 1.0f / scale, scale >= 1.1754944e-38f);
{words}  let low = vec4<u32>(q0, q1, q2, q3);
  let high = vec4<u32>(q4, q5, q6, q7);
  let sums = vec2<i32>(sum(low), sum(high));
  rounded[to] = low;
  rounded[to + rows] = high;
  rounded[to + 2u * rows] =
    bitcast<vec4<u32>>(vec4<f32>(1.0f, vec2<f32>(sums), f32(sums.x + sums.y)) * scale);
}}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, \
             @builtin(local_invocation_index) unit: u32) {{
  let rows = sizes.x;
  let blocks = sizes.y;
  let place = group.y * count.x + group.x;
{body}}}\n",
            buffers = self.buffers(),
            threads = self.threads(),
            largest = each(&|i| format!("  most = max(most, bitcast<vec4<u32>>(x[{i}]) & magnitude);\n")),
            words = each(&|i| format!("  let q{i} = pack4xI8(vec4<i32>(round(x[{i}] * inverse)));\n")),
        )
    }
}
