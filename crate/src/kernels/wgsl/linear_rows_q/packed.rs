//! Quantised weights as signed bytes, four in a word, in the layout of [`crate::kernels::linear_q::layout`].

use crate::kernels::linear_q::layout::Format;

/// Whether half a block has a minimum beside its scale.
pub(super) fn has_least(format: Format) -> bool {
    format.mins && format.group == 16
}

/// Functions that read half a block of one row of the buffers `planes` and `scales`:
///
/// - `fetch(place, row, half) -> Fetched` reads it, of the block number `place` among all tiles and the row `row` of its tile;
/// - `unpack(fetched, half) -> vec4<u32>` are its sixteen quants, less the offset;
/// - `factor(fetched.factor, row) -> f32` is its scale, but where a block has one scale and one minimum, the first half has
///   the scale and the second the minimum;
/// - `factor(fetched.least, row) -> f32` is its minimum where [`has_least`].
pub(super) fn decoding(format: Format) -> String {
    format!(
        "struct Fetched {{ words: vec4<u32>, bits: vec2<u32>, factor: vec2<u32>, least: vec2<u32> }}
fn fetch(place: u32, row: u32, half: u32) -> Fetched {{
  let at = place * {}u + row;
  var next: Fetched;
{}{}  return next;
}}
fn unpack(next: Fetched, half: u32) -> vec4<u32> {{
{}}}
fn factor(parts: vec2<u32>, row: u32) -> f32 {{
  {}
}}\n",
        format.block_bytes() / 4,
        fetch_quants(format),
        fetch_factors(format),
        unpack(format),
        if format.grouped {
            "return bitcast<f32>(parts.x) * f32(extractBits(bitcast<i32>(parts.y), row * 8u, 8u));"
        } else {
            "return unpack2x16float(parts.x)[row % 2u];"
        },
    )
}

fn fetch_quants(format: Format) -> String {
    let words = |from: [&str; 4]| {
        let each = from.map(|at| format!("planes[at{at}]"));
        format!("  next.words = vec4<u32>({});\n", each.join(", "))
    };
    let two =
        |plane: usize| format!("vec2<u32>(planes[at + {}u], planes[at + {}u])", 4 * plane, 4 * plane + 4);
    match format.bits {
        2 => format!("  next.bits = {};\n", two(0)),
        3 => format!("  next.bits = {};\n  next.words.x = planes[at + 8u];\n", two(0)),
        8 => words([" + half * 4u", " + half * 4u + 8u", " + half * 4u + 16u", " + half * 4u + 24u"]),
        bits => {
            let low = words(["", " + 4u", " + 8u", " + 12u"]);
            low + &match bits {
                5 => "  next.bits.x = planes[at + 16u];\n".to_owned(),
                6 => format!("  next.bits = {};\n", two(4)),
                _ => String::new(),
            }
        }
    }
}

fn fetch_factors(format: Format) -> String {
    // With one minimum for a block, the second half has this.
    let which = if format.mins { "half" } else { "0u" };
    let lanes = format.lanes();
    if !format.grouped {
        return format!("  next.factor.x = scales[place * {}u + {which} * 2u + row / 2u];\n", lanes / 2);
    }
    let record = format!(
        "  let record = place / 8u * {}u;\n  let groups = record + {lanes}u;\n",
        format.record_words()
    );
    let factor = |name: &str, which: &str, group: &str| {
        format!("  next.{name} = vec2<u32>(scales[record + {which} * 4u + row], scales[groups + {group}]);\n")
    };
    record
        + &match (format.group, format.mins) {
            (16, true) => {
                factor("factor", "0u", "place % 8u * 4u + half * 2u")
                    + &factor("least", "1u", "place % 8u * 4u + half * 2u + 1u")
            }
            (16, false) => factor("factor", "0u", "place % 8u * 2u + half"),
            (_, true) => factor("factor", "half", "place % 8u * 2u + half"),
            (_, false) => factor("factor", "0u", "place % 8u"),
        }
}

fn unpack(format: Format) -> String {
    let one = |from: &str, up: usize| {
        format!(
            "(((vec4<u32>({from}) >> (vec4<u32>(0u, 2u, 4u, 6u) + vec4<u32>(half))) & vec4<u32>(0x01010101u)) << vec4<u32>({up}u))"
        )
    };
    let two = |up: usize| {
        format!(
            "(((next.bits.xxyy >> (vec4<u32>(0u, 4u, 0u, 4u) + vec4<u32>(2u * half))) & vec4<u32>(0x03030303u)) << vec4<u32>({up}u))"
        )
    };
    let four = "((next.words >> vec4<u32>(4u * half)) & vec4<u32>(0x0f0f0f0fu))";
    let quants = match format.bits {
        2 => two(0),
        3 => format!("{} | {}", two(0), one("next.words.x", 2)),
        4 => four.to_owned(),
        5 => format!("{four} | {}", one("next.bits.x", 4)),
        6 => format!("{four} | {}", two(4)),
        _ => "next.words".to_owned(),
    };
    if format.offset == 0 {
        return format!("  return {quants};\n");
    }
    // No byte borrows from the next, and each has its sign.
    format!(
        "  let quants = {quants};
  return ((quants | vec4<u32>(0x80808080u)) - vec4<u32>({}u)) ^ vec4<u32>(0x80808080u);\n",
        format.offset * 0x0101_0101
    )
}
