//! One vector for each sequence of a padded batch.

use burn::{backend::Dispatch, tensor::Tensor};

use super::{attention_f32::Padding, encoder_ops::EncoderOps};

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The state of the first token.
    Cls,
}

/// `states: [batch · tokens, width]` → `[batch, width]`, scaled to length one if `normalise`; zeros stay as they are.
/// No sequence is empty.
pub(crate) fn pool_f32(states: Tensor<2>, padding: &Padding, by: Pooling, normalise: bool) -> Tensor<2> {
    let most = match by {
        Pooling::Mean => u32::MAX as usize,
        Pooling::Cls => 1,
    };
    let lengths = padding.lengths().clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::pool_f32(states.into_dispatch(), lengths, most, normalise))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(
    states: &Tensor<2>,
    lengths: &[usize],
    tokens: usize,
    by: Pooling,
    normalise: bool,
) -> Tensor<2> {
    let vector = |(sequence, length): (usize, &usize)| {
        let rows = states.clone().narrow(0, sequence * tokens, *length);
        let vector = match by {
            Pooling::Mean => rows.mean_dim(0),
            Pooling::Cls => rows.narrow(0, 0, 1),
        };
        let length = (vector.clone() * vector.clone()).sum_dim(1).sqrt().clamp_min(1e-12);
        if normalise { vector / length } else { vector }
    };
    Tensor::cat(lengths.iter().enumerate().map(vector).collect(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    const CASES: [(&[usize], usize, usize); 4] =
        [(&[1], 1, 1), (&[3, 5, 1], 5, 7), (&[16, 9, 2], 19, 384), (&[131], 131, 1100)];

    #[test]
    fn pool_f32_matches_its_reference_whatever_the_padding_is() {
        for (seed, (lengths, tokens, width)) in (1..).zip(CASES) {
            let mut states = random_tensor::<2>(seed, [lengths.len() * tokens, width]);
            let expected = [Pooling::Mean, Pooling::Cls]
                .map(|by| [true, false].map(|n| values(reference(&states, lengths, tokens, by, n))));
            for (sequence, length) in lengths.iter().enumerate() {
                let rows = sequence * tokens + length..(sequence + 1) * tokens;
                states = states.slice_fill([rows, 0..width], f32::NAN);
            }
            for device in devices() {
                let padding = Padding::new(lengths, tokens, &device);
                for (by, expected) in [Pooling::Mean, Pooling::Cls].into_iter().zip(&expected) {
                    for (normalise, expected) in [true, false].into_iter().zip(expected) {
                        let found = pool_f32(states.clone().to_device(&device), &padding, by, normalise);
                        assert_close(&values(found), expected, 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        for device in devices() {
            let states = Tensor::zeros([3, 5], &device);
            let found = pool_f32(states, &Padding::new(&[3], 3, &device), Pooling::Mean, true);
            assert_eq!(values(found), [0.0; 5]);
        }
    }
}
