//! The product itself.

use super::{packed, round::VECTORS};
use crate::kernels::{
    cube::tile::Tile,
    linear_q::layout::Format,
    wgsl::program::{Program, READ},
};

/// 1.5 · 2²³, whose last place is one: an integer of less than 22 bits that is added to its bits is added to it. Sums of
/// integers begin with it.
const MIDDLE: &str = "12582912.0f";
/// Its bits.
const MIDDLE_BITS: &str = "0x4b400000";

/// `x · Wᵀ`, plus a residual where there is one, of rows that [`super::round`] has rounded. Its sizes are the rows, the
/// blocks of a row and the outputs.
///
/// A workgroup computes a tile of the result. One block of its rows and one of its outputs are staged in shared memory
/// at a time, by each thread half a block of one row and one output. What is staged next is fetched while they are
/// multiplied. Sums within a block are exact, and blocks are added up in their order: every tile gives the same bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels::wgsl) struct Product {
    pub(in crate::kernels::wgsl) format: Format,
    pub(in crate::kernels::wgsl) residual: bool,
    pub(in crate::kernels::wgsl) tile: Tile,
}

/// Rows of `x` that a thread has in registers at a time.
const TOGETHER: usize = 4;

impl Product {
    /// Threads along the outputs.
    fn across(&self) -> usize {
        if self.tile.side() > 32 { 16 } else { 8 }
    }

    /// Threads along the rows.
    fn down(&self) -> usize {
        self.threads() / self.across()
    }

    /// Rows and outputs of a thread, which lie `down` and `across` apart.
    fn each(&self) -> [usize; 2] {
        [self.down(), self.across()].map(|threads| self.tile.side() / threads)
    }

    fn buffers(&self) -> String {
        let inputs = [("rounded", "vec4<u32>"), ("planes", "u32"), ("scales", "u32"), ("residual", "f32")];
        let inputs = &inputs[..if self.residual { 4 } else { 3 }];
        let read = (0..).zip(inputs).map(|(i, (name, of))| {
            format!("@group(0) @binding({i}) var<storage, {READ}> {name}: array<{of}>;\n")
        });
        let last = inputs.len();
        read.collect::<String>()
            + &format!(
                "@group(0) @binding({last}) var<storage, read_write> out: array<f32>;
@group(0) @binding({}) var<storage, read> sizes: vec4<u32>;\n",
                last + 1
            )
    }

    /// Shared memory: words and factors of both halves of a block, those of neighbouring rows beside each other.
    fn memory(&self) -> String {
        let (side, both) = (self.tile.side(), 2 * self.tile.side());
        let factor = if self.format.mins { "vec4<f32>" } else { "f32" };
        let mut memory = format!(
            "var<workgroup> x_words: array<vec4<u32>, {both}>;
var<workgroup> x_factors: array<{factor}, {side}>;
var<workgroup> w_words: array<vec4<u32>, {both}>;
var<workgroup> w_factors: array<f32, {both}>;\n"
        );
        if packed::has_least(self.format) {
            memory += &format!("var<workgroup> w_least: array<f32, {both}>;\n");
        }
        memory
    }

    /// Writes what a thread has fetched.
    fn stage(&self) -> String {
        let factor = if self.format.mins { "x_next_factors" } else { "x_next_factors.x" };
        let least = if packed::has_least(self.format) {
            "    w_least[unit] = factor(w_next.least, w_part);\n"
        } else {
            ""
        };
        format!(
            "    x_words[unit] = x_next;
    if half == 0u {{ x_factors[part] = {factor}; }}
    w_words[unit] = unpack(w_next, half);
    w_factors[unit] = factor(w_next.factor, w_part);\n{least}"
        )
    }

    /// Adds the products of what is staged to the sums.
    fn multiply(&self) -> String {
        let [rows, _] = self.each();
        (0..rows).step_by(TOGETHER).map(|first| self.multiply_rows(first)).collect()
    }

