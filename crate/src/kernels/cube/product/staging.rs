//! Tiles of matrices on their way to shared memory.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::super::{
    matrix::{Columns, Matrix, Stored, four},
    quants::Four,
    tile::Tile,
};

/// Vectors that a thread has on their way from a matrix to shared memory.
pub(super) type Fetched = Sequence<RuntimeCell<Four<f32>>>;
/// Four columns each of rows of a matrix, where [`Tile::place`] says.
pub(super) type Staged = Shared<[Four<f32>]>;

/// Where a workgroup is in the matrices.
#[derive(CubeType)]
pub(super) struct Part {
    /// The first row of the matrix.
    pub(super) first: usize,
    /// Rows of the matrix.
    pub(super) rows: usize,
    pub(super) columns: usize,
}

#[cube]
pub(super) fn cells(#[comptime] count: usize) -> Fetched {
    let mut cells = Sequence::new();
    #[unroll]
    for _ in 0..count {
        cells.push(RuntimeCell::new(Four::<f32>::new(0.0f32)));
    }
    cells
}

/// Reads a thread's part of a stage: from the block `block`, beginning with the half `half`.
#[cube]
pub(super) fn fetch(
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
pub(super) fn stage_fetched(fetched: &Fetched, staged: &mut Staged, #[comptime] tile: Tile) {
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
pub(super) fn place(row: usize, quad: usize, #[comptime] tile: Tile) -> usize {
    let pitch = comptime!(4 * tile.halves);
    row * pitch + (quad ^ (row * comptime!(tile.halves) / 2 % pitch))
}
