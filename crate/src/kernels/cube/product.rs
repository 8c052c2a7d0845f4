//! `activation(x · Wᵀ + bias) + residual` for many rows of `x`.

#[cfg(test)]
mod tests;

use burn_cubecl::cubecl;
use burn_cubecl::{cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    activation::activate,
    dims, dispatch, empty_like,
    matrix::{Columns, Matrix, MatrixArgs, Stored, four, rows as rows_of},
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

/// From so many rows on a product is faster in tiles of them than row by row.
pub(super) const MANY_ROWS: usize = 9;

/// Vectors that a thread has on their way from a matrix to shared memory.
type Fetched = Sequence<RuntimeCell<Four<f32>>>;
/// Four columns each of rows of a matrix, where [`Tile::place`] says.
type Staged = Shared<[Four<f32>]>;

/// A weight `[outputs, columns]`.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Weight {
    /// In f32, row by row.
    Rows(CubeTensor),
    /// In panels of eight rows.
    Panels(CubeTensor, DenseWidth),
    /// Planes, scales and groups.
    Quants([CubeTensor; 3], Format),
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

/// Where a workgroup is in the matrices.
#[derive(CubeType)]
struct Part {
    /// The first row of the matrix.
    first: usize,
    /// Rows of the matrix.
    rows: usize,
    columns: usize,
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

#[cube]
fn cells(#[comptime] count: usize) -> Fetched {
    let mut cells = Sequence::new();
    #[unroll]
    for _ in 0..count {
        cells.push(RuntimeCell::new(Four::<f32>::new(0.0f32)));
    }
    cells
}

#[cube]
fn zeros(#[comptime] count: usize) -> Sequence<RuntimeCell<f32>> {
    let mut cells = Sequence::new();
    #[unroll]
    for _ in 0..count {
        cells.push(RuntimeCell::new(0.0f32));
    }
    cells
}

/// Reads a thread's part of a stage: from the block `block`, beginning with the half `half`.
#[cube]
fn fetch(
    matrix: &Matrix,
    part: &Part,
    block: usize,
    into: &Fetched,
    #[comptime] half: usize,
    #[comptime] tile: Tile,
    #[comptime] stored: Stored,
) {
    #[unroll]
    for i in 0..comptime!(tile.items()) {
        let item = UNIT_POS as usize + comptime!(i * tile.threads());
        let row = min(part.first + item / 4, part.rows - 1);
        let columns = Columns { block, quarter: item % 4, count: part.columns };
        #[unroll]
        for h in 0..tile.halves {
            into[comptime!(i * tile.halves + h)].store(four(
                matrix,
                row,
                &columns,
                comptime!(half + h),
                stored,
            ));
        }
    }
}

/// Writes what [`fetch`] read.
#[cube]
fn stage_fetched(fetched: &Fetched, staged: &mut Staged, #[comptime] tile: Tile) {
    #[unroll]
    for i in 0..comptime!(tile.items()) {
        let item = UNIT_POS as usize + comptime!(i * tile.threads());
        #[unroll]
        for h in 0..tile.halves {
            staged[place(item / 4, comptime!(4 * h) + item % 4, tile)] =
                fetched[comptime!(i * tile.halves + h)].read();
        }
    }
}

/// Where in shared memory columns `4 · quad ..+ 4` of a row are: in an order of the row's, so that neighbouring rows are
/// in different banks.
#[cube]
fn place(row: usize, quad: usize, #[comptime] tile: Tile) -> usize {
    let pitch = comptime!(4 * tile.halves);
    row * pitch + (quad ^ (row * comptime!(tile.halves) / 2 % pitch))
}

/// Adds to `sums` the products of what is staged.
#[cube]
fn multiply(x: &Staged, weight: &Staged, sums: &Sequence<RuntimeCell<f32>>, #[comptime] tile: Tile) {
    let (row, output) = (UNIT_POS as usize / tile.across, UNIT_POS as usize % tile.across);
    let apart = comptime!(4 * tile.halves * tile.across);
    #[unroll(tile.each == 4)]
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
fn write(
    sums: &Sequence<RuntimeCell<f32>>,
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

/// `x: [rows, columns]`, a weight `[outputs, columns]` → `[rows, outputs]`. The columns of quants are whole blocks.
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
            let [planes, scales, groups] = parts.map(CubeTensor::into_buffer_arg);
            (MatrixArgs::Quants(planes, scales, groups), Stored::Quants(format))
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