    fn multiply_rows(&self, first: usize) -> String {
        let (side, [_, outputs]) = (self.tile.side(), self.each());
        let rows = first..first + TOGETHER;
        let loads = rows.clone().map(|i| {
            let low = i * self.down();
            format!(
                "    let low{i} = x_words[row + {low}u];\n    let high{i} = x_words[row + {}u];
    let factor{i} = x_factors[row + {low}u];\n",
                side + low
            )
        });
        let products = (0..outputs).map(|j| {
            let (low, high) = (j * self.across(), side + j * self.across());
            let least = if packed::has_least(self.format) {
                format!(
                    "      let least = w_least[output + {low}u];\n      let high_least = w_least[output + {high}u];\n"
                )
            } else {
                String::new()
            };
            let sums: String = rows.clone().map(|i| self.add(i, j)).collect();
            format!(
                "    {{\n      let low = w_words[output + {low}u];\n      let high = w_words[output + {high}u];
      let factor = w_factors[output + {low}u];\n      let high_factor = w_factors[output + {high}u];
{least}{sums}    }}\n"
            )
        });
        format!("    {{\n{}{}    }}\n", loads.collect::<String>(), products.collect::<String>())
    }

    /// Adds the products of one row with one output.
    fn add(&self, i: usize, j: usize) -> String {
        let (mins, sum) = (self.format.mins, format!("sum{i}_{j}"));
        let scale = if mins { format!("factor{i}.x") } else { format!("factor{i}") };
        let add = |quants: &str, factor: &str| {
            format!("      {sum} = fma(float({quants}) * {scale}, {factor}, {sum});\n")
        };
        let add_least =
            |factor: &str, of: &str| format!("      {sum} = fma({factor}, factor{i}.{of}, {sum});\n");
        let low = format!("dots({MIDDLE_BITS}, low{i}, low)");
        let high = |sum: &str| format!("dots({sum}, high{i}, high)");
        match (self.format.group, mins) {
            (16, false) => add(&low, "factor") + &add(&high(MIDDLE_BITS), "high_factor"),
            (16, true) => {
                let least = add_least("least", "y") + &add_least("high_least", "z");
                add(&low, "factor") + &add(&high(MIDDLE_BITS), "high_factor") + &least
            }
            (_, false) => add(&high(&low), "factor"),
            (_, true) => add(&high(&low), "factor") + &add_least("high_factor", "w"),
        }
    }

    fn write(&self) -> String {
        let [rows, outputs] = self.each();
        let residual = if self.residual { " + residual[at]" } else { "" };
        (0..rows)
            .map(|i| {
                let each: String = (0..outputs)
                    .map(|j| {
                        let column = format!("column + {}u", j * self.across());
                        format!(
                            "    if {column} < outputs {{ let at = first + {column}; out[at] = sum{i}_{j}{residual}; }}\n"
                        )
                    })
                    .collect();
                format!(
                    "  if line + {at}u < rows {{\n    let first = (line + {at}u) * outputs;\n{each}  }}\n",
                    at = i * self.down()
                )
            })
            .collect()
    }
}

impl Program for Product {
    fn threads(&self) -> usize {
        2 * self.tile.side()
    }

    fn text(&self) -> String {
        let [rows, outputs] = self.each();
        let sums = (0..rows).flat_map(|i| (0..outputs).map(move |j| format!("  var sum{i}_{j} = 0.0f;\n")));
        format!(
            "{buffers}{memory}{packed}
fn dots(sum: i32, a: vec4<u32>, b: vec4<u32>) -> i32 {{
  return sum + dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w);
}}
fn float(sum: i32) -> f32 {{
  return bitcast<f32>(sum) - {MIDDLE};
}}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, \
             @builtin(local_invocation_index) unit: u32) {{
  let rows = sizes.x;
  let blocks = sizes.y;
  let outputs = sizes.z;
  let place = group.y * count.x + group.x;
  let row_tiles = (rows + {last}u) / {side}u;
  // A workgroup too many repeats the last outputs, and writes nothing: every thread has to reach the barriers.
  let x_first = place % row_tiles * {side}u;
  let w_first = place / row_tiles * {side}u;
  let part = unit % {side}u;
  let half = unit / {side}u;
  let x_part = min(x_first + part, rows - 1u);
  let w_row = min(w_first + part, outputs - 1u);
  let w_part = w_row % 4u;
  let w_place = w_row / 4u * blocks;
  let row = unit / {across}u;
  let output = unit % {across}u;
  var x_next = rounded[half * rows + x_part];
  var x_next_factors = bitcast<vec4<f32>>(rounded[2u * rows + x_part]);
  var w_next = fetch(w_place, w_part, half);
{sums}  for (var block = 0u; block < blocks; block++) {{
{stage}    workgroupBarrier();
    // Behind the last block, it is fetched once more.
    let next = min(block + 1u, blocks - 1u);
    x_next = rounded[(next * {VECTORS}u + half) * rows + x_part];
    x_next_factors = bitcast<vec4<f32>>(rounded[(next * {VECTORS}u + 2u) * rows + x_part]);
    w_next = fetch(w_place + next, w_part, half);
{multiply}    workgroupBarrier();
  }}
  let line = x_first + row;
  let column = w_first + output;
{write}}}\n",
            buffers = self.buffers(),
            memory = self.memory(),
            packed = packed::decoding(self.format),
            threads = self.threads(),
            side = self.tile.side(),
            last = self.tile.side() - 1,
            across = self.across(),
            sums = sums.collect::<String>(),
            stage = self.stage(),
            multiply = self.multiply(),
            write = self.write(),
        )
    }
}
