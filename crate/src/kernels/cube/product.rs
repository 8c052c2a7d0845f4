//! `activation(x · Wᵀ + bias) + residual` for many rows of `x`.

mod staging;
mod sums;
#[cfg(test)]
mod tests;

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use self::{
    staging::{Part, cells, fetch, stage_fetched},
    sums::{multiply, write, zeros},
};
use super::{
    dims, dispatch, empty_like,
    matrix::{Matrix, MatrixArgs, Stored, rows as rows_of},
    position,
    quants::Four,
    tile::Tile,
};
use crate::kernels::{
    activation::Activation,
    linear_q::{
        DenseWidth,
        layout::{BLOCK, Format},
    },
};

/// A weight `[outputs, columns]`.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Weight {
    /// In f32, row by row.
    Rows(CubeTensor),
    /// In panels of eight rows.
    Panels(CubeTensor, DenseWidth),
    /// Planes and scales.
    Quants([CubeTensor; 2], Format),
}

/// What follows the product, in this order.
pub(crate) struct After {
    /// `[outputs]`.
    pub(crate) bias: Option<CubeTensor>,
    pub(crate) then: Activation,
    /// `[rows, outputs]`; another tensor than `x`.
    pub(crate) residual: Option<CubeTensor>,
}

impl After {
    pub(crate) const NOTHING: Self = Self { bias: None, then: Activation::Identity, residual: None };
}

/// A workgroup computes a tile of the result.
///
/// Tiles of `x` and of the weight, some columns wide, are staged in shared memory, from which each thread multiplies
/// its rows with its outputs in registers. What is staged next is fetched while they are multiplied.
#[cube(launch_unchecked)]
fn product_kernel(
    x: &Matrix,
    weight: &Matrix,
    bias: &ComptimeOption<Box<[f32]>>,
    residual: &ComptimeOption<Box<[f32]>>,
    out: &mut [f32],
    rows: usize,
    columns: usize,
    outputs: usize,
    #[comptime] tile: Tile,
    #[comptime] stored: Stored,
    #[comptime] then: Activation,
) {
    let row_tiles = rows.div_ceil(comptime!(tile.side()));
    // A workgroup too many repeats the last rows of the weight, and writes nothing.
    let x_part = Part { first: position() % row_tiles * comptime!(tile.side()), rows, columns };
    let w_part = Part { first: position() / row_tiles * comptime!(tile.side()), rows: outputs, columns };
    let mut x_staged = Shared::<[Four<f32>]>::new_slice(comptime!(tile.staged()));
    let mut w_staged = Shared::<[Four<f32>]>::new_slice(comptime!(tile.staged()));
    let x_next = cells(comptime!(tile.fetched()));
    let w_next = cells(comptime!(tile.fetched()));
    let sums = zeros(comptime!(tile.each * tile.each));

    let blocks = columns.div_ceil(BLOCK);
    fetch(x, &x_part, 0usize, &x_next, 0usize, tile, Stored::Rows);
    fetch(weight, &w_part, 0usize, &w_next, 0usize, tile, stored);
    let mut block = 0usize;
    while block < blocks {
        #[unroll]
        for stage in 0..comptime!(tile.stages()) {
            stage_fetched(&x_next, &mut x_staged, tile);
            stage_fetched(&w_next, &mut w_staged, tile);
            sync_cube();
            // Behind the last columns, these are fetched once more.
            let next = min(block + comptime!((stage + 1) / tile.stages()), blocks - 1);
            let half = comptime!((stage + 1) % tile.stages());
            fetch(x, &x_part, next, &x_next, half, tile, Stored::Rows);
            fetch(weight, &w_part, next, &w_next, half, tile, stored);
            multiply(&x_staged, &w_staged, &sums, tile);
            sync_cube();
        }
        block += 1;
    }
    write(&sums, bias, residual, out, &x_part, &w_part, tile, then);
}

/// `x: [rows, columns]`, a weight `[outputs, columns]` → `[rows, outputs]`; none is empty. The columns of quants are
/// whole blocks.
pub(super) fn product(x: CubeTensor, weight: Weight, after: After, outputs: usize) -> CubeTensor {
    let [rows, _] = dims(&x);
    product_in(Tile::fitting(rows, outputs), x, weight, after, outputs)
}

/// The same in tiles of a given kind.
pub(crate) fn product_in(
    tile: Tile,
    x: CubeTensor,
    weight: Weight,
    after: After,
    outputs: usize,
) -> CubeTensor {
    let x = into_contiguous(x);
    let [rows, columns] = dims(&x);
    let out = empty_like(&x, [rows, outputs]);
    let client = out.client.clone();
    let (weight, stored) = match weight {
        Weight::Rows(weight) => (rows_of(into_contiguous(weight), columns), Stored::Rows),
        Weight::Panels(panels, width) => {
            (MatrixArgs::Panels(panels.into_buffer_arg()), Stored::Panels(width))
        }
        Weight::Quants(parts, format) => {
            let [planes, scales] = parts.map(CubeTensor::into_buffer_arg);
            (MatrixArgs::Quants(planes, scales), Stored::Quants(format))
        }
    };
    let optional = |tensor: Option<CubeTensor>| tensor.map(|t| into_contiguous(t).into_buffer_arg()).into();
    // SAFETY: the tensors are contiguous and as long as the sizes and the weight's kind say; threads stay within them.
    unsafe {
        product_kernel::launch_unchecked(
            &client,
            dispatch(tile.count(rows, outputs), 1),
            CubeDim::new_1d(tile.threads() as u32),
            rows_of(x, columns),
            weight,
            optional(after.bias),
            optional(after.residual),
            out.clone().into_buffer_arg(),
            rows,
            columns,
            outputs,
            tile,
            stored,
            after.then,
        );
    }
    out
}
