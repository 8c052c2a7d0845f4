//! Decoding quantised weights, in the layout of [`crate::kernels::linear_q::layout`].
//!
//! A thread has a quarter of a block of the four rows of a tile. A quant becomes a float by being put among the lowest
//! bits of 2²³, which is taken off again: conversions are several times slower than additions on most GPUs.

use crate::kernels::linear_q::layout::{BLOCK, Format};

/// 2²³, whose last place is one.
const ONE_PLACE: u32 = 1 << 23;
/// Its bits.
const ONE_PLACE_BITS: &str = "0x4b000000u";

/// Declarations of the two buffers of a weight, the first at `binding`.
pub(super) fn buffers(format: Format, binding: usize, read: &str) -> String {
    format!(
        "@group(0) @binding({binding}) var<storage, {read}> planes: array<vec4<u32>>;
@group(0) @binding({}) var<storage, {read}> scales: array<{}>;\n",
        binding + 1,
        if format.grouped { "vec4<u32>" } else { "vec2<u32>" }
    )
}

/// The words of the groups of a block, where it has four, or two.
const FOUR_WORDS: &str = "  let words = scales[groups + place % 8u];\n";
const TWO_WORDS: &str = "  let both = scales[groups + place % 8u / 2u];
  let words = select(both.xy, both.zw, place % 2u == 1u);\n";

/// Words of a block, in vectors of four.
fn block_vectors(format: Format) -> usize {
    format.block_bytes() / 16
}

/// Functions that decode a weight of `columns`:
///
/// - `prepare(low, high)` makes of the activations of a quarter, columns `4q..` and `16 + 4q..`, an `Input`;
/// - `products(tile, block, quarter, input) -> vec4<f32>` multiplies it with the weights of four rows;
/// - `weights(tile, block, quarter, row) -> Pair` are the weights of one row themselves.
pub(super) fn decoding(format: Format, columns: usize) -> String {
    let blocks = columns / BLOCK;
    let vectors = block_vectors(format);
    format!(
        "const BLOCKS = {blocks}u;
struct Pair {{ low: vec4<f32>, high: vec4<f32> }}
{factors}
{quants}
fn weights(tile: u32, block: u32, quarter: u32, row: u32) -> Pair {{
  let place = tile * BLOCKS + block;
  let pair = quants(place * {vectors}u, quarter, row);
  let scale = factors(place, 0u);
  var low = pair.low * scale.low[row];
  var high = pair.high * scale.high[row];
{mins}  return Pair(low, high);
}}
{products}",
        factors = factors(format),
        quants = quants(format),
        mins = if format.mins {
            "  let least = factors(place, 1u);\n  low += vec4<f32>(least.low[row]);\n  high += vec4<f32>(least.high[row]);\n"
        } else {
            ""
        },
        products = products(format),
    )
}

/// `factors(place, which) -> Pair`: the scales of four rows for both halves of a block, or what is added to them.
fn factors(format: Format) -> String {
    let lanes = format.lanes() / 4;
    if !format.grouped {
        return format!(
            "fn factors(place: u32, which: u32) -> Pair {{
  let halves = scales[place * {lanes}u + which];
  let factor = vec4<f32>(unpack2x16float(halves.x), unpack2x16float(halves.y));
  return Pair(factor, factor);
}}"
        );
    }
    // Of each group that of the scales, then that of the minimums.
    let (words, [low, high]) = match (format.group, format.mins) {
        (16, true) => (FOUR_WORDS, ["which", "2u + which"]),
        (16, false) => (TWO_WORDS, ["0u", "1u"]),
        _ => (TWO_WORDS, ["which"; 2]),
    };
    format!(
        "fn bytes_of(word: u32) -> vec4<f32> {{
  return vec4<f32>((vec4<i32>(bitcast<i32>(word)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}}
fn factors(place: u32, which: u32) -> Pair {{
  let record = place / 8u * {}u;
  let factor = bitcast<vec4<f32>>(scales[record + which]);
  let groups = record + {lanes}u;
{words}  return Pair(factor * bytes_of(words[{low}]), factor * bytes_of(words[{high}]));
}}",
        format.record_words() / 4
    )
}

