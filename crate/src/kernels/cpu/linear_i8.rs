//! Weights of eight bits times activations of seven, both rotated before they were rounded.

mod activations;
mod packed;
mod products;
mod rotation;
mod tile;

use core::ops::Range;

use self::{
    activations::{Activations, PANEL},
    packed::STRIP,
    products::{Bytes, Products, Words},
    tile::{Sums, multiply as multiply_tile},
};
use super::{f32x4::F32x4, linear_q::BYTES, pool::split, rows::RowsMut};

pub(crate) use self::packed::Packed;

/// Columns that share a scale.
pub(crate) const BLOCK: usize = 128;
/// Vectors of a block in f32.
const FOURS: usize = BLOCK / 4;

/// The most activations that are multiplied with all of the weight at a time, so that they stay in the second-level
/// cache.
const CACHED: usize = 192 << 10;
/// Strips after which what they gave is finished, while it is in the first-level cache.
const CHUNK: usize = 8;

/// `into[rows, out] = x · Wᵀ` for `x: [rows, in]`; `finish` gets every part of a row once it is there, and the number of
/// its first column.
pub(crate) fn multiply(
    x: &[f32],
    weight: &Packed,
    into: &RowsMut,
    finish: impl Fn(&mut [f32], usize) + Sync,
) {
    if BYTES {
        multiply_by::<Bytes>(x, weight, into, finish);
    } else {
        multiply_by::<Words>(x, weight, into, finish);
    }
}

fn multiply_by<S: Products>(
    x: &[f32],
    weight: &Packed,
    into: &RowsMut,
    finish: impl Fn(&mut [f32], usize) + Sync,
) {
    let [out, columns] = weight.shape();
    let activations = Activations::new::<S>(x, columns);
    let (all, cached) = (activations.rows(), (CACHED / columns).max(1).next_multiple_of(PANEL));
    let chunks = out.div_ceil(CHUNK * STRIP);
    for first in (0..all).step_by(cached) {
        let rows = first..all.min(first + cached);
        split(chunks, rows.len() * columns * out, |chunks| {
            for chunk in chunks {
                let range = chunk * CHUNK * STRIP..out.min((chunk + 1) * CHUNK * STRIP);
                // SAFETY: every chunk has columns of its own.
                let mut into = unsafe { into.part(rows.clone(), range.clone()) };
                for start in range.clone().step_by(STRIP) {
                    let columns = start - range.start..range.len().min(start - range.start + STRIP);
                    // SAFETY: it is the only part.
                    let mut into = unsafe { into.part(0..rows.len(), columns) };
                    multiply_strip::<S>(&activations, weight, rows.clone(), start / STRIP, &mut into);
                }
                (0..rows.len()).for_each(|row| finish(into.row(row), range.start));
            }
        });
    }
}

fn multiply_strip<S: Products>(
    activations: &Activations,
    weight: &Packed,
    rows: Range<usize>,
    strip: usize,
    into: &mut RowsMut,
) {
    let (start, strip) = (rows.start, weight.strip(strip));
    for (row, count, panel) in activations.panels(rows) {
        match count {
            1 => store(multiply_tile::<S, 1>(strip, panel), row - start, into),
            2 => store(multiply_tile::<S, 2>(strip, panel), row - start, into),
            3 => store(multiply_tile::<S, 3>(strip, panel), row - start, into),
            _ => store(multiply_tile::<S, PANEL>(strip, panel), row - start, into),
        }
    }
}

/// Writes the sums of consecutive rows, from `first` on; as many of each eight as there is room for.
#[inline(always)]
fn store<const T: usize>(sums: [Sums; T], first: usize, into: &mut RowsMut) {
    for (row, sums) in (first..).zip(sums) {
        let row = into.row(row);
        let sums = sums.map(F32x4::to_array);
        // A copy of any length is a call, so that of all eight is no such copy.
        match row.first_chunk_mut::<STRIP>() {
            Some(row) => row.copy_from_slice(sums.as_flattened()),
            None => row.iter_mut().zip(sums.as_flattened()).for_each(|(y, sum)| *y = *sum),
        }
    }
}

/// `x · Wᵀ` in words and in bytes, whichever of the two [`multiply`] takes.
pub(crate) fn multiply_both_ways(x: &[f32], weight: &Packed) -> [Vec<f32>; 2] {
    let [out, columns] = weight.shape();
    let mut ys = [(); 2].map(|()| vec![0.0; x.len() / columns * out]);
    multiply_by::<Words>(x, weight, &RowsMut::new(&mut ys[0], out), |_, _| {});
    multiply_by::<Bytes>(x, weight, &RowsMut::new(&mut ys[1], out), |_, _| {});
    ys
}
