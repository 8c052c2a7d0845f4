//! Linear layer over a weight in the type it is stored in: `x · Wᵀ`. No weight is ever dequantised whole.
//!
//! On the CPU the rows of `x` are rounded to eight bits, block by block, and multiplied in integers, and so are many rows
//! on a GPU that multiplies packed bytes; otherwise they stay f32 there, and the weight is decoded in registers.

mod dense;
mod exact;
pub(super) mod flex;
pub(crate) mod layout;
mod pack;
#[cfg(feature = "gpu")]
mod quantised;
mod records;
#[cfg(feature = "gpu")]
pub(crate) mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};

use self::{
    dense::{Dense, DensePacker, Width},
    flex::RecordOps,
    layout::Order,
    pack::Packer,
    records::Records,
};
use super::{
    gated_f32::{Gate, gated_f32},
    on_cpu,
};
use crate::{
    Error, ErrorCode, Result,
    formats::{Dtype, TensorRows, blocks::BlockFormat},
};

pub(crate) use self::{dense::Width as DenseWidth, exact::multiplies_exactly};

/// The most bytes of a piece. While a weight is packed, its file and one piece are in memory at the same time.
const CPU_PIECE: usize = 8 << 20;
/// The same where buffers are bound whole: less than the smallest limit of WebGPU, 128 MiB.
const GPU_PIECE: usize = 64 << 20;

/// A weight `[out, in]` in the layout that its device computes with. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct PackedWeight {
    /// Consecutive rows, at least one piece; all are of one kind.
    pieces: Arc<[Piece]>,
    /// Rows of every piece but the last, which may have fewer.
    piece_rows: usize,
    /// Output and input features.
    shape: [usize; 2],
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are of the larger one
enum Piece {
    /// Quantised, on a CPU.
    Records(Records),
    /// Quantised, on another device.
    #[cfg(feature = "gpu")]
    Quantised(quantised::Quantised),
    Dense(Dense),
}

impl PackedWeight {
    /// Packs a matrix `[out, in]`, a few rows at a time.
    ///
    /// # Errors
    /// `unsupported-dtype`, `tensor-shape` where it is empty or a row is no whole blocks, `out-of-memory`, or what
    /// reading the rows gives.
    pub(crate) fn pack(mut rows: TensorRows<'_>, device: &Device) -> Result<Self> {
        let shape = rows.shape();
        if shape.contains(&0) {
            let message = format!("A weight of shape {shape:?} is empty.");
            return Err(Error::new(ErrorCode::TensorShape, message));
        }
        let limit = if on_cpu(device) { CPU_PIECE } else { GPU_PIECE };
        Self::pack_pieces(&mut rows, limit, device)
    }

    /// In pieces of at most `limit` bytes, but of at least one tile.
    fn pack_pieces(rows: &mut TensorRows<'_>, limit: usize, device: &Device) -> Result<Self> {
        let shape @ [out, columns] = rows.shape();
        let mut packer = PiecePacker::new(rows, columns, device)?;
        let piece_rows = packer.rows_within(limit).min(out);
        let counts = (0..out).step_by(piece_rows).map(|first| piece_rows.min(out - first));
        let pieces = counts.map(|count| packer.pack(rows, count, device)).collect::<Result<_>>()?;
        Ok(Self { pieces, piece_rows, shape })
    }

    /// Output features.
    #[cfg(feature = "gpu")]
    pub(crate) fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// Whether it is quantised and on a CPU.
    fn is_in_records(&self) -> bool {
        matches!(self.pieces[..], [Piece::Records(_), ..])
    }
}

/// Bytes that a matrix `[out, in]` of a type takes on the CPU once it is packed; `None` where that is not known.
pub(crate) fn packed_bytes(dtype: Dtype, [rows, columns]: [usize; 2]) -> Option<u64> {
    // What is computed with them must not overflow.
    u32::try_from(columns.checked_mul(64)?).ok()?;
    let (bytes, together) = match BlockFormat::of(dtype) {
        Some(blocks) => Packer::in_order(blocks, columns, Order::Interleaved).ok()?.tile(),
        None => DensePacker::new(Width::of(dtype)?, columns).panel(),
    };
    Some((bytes as u64).saturating_mul(rows.div_ceil(together) as u64))
}

#[allow(clippy::large_enum_variant)] // there is one at a time
enum PiecePacker {
    Quantised(Packer),
    Dense(DensePacker),
}

