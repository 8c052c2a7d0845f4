//! Bidirectional multi-head attention over a padded batch.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData, activation::softmax},
};

use super::{flex::Ops, on_cpu};

/// Which tokens of a `[batch, tokens]` grid are real: the first `lengths[i]` of sequence `i`.
#[derive(Clone, Debug)]
pub(crate) struct Padding {
    lengths: Vec<usize>,
    tokens: usize,
    /// `[batch, 1, 1, tokens]`: 0 where a key is real, −1e9 where it is padding. Only where the reference runs.
    bias: Option<Tensor<4>>,
}

impl Padding {
    /// The padding of sequences of `lengths` in rows of `tokens`; every length is at most `tokens`.
    pub(crate) fn new(lengths: &[usize], tokens: usize, device: &Device) -> Self {
        let bias = (!on_cpu(device)).then(|| Self::bias(lengths, tokens, device));
        Self { lengths: lengths.to_vec(), tokens, bias }
    }

    /// Sequences and tokens of the grid.
    pub(crate) fn grid(&self) -> [usize; 2] {
        [self.lengths.len(), self.tokens]
    }

    /// Real tokens of each sequence.
    pub(crate) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn bias(lengths: &[usize], tokens: usize, device: &Device) -> Tensor<4> {
        let bias: Vec<f32> = lengths
            .iter()
            .flat_map(|length| (0..tokens).map(move |t| if t < *length { 0.0 } else { -1e9 }))
            .collect();
        Tensor::from_data(TensorData::new(bias, [lengths.len(), 1, 1, tokens]), device)
    }
}

/// `query, key, value: [batch · tokens, heads · width]` → the same shape. The rows of padding are unspecified.
pub(crate) fn attention_f32(
    query: Tensor<2>,
    key: Tensor<2>,
    value: Tensor<2>,
    heads: usize,
    padding: &Padding,
) -> Tensor<2> {
    let Some(bias) = &padding.bias else {
        return Tensor::from_dispatch(Dispatch::attention_f32(
            query.into_dispatch(),
            key.into_dispatch(),
            value.into_dispatch(),
            heads,
            padding.tokens,
            padding.lengths.clone(),
        ));
    };
    reference(query, key, value, heads, bias.clone())
}

/// The same in Burn's operations.
fn reference(query: Tensor<2>, key: Tensor<2>, value: Tensor<2>, heads: usize, bias: Tensor<4>) -> Tensor<2> {
    let [batch, _, _, tokens] = bias.dims();
    let [rows, hidden] = query.dims();
    let width = hidden / heads;
    let split = |x: Tensor<2>| x.reshape([batch, tokens, heads, width]).swap_dims(1, 2);
    let scores = split(query).matmul(split(key).transpose()) / (width as f64).sqrt() + bias;
    softmax(scores, 3).matmul(split(value)).swap_dims(1, 2).reshape([rows, hidden])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, random_tensor, values};

    #[test]
    fn attention_f32_matches_its_reference_on_real_tokens() {
        let device = Device::flex();
        let cases: [(&[usize], usize, usize, usize); 4] =
            [(&[1], 1, 1, 4), (&[3, 5, 1], 5, 2, 7), (&[16, 9], 16, 12, 32), (&[70], 131, 3, 5)];
        for (seed, (lengths, tokens, heads, width)) in (1..).zip(cases) {
            let shape = [lengths.len() * tokens, heads * width];
            let [q, k, v] = [1, 2, 3].map(|i| random_tensor::<2>(seed * 10 + i, shape));
            let bias = Padding::bias(lengths, tokens, &device);
            let expected = values(reference(q.clone(), k.clone(), v.clone(), heads, bias));
            let found = values(attention_f32(q, k, v, heads, &Padding::new(lengths, tokens, &device)));
            for (sequence, length) in lengths.iter().enumerate() {
                let real = sequence * tokens * shape[1]..(sequence * tokens + length) * shape[1];
                assert_close(&found[real.clone()], &expected[real], 1e-5);
            }
        }
    }
}
