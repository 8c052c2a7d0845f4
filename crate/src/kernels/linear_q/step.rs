//! A packed weight in a decode step on the GPU, through the kernels of [`crate::kernels::wgsl`].

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};

use super::{PackedWeight, Piece, layout::TILE, quantised::Quantised};
use crate::kernels::{
    gated_f32::Gate,
    wgsl::{Embed, Heads, LinearStep, StepOps, Then, subgroups},
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
    /// Nothing.
    Store,
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

    /// Whether it is so, and in one piece.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole().is_some()
    }

    fn whole(&self) -> Option<&Quantised> {
        match &self.pieces[..] {
            [Piece::Quantised(piece)] => Some(piece),
            _ => None,
        }
    }

    /// The product with `x: [rows, in]`, added to `residual: [rows, out]`, where it is in one piece on a GPU.
    pub(crate) fn linear_add(&self, x: Tensor<2>, residual: Tensor<2>) -> Option<Tensor<2>> {
        self.whole().map(|piece| piece.linear_add(x, residual))
    }

    /// The rows of all of them in one weight, where they are of one kind and a step can multiply each.
    pub(crate) fn stack(weights: &[&Self]) -> Option<Self> {
        let pieces: Vec<&Quantised> = weights.iter().map(|weight| weight.whole()).collect::<Option<_>>()?;
        let (first, [_, columns]) = (pieces.first()?, weights.first()?.shape);
        let alike = |(weight, piece): (&&Self, &&Quantised)| {
            weight.shape[1] == columns && piece.format == first.format && piece.rows.is_multiple_of(TILE)
        };
        if !weights.iter().zip(&pieces).all(alike) {
            return None;
        }
        let rows = pieces.iter().map(|piece| piece.rows).sum();
        let stacked = Quantised {
            planes: Tensor::cat(pieces.iter().map(|piece| piece.planes.clone()).collect(), 0),
            scales: Tensor::cat(pieces.iter().map(|piece| piece.scales.clone()).collect(), 0),
            format: first.format,
            rows,
        };
        Some(Self { pieces: [Piece::Quantised(stacked)].into(), piece_rows: rows, shape: [rows, columns] })
    }

    /// The quantised pieces, and the first row of each.
    fn quantised(&self) -> impl Iterator<Item = (usize, &Quantised)> {
        (0..).step_by(self.piece_rows.max(1)).zip(self.pieces.iter()).filter_map(|(first, piece)| match piece
        {
            Piece::Quantised(piece) => Some((first, piece)),
            _ => None,
        })
    }
}

/// `x: [1, in]` → `[1, out]`, or half of that where it is gated. Only where [`PackedWeight::has_step`], and only
/// [`Ending::Store`] where the weight is in several pieces.
pub(crate) fn linear_step(x: Tensor<2>, weight: &PackedWeight, around: Around<'_>, end: Ending) -> Tensor<2> {
    let [rows, columns] = weight.shape;
    let (then, width) = match &end {
        Ending::Store => (Then::Store(0), rows),
        Ending::Add(_) => (Then::Add, rows),
        Ending::Gate(by) => (Then::Gate(*by), rows / 2),
    };
    let residual = match &end {
        Ending::Add(residual) => residual.clone(),
        _ => x.clone(),
    };
    let mut out = Tensor::empty([1, width], &x.device());
    for (first, piece) in weight.quantised() {
        let then = if then == Then::Store(0) { Then::Store(first) } else { then.clone() };
        let how = describe(piece, columns, around, then);
        let [planes, scales] = piece.parts();
        out = Tensor::from_dispatch(Dispatch::linear_step(
            x.clone().into_dispatch(),
            around.constants.clone().into_dispatch(),
            planes,
            scales,
            residual.clone().into_dispatch(),
            out.into_dispatch(),
            how,
        ));
    }
    out
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
    for (first, piece) in weight.quantised() {
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
