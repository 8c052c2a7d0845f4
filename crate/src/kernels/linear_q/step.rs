//! A packed weight on the GPU, in a decode step and between a norm and a gate, through the kernels of [`crate::kernels::wgsl`].

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};

use super::{PackedWeight, Piece, layout::TILE, quantised::Quantised};
use crate::kernels::{
    gated_f32::Gate,
    wgsl::{Embed, Heads, LinearStep, StepOps, Then, packed_dots, subgroups},
};

/// A linear layer of one token, beside its weight.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Epsilon, where the input is normalised first.
    pub(crate) norm: Option<f32>,
    /// Whether there is a bias.
    pub(crate) bias: bool,
    /// The norm's weight, then the bias; not read where there is neither.
    pub(crate) constants: &'a Tensor<1>,
}

/// What follows a product.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Ending {
    /// A residual `[1, out]` is added.
    Add(Tensor<2>),
    /// The first half of the outputs gates the second.
    Gate(Gate),
}

/// The cache of a layer as a step reads and writes it.
pub(crate) struct StepCache<'a> {
    pub(crate) keys: &'a Tensor<3>,
    pub(crate) values: &'a Tensor<3>,
    pub(crate) heads: Heads,
}

impl PackedWeight {
    /// Whether a step can multiply it: it is quantised, and on a GPU.
    pub(crate) fn has_step(&self) -> bool {
        matches!(self.pieces[..], [Piece::Quantised(_), ..])
    }

    /// What there is of it, if that is one piece of which [`PackedWeight::has_step`] is true.
    fn whole(&self) -> Option<&Quantised> {
        match &self.pieces[..] {
            [Piece::Quantised(piece)] => Some(piece),
            _ => None,
        }
    }

    /// The same where there are many rows of `x`, to be multiplied in packed bytes.
    fn for_rows(&self, x: &Tensor<2>) -> Option<&Quantised> {
        self.whole().filter(|_| x.dims()[0] > 1 && packed_dots())
    }

    /// The product with `x: [rows, in]`, added to `residual: [rows, out]`, where it is in one piece on a GPU.
    pub(crate) fn linear_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Option<Tensor<2>> {
        self.whole().map(|piece| piece.linear_add(x, residual))
    }

    /// The product with `x: [rows, in]`, normalised with a weight `[in]` and an epsilon, where many rows are multiplied in
    /// packed bytes, and it is in one piece.
    pub(crate) fn normed_rows(&self, x: &Tensor<2>, gamma: &Tensor<1>, epsilon: f32) -> Option<Tensor<2>> {
        let piece = self.for_rows(x)?;
        let [planes, scales] = piece.parts();
        Some(Tensor::from_dispatch(Dispatch::normed_rows(
            x.clone().into_dispatch(),
            gamma.clone().into_dispatch(),
            planes,
            scales,
            epsilon,
            piece.format,
            piece.rows,
        )))
    }

    /// The same of `both: [rows, 2 · in]`, of which the first half gates the second, added to `residual: [rows, out]`.
    pub(crate) fn gated_rows_add(
        &self,
        both: &Tensor<2>,
        by: Gate,
        residual: &Tensor<2>,
    ) -> Option<Tensor<2>> {
        let piece = self.for_rows(both)?;
        let [planes, scales] = piece.parts();
        Some(Tensor::from_dispatch(Dispatch::gated_rows(
            both.clone().into_dispatch(),
            planes,
            scales,
            residual.clone().into_dispatch(),
            by,
            piece.format,
        )))
    }

    /// The rows of all of them, in their order, those of neighbours of one kind in one weight.
    pub(crate) fn stack(weights: &[&Self]) -> Vec<Self> {
        weights.chunk_by(|a, b| a.is_like(b)).map(Self::joined).collect()
    }

    /// Whether the rows of `next` can follow in the same piece.
    fn is_like(&self, next: &Self) -> bool {
        let (Some(piece), Some(other)) = (self.whole(), next.whole()) else { return false };
        self.shape[1] == next.shape[1] && piece.format == other.format && piece.rows.is_multiple_of(TILE)
    }

    /// Weights of one kind in one; there is at least one.
    fn joined(weights: &[&Self]) -> Self {
        let pieces: Vec<&Quantised> = weights.iter().filter_map(|weight| weight.whole()).collect();
        let [first, _, ..] = &pieces[..] else { return weights[0].clone() };
        let rows = pieces.iter().map(|piece| piece.rows).sum();
        let stacked = Quantised {
            planes: Tensor::cat(pieces.iter().map(|piece| piece.planes.clone()).collect(), 0),
            scales: Tensor::cat(pieces.iter().map(|piece| piece.scales.clone()).collect(), 0),
            format: first.format,
            rows,
        };
        let shape = [rows, weights[0].shape[1]];
        Self { pieces: [Piece::Quantised(stacked)].into(), piece_rows: rows, shape }
    }

