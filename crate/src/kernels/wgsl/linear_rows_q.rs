//! A linear layer for many rows, which are rounded to eight bits and multiplied in packed bytes.

mod packed;
mod product;
mod round;
#[cfg(test)]
mod tests;

use burn::tensor::DType;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

pub(super) use self::{
    product::Product,
    round::{Before, Round},
};
use super::{
    program::{
        Bound::{Read, Written},
        launch_sized,
    },
    step_ops::{empty, groups, matrix},
};
use crate::kernels::{
    cube::tile::Tile,
    gated_f32::Gate,
    linear_q::layout::{BLOCK, Format},
};

/// What is multiplied, `[rows, columns]`.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Rows {
    /// This.
    These(CubeTensor),
    /// This, normalised with an epsilon and a weight `[columns]`; see [`crate::kernels::rms_norm_f32`].
    Normed(CubeTensor, CubeTensor, f32),
    /// What the first half of each row of this, `[rows, 2 · columns]`, makes of the second; see
    /// [`crate::kernels::gated_f32`].
    Gated(CubeTensor, Gate),
}

/// The product of `x` with a packed weight `[outputs, columns]`: `[rows, outputs]`, added to a residual of this shape; none
/// is empty. Rows are rounded as the CPU rounds them.
pub(crate) fn linear_rows_q(
    x: Rows,
    weight: [CubeTensor; 2],
    residual: Option<CubeTensor>,
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let (Rows::These(of) | Rows::Normed(of, ..) | Rows::Gated(of, _)) = &x;
    let tile = Tile::fitting(of.meta.shape()[0], outputs);
    linear_rows_in(tile, x, weight, residual, format, outputs)
}

/// The same in tiles of a given kind.
pub(crate) fn linear_rows_in(
    tile: Tile,
    x: Rows,
    [planes, scales]: [CubeTensor; 2],
    residual: Option<CubeTensor>,
    format: Format,
    outputs: usize,
) -> CubeTensor {
    let residual = residual.map(into_contiguous);
    let (rounded, [rows, blocks]) = round(x);
    let out = matrix(&rounded, [rows, outputs], DType::F32);
    let mut bound = vec![Read(&rounded), Read(&planes), Read(&scales)];
    bound.extend(residual.as_ref().map(Read));
    bound.push(Written(&out));
    let product = Product { format, residual: residual.is_some(), tile };
    launch_sized(product, groups(tile.count(rows, outputs)), &bound, [rows, blocks, outputs]);
    out
}

/// Rows as [`Round`] puts them, and how many they are, of how many blocks.
fn round(x: Rows) -> (CubeTensor, [usize; 2]) {
    let (x, gamma, before, halves) = match x {
        Rows::These(x) => (x, None, Before::Nothing, 1),
        Rows::Normed(x, gamma, epsilon) => {
            (x, Some(into_contiguous(gamma)), Before::Norm(epsilon.to_bits()), 1)
        }
        Rows::Gated(both, by) => (both, None, Before::Gate(by), 2),
    };
    let x = into_contiguous(x);
    let shape @ [rows, blocks] = [x.meta.shape()[0], x.meta.shape()[1] / (halves * BLOCK)];
    let rounded = empty(&x, rows * blocks * 4 * round::VECTORS, DType::I32);
    let mut bound = vec![Read(&x)];
    bound.extend(gamma.as_ref().map(Read));
    bound.push(Written(&rounded));
    let how = Round { before };
    launch_sized(how.clone(), groups(how.workgroups(shape)), &bound, [rows, blocks, 0]);
    (rounded, shape)
}
