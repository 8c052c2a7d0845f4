//! Bidirectional multi-head attention over a padded batch.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::encoder_ops::EncoderOps;

/// Which tokens of a `[batch, tokens]` grid are real: the first of each sequence, as many as it is long.
#[derive(Clone, Debug)]
pub(crate) struct Padding {
    /// `[batch]`, i32.
    lengths: Tensor<1, Int>,
    tokens: usize,
}

impl Padding {
    /// The padding of sequences of `lengths` in rows of `tokens`; every length is at most `tokens`.
    pub(crate) fn new(lengths: &[usize], tokens: usize, device: &Device) -> Self {
        let lengths: Vec<i32> = lengths.iter().map(|length| *length as i32).collect();
        let shape = [lengths.len()];
        Self { lengths: Tensor::from_data(TensorData::new(lengths, shape), (device, DType::I32)), tokens }
    }

    /// Tokens of a sequence with its padding.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Real tokens of each sequence: `[batch]`, i32.
    pub(super) fn lengths(&self) -> &Tensor<1, Int> {
        &self.lengths
    }
}

/// `packed: [batch · tokens, 3 · heads · width]`, of each token the queries of all heads, their keys and their values →
/// `[batch · tokens, heads · width]`. The rows of padding are unspecified.
pub(crate) fn attention_f32(packed: Tensor<2>, heads: usize, padding: &Padding) -> Tensor<2> {
    let lengths = padding.lengths.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::attention_f32(packed.into_dispatch(), lengths, heads))
}

/// The same in Burn's operations. `bias: [batch, 1, 1, tokens]`: 0 where a key is real, −1e9 where it is padding.
#[cfg(test)]
fn reference(packed: Tensor<2>, heads: usize, bias: Tensor<4>) -> Tensor<2> {
    use burn::tensor::activation::softmax;

    let ([batch, _, _, tokens], [rows, all]) = (bias.dims(), packed.dims());
    let (hidden, width) = (all / 3, all / 3 / heads);
    let [query, key, value] = [0, 1, 2].map(|i| {
        let part = packed.clone().narrow(1, i * hidden, hidden);
        part.reshape([batch, tokens, heads, width]).swap_dims(1, 2)
    });
    let scores = query.matmul(key.transpose()) / (width as f64).sqrt() + bias;
    softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([rows, hidden])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    fn bias(lengths: &[usize], tokens: usize) -> Tensor<4> {
        let row = |length: &usize| {
            let length = *length;
            (0..tokens).map(move |t| if t < length { 0.0 } else { -1e9 })
        };
        let bias: Vec<f32> = lengths.iter().flat_map(row).collect();
        Tensor::from_data(TensorData::new(bias, [lengths.len(), 1, 1, tokens]), &Device::flex())
    }

    #[test]
    fn attention_f32_matches_its_reference_on_real_tokens() {
        let cases: [(&[usize], usize, usize, usize); 10] = [
            (&[1], 1, 1, 4),
            (&[3, 5, 1], 5, 2, 7),
            (&[16, 9], 16, 12, 32),
            (&[70], 131, 3, 5),
            (&[1, 33], 40, 2, 1),
            (&[65, 64, 31], 65, 2, 64),
            (&[45], 45, 1, 80),
            (&[40, 12], 43, 2, 128),
            (&[37], 37, 1, 256),
            (&[257], 260, 1, 32),
        ];
        for (seed, (lengths, tokens, heads, width)) in (1..).zip(cases) {
            let hidden = heads * width;
            let packed = random_tensor::<2>(seed, [lengths.len() * tokens, 3 * hidden]) * 2.0;
            let expected = values(reference(packed.clone(), heads, bias(lengths, tokens)));
            for device in devices() {
                let padding = Padding::new(lengths, tokens, &device);
                let found = values(attention_f32(packed.clone().to_device(&device), heads, &padding));
                for (sequence, length) in lengths.iter().enumerate() {
                    let real = sequence * tokens * hidden..(sequence * tokens + length) * hidden;
                    assert_close(&found[real.clone()], &expected[real], 1e-5);
                }
            }
        }
    }
}
