//! The sums of a thread, in registers.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::{
    super::{activation::activate, quants::Four, tile::Tile},
    staging::{Part, Staged, place},
};
use crate::kernels::activation::Activation;

/// Those of each row, output by output.
pub(super) type Sums = Sequence<RuntimeCell<f32>>;

#[cube]
pub(super) fn zeros(#[comptime] count: usize) -> Sums {
    let mut cells = Sequence::new();
    #[unroll]
    for _ in 0..count {
        cells.push(RuntimeCell::new(0.0f32));
    }
    cells
}

/// Adds to `sums` the products of what is staged.
#[cube]
pub(super) fn multiply(x: &Staged, weight: &Staged, sums: &Sums, #[comptime] tile: Tile) {
    let (row, output) = (UNIT_POS as usize / tile.across, UNIT_POS as usize % tile.across);
    let apart = comptime!(4 * tile.halves * tile.across);
    #[unroll(false)]
    for quad in 0..comptime!(4 * tile.halves) {
        let (x_at, w_at) = (place(row, quad, tile), place(output, quad, tile));
        let mut a = Sequence::<Four<f32>>::new();
        #[unroll]
        for i in 0..tile.each {
            a.push(x[x_at + comptime!(i * apart)]);
        }
        #[unroll]
        for j in 0..tile.each {
            let b = weight[w_at + comptime!(j * apart)];
            #[unroll]
            for c in 0..4usize {
                #[unroll]
                for i in 0..tile.each {
                    let sum = &sums[comptime!(i * tile.each + j)];
                    sum.store(fma(a[i].extract(c), b.extract(c), sum.read()));
                }
            }
        }
    }
}

/// Finishes a thread's sums and writes them.
#[cube]
pub(super) fn write(
    sums: &Sums,
    bias: &ComptimeOption<Box<[f32]>>,
    residual: &ComptimeOption<Box<[f32]>>,
    out: &mut [f32],
    x: &Part,
    weight: &Part,
    #[comptime] tile: Tile,
    #[comptime] then: Activation,
) {
    #[unroll]
    for j in 0..tile.each {
        let output = weight.first + UNIT_POS as usize % tile.across + comptime!(j * tile.across);
        if output < weight.rows {
            #[comptime]
            let bias = match bias {
                ComptimeOption::Some(bias) => bias[output],
                ComptimeOption::None => 0.0f32,
            };
            #[unroll]
            for i in 0..tile.each {
                let row = x.first + UNIT_POS as usize / tile.across + comptime!(i * tile.across);
                if row < x.rows {
                    let at = row * weight.rows + output;
                    let y = activate(sums[comptime!(i * tile.each + j)].read() + bias, then);
                    #[comptime]
                    let y = match residual {
                        ComptimeOption::Some(residual) => y + residual[at],
                        ComptimeOption::None => y,
                    };
                    out[at] = y;
                }
            }
        }
    }
}