    /// The quantised pieces.
    fn quantised(&self) -> impl Iterator<Item = &Quantised> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Quantised(piece) => Some(piece),
            _ => None,
        })
    }
}

/// `x: [1, in]` → `[1, out]`, or half of that where it is gated; nothing where the weight is not in one piece on a GPU.
pub(crate) fn linear_step(
    x: Tensor<2>,
    weight: &PackedWeight,
    around: Around<'_>,
    end: Ending,
) -> Option<Tensor<2>> {
    let (piece, [rows, columns]) = (weight.whole()?, weight.shape);
    let (then, width, residual) = match end {
        Ending::Add(residual) => (Then::Add, rows, residual),
        Ending::Gate(by) => (Then::Gate(by), rows / 2, x.clone()),
    };
    let out = Tensor::empty([1, width], &x.device());
    Some(multiply(x, piece, residual, out, around.constants, describe(piece, columns, around, then)))
}

/// The products of `x: [1, in]` with each of the weights, beside each other: `[1, Σ out]`. Only where each
/// [`PackedWeight::has_step`]; where there are biases, all but the last weight have a multiple of four outputs.
pub(crate) fn linear_steps<'a>(
    x: Tensor<2>,
    weights: impl Iterator<Item = &'a PackedWeight> + Clone,
    around: Around<'_>,
) -> Tensor<2> {
    let width: usize = weights.clone().map(|weight| weight.shape[0]).sum();
    let (mut out, mut first) = (Tensor::empty([1, width], &x.device()), 0);
    for (weight, piece) in weights.flat_map(|weight| weight.quantised().map(move |piece| (weight, piece))) {
        let how = describe(piece, weight.shape[1], around, Then::Store(first));
        out = multiply(x.clone(), piece, x.clone(), out, around.constants, how);
        first += piece.rows;
    }
    out
}

fn multiply(
    x: Tensor<2>,
    piece: &Quantised,
    residual: Tensor<2>,
    out: Tensor<2>,
    constants: &Tensor<1>,
    how: LinearStep,
) -> Tensor<2> {
    let [planes, scales] = piece.parts();
    Tensor::from_dispatch(Dispatch::linear_step(
        x.into_dispatch(),
        constants.clone().into_dispatch(),
        planes,
        scales,
        residual.into_dispatch(),
        out.into_dispatch(),
        how,
    ))
}

fn describe(piece: &Quantised, columns: usize, around: Around<'_>, then: Then) -> LinearStep {
    LinearStep {
        format: piece.format,
        columns,
        rows: piece.rows,
        norm: around.norm.map(f32::to_bits),
        bias: around.bias,
        then,
        subgroups: subgroups(),
    }
}

/// The queries of `x: [1, in]` by a weight of queries, keys and values; the latter two are written to the cache, at the
/// position and with the angles of `step`.
pub(crate) fn remember_step(
    x: Tensor<2>,
    weight: &PackedWeight,
    around: Around<'_>,
    step: &Tensor<1, burn::tensor::Int>,
    cache: StepCache<'_>,
) -> Option<Tensor<2>> {
    let piece = weight.whole()?;
    let query = Tensor::<2>::empty([1, cache.heads.query * cache.heads.width], &x.device());
    let how = describe(piece, weight.shape[1], around, Then::Remember(cache.heads));
    let [planes, scales] = piece.parts();
    Some(Tensor::from_dispatch(Dispatch::remember_step(
        x.into_dispatch(),
        around.constants.clone().into_dispatch(),
        planes,
        scales,
        step.clone().into_dispatch(),
        query.into_dispatch(),
        cache.keys.clone().into_dispatch(),
        cache.values.clone().into_dispatch(),
        how,
    )))
}

/// The row of `weight` for the token of `step`, times `factor`: `[1, in]`. Writes the step's angles, from its position's
/// row of `angles`.
pub(crate) fn embed_step(
    weight: &PackedWeight,
    step: &Tensor<1, burn::tensor::Int>,
    angles: &Tensor<2>,
    factor: f32,
    device: &Device,
) -> Tensor<2> {
    let [_, columns] = weight.shape;
    let mut out = Tensor::empty([1, columns], device);
    for (piece, first) in weight.quantised().zip((0..).step_by(weight.piece_rows)) {
        let how = Embed {
            format: piece.format,
            columns,
            first,
            rows: piece.rows,
            factor: factor.to_bits(),
            angles: angles.dims()[1],
        };
        let [planes, scales] = piece.parts();
        out = Tensor::from_dispatch(Dispatch::embed_step(
            step.clone().into_dispatch(),
            angles.clone().into_dispatch(),
            planes,
            scales,
            out.into_dispatch(),
            how,
        ));
    }
    out
}