impl PiecePacker {
    fn new(rows: &TensorRows<'_>, columns: usize, device: &Device) -> Result<Self> {
        let dtype = rows.dtype();
        if let Some(blocks) = BlockFormat::of(dtype) {
            return Ok(Self::Quantised(Packer::new(blocks, columns, device)?));
        }
        let width = Width::of(dtype).ok_or_else(|| {
            let message = format!("Weights of type {dtype} are not supported.");
            Error::new(ErrorCode::UnsupportedDtype, message)
        })?;
        Ok(Self::Dense(DensePacker::new(width, columns)))
    }

    /// A multiple of what is packed together.
    fn rows_within(&self, limit: usize) -> usize {
        let (bytes, rows) = match self {
            Self::Quantised(packer) => packer.tile(),
            Self::Dense(packer) => packer.panel(),
        };
        (limit / bytes).max(1) * rows
    }

    fn pack(&mut self, rows: &mut TensorRows<'_>, count: usize, device: &Device) -> Result<Piece> {
        Ok(match self {
            Self::Quantised(packer) => packer.pack(rows, count, device)?,
            Self::Dense(packer) => Piece::Dense(packer.pack(rows, count, device)?),
        })
    }
}

/// `x: [rows, in]` → `[rows, out]`.
pub(crate) fn linear_q(x: Tensor<2>, weight: &PackedWeight) -> Tensor<2> {
    if weight.is_in_records() {
        return Tensor::from_dispatch(Dispatch::linear_records(x.into_dispatch(), weight.clone()));
    }
    let linear = |piece: &Piece, x: Tensor<2>| match piece {
        Piece::Records(_) => None,
        #[cfg(feature = "gpu")]
        Piece::Quantised(piece) => Some(piece.linear(x)),
        Piece::Dense(piece) => Some(piece.linear(x)),
    };
    join(weight.pieces.iter().filter_map(|piece| linear(piece, x.clone())), 1)
}

/// The products of `x: [rows, in]` with each of the weights, beside each other: `[rows, Σ out]`.
#[cfg(feature = "gpu")]
pub(crate) fn linear_q_joined(x: Tensor<2>, weights: &[PackedWeight]) -> Tensor<2> {
    join(weights.iter().map(|weight| linear_q(x.clone(), weight)), 1)
}

/// The products of `x: [rows, in]` with each of the weights: `[rows, out]`. On the CPU `x` is rounded once for all of
/// them.
pub(crate) fn linear_q_each(x: Tensor<2>, weights: [&PackedWeight; 3]) -> [Tensor<2>; 3] {
    if !weights.iter().all(|weight| weight.is_in_records()) {
        return weights.map(|weight| linear_q(x.clone(), weight));
    }
    let [a, b, c] = weights.map(PackedWeight::clone);
    let (a, b, c) = Dispatch::linear_records_each(x.into_dispatch(), a, b, c);
    [a, b, c].map(Tensor::from_dispatch)
}

/// `activation(x · gateᵀ) · (x · upᵀ)`, element by element: `x: [rows, in]` → `[rows, out]`. On the CPU `x` is rounded
/// once for both.
pub(crate) fn gated_linear_q(x: Tensor<2>, gate: &PackedWeight, up: &PackedWeight, by: Gate) -> Tensor<2> {
    if !(gate.is_in_records() && up.is_in_records()) {
        return gated_f32(linear_q(x.clone(), gate), linear_q(x, up), by);
    }
    let (gate, up) = (gate.clone(), up.clone());
    Tensor::from_dispatch(Dispatch::gated_linear_records(x.into_dispatch(), gate, up, by))
}

/// The rows `ids` of the weight, dequantised: `[ids, in]`. There is at least one id, and each is less than `out`; the
/// row of a greater one is unspecified.
pub(crate) fn rows_q(ids: &[u32], weight: &PackedWeight) -> Tensor<2> {
    let last = weight.pieces.len() - 1;
    let piece_of = |id: &u32| (*id as usize / weight.piece_rows).min(last);
    let runs = ids.chunk_by(|a, b| piece_of(a) == piece_of(b)).map(|run| {
        let piece = piece_of(&run[0]);
        let local: Vec<u32> = run.iter().map(|id| id - (piece * weight.piece_rows) as u32).collect();
        let width = weight.shape[1];
        match &weight.pieces[piece] {
            Piece::Records(piece) => {
                let mut rows = vec![0.0; local.len() * width];
                piece.read(&local, width, &mut rows);
                Tensor::from_data(TensorData::new(rows, [local.len(), width]), &Device::flex())
            }
            #[cfg(feature = "gpu")]
            Piece::Quantised(piece) => piece.rows(local, width),
            Piece::Dense(piece) => piece.rows(local, width),
        }
    });
    join(runs, 0)
}

fn join(parts: impl Iterator<Item = Tensor<2>>, dim: usize) -> Tensor<2> {
    let mut parts: Vec<_> = parts.collect();
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, dim) }
}
