//! A linear layer for many rows, which are rounded to eight bits and multiplied in packed bytes.

mod packed;
mod product;
mod round;
#[cfg(test)]
mod tests;

use burn::tensor::DType;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

pub(super) use self::{product::Product, round::Round};
use super::{
    program::{
        Bound::{Read, Written},
        Program, launch_sized,
    },
    step_ops::{empty, groups, matrix},
};
use crate::kernels::{
    cube::tile::Tile,
    linear_q::layout::{BLOCK, Format},
};

/// `x: [rows, columns]`, a packed weight `[outputs, columns]` → `[rows, outputs]`, added to a residual of this shape;
/// none is empty. Rows are rounded as the CPU rounds them.
pub(crate) fn linear_rows_q(
    x: CubeTensor,
    weight: [CubeTensor; 2],
    residual: Option<CubeTensor>,
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let tile = Tile::fitting(x.meta.shape()[0], outputs);
    linear_rows_in(tile, x, weight, residual, format, outputs)
}

/// The same in tiles of a given kind.
pub(crate) fn linear_rows_in(
    tile: Tile,
    x: CubeTensor,
    [planes, scales]: [CubeTensor; 2],
    residual: Option<CubeTensor>,
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let (x, residual) = (into_contiguous(x), residual.map(into_contiguous));
    let [rows, blocks] = [x.meta.shape()[0], x.meta.shape()[1] / BLOCK];
    let rounded = round(&x, [rows, blocks]);
    let out = matrix(&x, [rows, outputs], DType::F32);
    let mut bound = vec![Read(&rounded), Read(&planes), Read(&scales)];
    bound.extend(residual.as_ref().map(Read));
    bound.push(Written(&out));
    let product = Product { format, residual: residual.is_some(), tile };
    launch_sized(product, groups(tile.count(rows, outputs)), &bound, [rows, blocks, outputs]);
    out
}

/// The rows of a contiguous tensor, as [`Round`] puts them.
fn round(x: &CubeTensor, [rows, blocks]: [usize; 2]) -> CubeTensor {
    let count = rows * blocks;
    let rounded = empty(x, count * 4 * round::VECTORS, DType::I32);
    let workgroups = groups(count.div_ceil(Round.threads()));
    launch_sized(Round, workgroups, &[Read(x), Written(&rounded)], [rows, blocks, 0]);
    rounded
}
