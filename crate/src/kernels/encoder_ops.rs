//! The backend extension that brings the encoder's CPU kernels to Flex tensors.
//!
//! A Flex tensor is a view of a shared buffer: inputs are made contiguous first and read from their own offset.

use burn::{
    backend::{
        Backend, Flex, backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    cpu::{
        attention_f32::{Head, Scratch, attend},
        layer_norm_f32::normalise,
        pool::split,
        pool_f32::{mean, unit_length},
        rows::{RowsMut, split_rows},
    },
    flex::{contiguous, dims, values},
};

/// The operations of an encoder, for the backends that have kernels of their own.
#[backend_extension(Flex, Cube: cfg(feature = "gpu"))]
pub(crate) trait EncoderOps: Backend {
    /// See [`super::embed_f32::embed_f32`].
    fn embed_f32(
        ids: Vec<u32>,
        tokens: usize,
        words: FloatTensor<Self>,
        places: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// See [`super::layer_norm_f32::add_layer_norm_f32`].
    fn add_layer_norm_f32(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// See [`super::attention_f32::attention_f32`]; `lengths: [batch]` are i32.
    fn attention_f32(packed: FloatTensor<Self>, lengths: IntTensor<Self>, heads: usize) -> FloatTensor<Self>;

    /// See [`super::pool_f32::pool_f32`]: the mean of the first `most` tokens of each sequence, of length one if
    /// `normalise`; `lengths: [batch]` are i32.
    fn pool_f32(
        states: FloatTensor<Self>,
        lengths: IntTensor<Self>,
        most: usize,
        normalise: bool,
    ) -> FloatTensor<Self>;
}

/// What an element of a norm costs, in multiply-adds.
const ELEMENT: usize = 10;

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The elements of a contiguous tensor of lengths.
fn lengths_of(tensor: &FlexTensor) -> Vec<usize> {
    let layout = tensor.layout();
    let lengths = &tensor.storage::<i32>()[layout.start_offset()..][..layout.num_elements()];
    lengths.iter().map(|length| *length as usize).collect()
}

impl EncoderOps for Flex {
    fn embed_f32(
        ids: Vec<u32>,
        tokens: usize,
        words: FlexTensor,
        places: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
    ) -> FlexTensor {
        let (words, places) = (contiguous(words), contiguous(places));
        let (gamma, beta) = (contiguous(gamma), contiguous(beta));
        let [_, width] = dims(&words);
        let mut y = vec![0.0; ids.len() * width];
        split_rows(&mut y, width, ids.len() * width * ELEMENT, |first, y| {
            for (row, out) in (first..).zip(y.chunks_exact_mut(width)) {
                let word = &values(&words)[ids[row] as usize * width..][..width];
                let place = &values(&places)[row % tokens * width..][..width];
                out.iter_mut().zip(word.iter().zip(place)).for_each(|(y, (word, place))| *y = word + place);
                normalise(out, values(&gamma), values(&beta), epsilon);
            }
        });
        matrix(y, [ids.len(), width])
    }

    fn add_layer_norm_f32(
        x: FlexTensor,
        residual: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
    ) -> FlexTensor {
        let (x, residual) = (contiguous(x), contiguous(residual));
        let (gamma, beta) = (contiguous(gamma), contiguous(beta));
        let [rows, width] = dims(&x);
        let mut y = vec![0.0; rows * width];
        split_rows(&mut y, width, rows * width * ELEMENT, |first, y| {
            let from = first * width..first * width + y.len();
            let (x, residual) = (&values(&x)[from.clone()], &values(&residual)[from]);
            y.iter_mut().zip(x.iter().zip(residual)).for_each(|(y, (x, r))| *y = x + r);
            for row in y.chunks_exact_mut(width) {
                normalise(row, values(&gamma), values(&beta), epsilon);
            }
        });
        matrix(y, [rows, width])
    }

    fn attention_f32(packed: FlexTensor, lengths: FlexTensor, heads: usize) -> FlexTensor {
        let (packed, lengths) = (contiguous(packed), lengths_of(&contiguous(lengths)));
        let [rows, stride] = dims(&packed);
        let (hidden, tokens) = (stride / 3, rows / lengths.len().max(1));
        let width = hidden / heads;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut y = vec![0.0; rows * hidden];
        let out = RowsMut::new(&mut y, hidden);
        split(lengths.len() * heads, 2 * rows * longest * hidden, |parts| {
            let mut scratch = Scratch::new(longest, width);
            for (sequence, head) in parts.map(|part| (part / heads, part % heads)) {
                let first = sequence * tokens * stride + head * width;
                let [query, key, value] = [0, 1, 2].map(|i| &values(&packed)[first + i * hidden..]);
                let rows = sequence * tokens..sequence * tokens + lengths[sequence];
                // SAFETY: every head of every sequence has elements of its own.
                let mut out = unsafe { out.part(rows, head * width..(head + 1) * width) };
                attend(&Head { query, key, value, stride }, &mut scratch, &mut out);
            }
        });
        matrix(y, [rows, hidden])
    }

    fn pool_f32(states: FlexTensor, lengths: FlexTensor, most: usize, normalise: bool) -> FlexTensor {
        let (states, lengths) = (contiguous(states), lengths_of(&contiguous(lengths)));
        let [rows, width] = dims(&states);
        let tokens = rows / lengths.len().max(1);
        let mut y = vec![0.0; lengths.len() * width];
        for ((sequence, length), out) in lengths.iter().enumerate().zip(y.chunks_exact_mut(width)) {
            mean(&values(&states)[sequence * tokens * width..][..most.min(*length) * width], out);
            if normalise {
                unit_length(out);
            }
        }
        matrix(y, [lengths.len(), width])
    }
}
