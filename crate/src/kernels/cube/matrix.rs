//! Matrices whose rows are read four columns at a time, however they are stored.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use super::{
    dense::{element, panel_words},
    quants::{Four, Place, weights},
};
use crate::kernels::{
    cpu::gemm_f32::PANEL,
    linear_q::{
        DenseWidth,
        layout::{BLOCK, Format, TILE},
    },
};

/// How the elements of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stored {
    /// In f32, row by row.
    Rows,
    /// In panels of eight rows, as [`super::dense`] has them.
    Panels(DenseWidth),
    /// Quantised, in the layout of [`crate::kernels::linear_q::layout`].
    Quants(Format),
}

/// The buffers of a matrix.
#[derive(CubeType, CubeLaunch)]
#[allow(dead_code)] // the host has its arguments instead
pub(super) enum Matrix {
    /// Of [`Stored::Rows`], where the columns are whole blocks.
    Fours(Box<[Four<f32>]>),
    /// Of [`Stored::Rows`], whatever the columns are.
    Floats(Box<[f32]>),
    /// Of [`Stored::Panels`].
    Panels(Box<[u32]>),
    /// Of [`Stored::Quants`]: planes and scales.
    Quants(Box<[u32]>, Box<[u32]>),
}

/// Rows in f32, `[rows, columns]` and contiguous.
pub(super) fn rows(x: CubeTensor, columns: usize) -> MatrixArgs {
    let x = x.into_buffer_arg();
    if columns.is_multiple_of(BLOCK) { MatrixArgs::Fours(x) } else { MatrixArgs::Floats(x) }
}

/// Four columns of a matrix.
#[derive(CubeType)]
pub(super) struct Columns {
    /// Those of block `block` begin with `32 · block`.
    pub(super) block: usize,
    /// Which of a half block: `4 · quarter ..+ 4`.
    pub(super) quarter: usize,
    /// All that there are.
    pub(super) count: usize,
}

/// Columns `32 · block + 16 · half + 4 · quarter ..+ 4` of `row`; zeros behind the last column.
#[cube]
pub(super) fn four(
    matrix: &Matrix,
    row: usize,
    columns: &Columns,
    #[comptime] half: usize,
    #[comptime] stored: Stored,
) -> Four<f32> {
    let (block, quarter, count) = (columns.block, columns.quarter, columns.count);
    let first = block * BLOCK + comptime!(16 * half) + quarter * 4;
    match matrix {
        Matrix::Fours(x) => x[(row * count + first) / 4],
        Matrix::Floats(x) => {
            let mut four = Four::<f32>::new(0.0f32);
            #[unroll]
            for i in 0..4usize {
                if first + i < count {
                    four.insert(i, x[row * count + first + i]);
                }
            }
            four
        }
        Matrix::Panels(panels) => {
            let width = comptime!(stored.width());
            let mut four = Four::<f32>::new(0.0f32);
            #[unroll]
            for i in 0..4usize {
                if first + i < count {
                    let at = (row / PANEL * count + first + i) * comptime!(panel_words(width));
                    four.insert(i, element(panels, at, row % PANEL, width));
                }
            }
            four
        }
        Matrix::Quants(planes, scales) => {
            let block = row / TILE * (count / BLOCK) + block;
            let place = Place { block, row: row % TILE, quarter };
            weights(planes, scales, &place, half, comptime!(stored.format()))
        }
    }
}

impl Stored {
    fn width(self) -> DenseWidth {
        match self {
            Self::Panels(width) => width,
            _ => DenseWidth::F32,
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Quants(format) => format,
            _ => Format { bits: 8, group: BLOCK, offset: 0, mins: false, grouped: false },
        }
    }
}