/// `quants(at, quarter, row) -> Pair`: the quants of one row, less the offset; `at` is the first vector of the block.
fn quants(format: Format) -> String {
    let two_bits = |plane: usize, half: usize, up: usize| {
        format!(
            "((fields(planes[at + {plane}u + quarter / 2u][row], quarter % 2u * 4u + {}u) & vec4<u32>(3u)) << vec4<u32>({up}u))",
            2 * half
        )
    };
    let one_bit = |plane: usize, half: usize, up: usize| {
        format!(
            "((fields(planes[at + {plane}u][row], quarter * 2u + {half}u) & vec4<u32>(1u)) << vec4<u32>({up}u))"
        )
    };
    let four_bits =
        |half: usize| format!("(fields(planes[at + quarter][row], {}u) & vec4<u32>(15u))", 4 * half);
    let half = |half: usize| match format.bits {
        2 => two_bits(0, half, 0),
        3 => format!("{} + {}", two_bits(0, half, 0), one_bit(2, half, 2)),
        4 => four_bits(half),
        5 => format!("{} + {}", four_bits(half), one_bit(4, half, 4)),
        6 => format!("{} + {}", four_bits(half), two_bits(4, half, 4)),
        // Signed: the sign bit turned over is 128 more.
        _ => {
            format!("(fields(planes[at + quarter * 2u + {half}u][row] ^ 0x80808080u, 0u) & vec4<u32>(255u))")
        }
    };
    let offset = if format.bits == 8 { 128 } else { format.offset };
    format!(
        "fn fields(word: u32, shift: u32) -> vec4<u32> {{
  return vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + vec4<u32>(shift));
}}
fn floats(quants: vec4<u32>) -> vec4<f32> {{
  return bitcast<vec4<f32>>(quants | vec4<u32>({ONE_PLACE_BITS})) - vec4<f32>({});
}}
fn quants(at: u32, quarter: u32, row: u32) -> Pair {{
  return Pair(floats({}), floats({}));
}}",
        float(ONE_PLACE as f32 + offset as f32),
        half(0),
        half(1)
    )
}

fn float(value: f32) -> String {
    format!("{value:?}f")
}

fn products(format: Format) -> String {
    let (prepare, rows) = if format.bits == 4 { four_bit_rows(format) } else { other_rows() };
    let mins = if format.mins {
        "  let least = factors(place, 1u);\n  sums += least.low * input.low_sum + least.high * input.high_sum;\n"
    } else {
        ""
    };
    let sums =
        if format.mins { ", dot(low, vec4<f32>(1.0f)), dot(high, vec4<f32>(1.0f))" } else { ", 0.0f, 0.0f" };
    format!(
        "struct Input {{ low: vec4<f32>, high: vec4<f32>, low_sum: f32, high_sum: f32 }}
fn prepare(low: vec4<f32>, high: vec4<f32>) -> Input {{
  return Input({prepare}{sums});
}}
fn products(tile: u32, block: u32, quarter: u32, input: Input) -> vec4<f32> {{
  let place = tile * BLOCKS + block;
  let at = place * {}u;
  let scale = factors(place, 0u);
{rows}  var sums = scale.low * vec4<f32>(l0, l1, l2, l3) + scale.high * vec4<f32>(h0, h1, h2, h3);
{mins}  return sums;
}}\n",
        block_vectors(format)
    )
}

/// Four-bit quants are taken where they are in a word: `n · 2ᵏ` is an integer below 2²³ for `k` up to 16, and the
/// activations bring the `2⁻ᵏ`.
fn four_bit_rows(format: Format) -> (&'static str, String) {
    let base = |shift: u32| float(ONE_PLACE as f32 + (format.offset << shift) as f32);
    let half = |name: char, row: usize, [a, b]: [&str; 2], shifts: [u32; 2], input: &str| {
        let [c, d] = shifts.map(base);
        format!(
            "  let {name}{row} = dot(bitcast<vec4<f32>>(vec4<u32>(words[{row}] & {a}, words[{row}] & {b}, \
             tops[{row}] & {a}, tops[{row}] & {b}) | vec4<u32>({ONE_PLACE_BITS})) - vec4<f32>({c}, {d}, {c}, {d}), \
             input.{input});\n"
        )
    };
    let rows: String = (0..4)
        .map(|row| {
            half('l', row, ["0xfu", "0xf00u"], [0, 8], "low")
                + &half('h', row, ["0xf0u", "0xf000u"], [4, 12], "high")
        })
        .collect();
    let words = "  let words = planes[at + quarter];\n  let tops = words >> vec4<u32>(16u);\n";
    let prepare = "low * vec4<f32>(1.0f, 0.00390625f, 1.0f, 0.00390625f), \
                   high * vec4<f32>(0.0625f, 0.000244140625f, 0.0625f, 0.000244140625f)";
    (prepare, format!("{words}{rows}"))
}

fn other_rows() -> (&'static str, String) {
    let row = |row: usize| {
        format!(
            "  let q{row} = quants(at, quarter, {row}u);
  let l{row} = dot(q{row}.low, input.low);
  let h{row} = dot(q{row}.high, input.high);\n"
        )
    };
    ("low, high", (0..4).map(row).collect())
}
