//! What an encoder begins with: rows of a table, what belongs to their places, and layer normalisation, in one pass.

use burn::{backend::Dispatch, tensor::Tensor};

use super::encoder_ops::EncoderOps;

/// What [`embed_f32`] reads.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// `[vocabulary, width]`.
    pub(crate) words: Tensor<2>,
    /// What is added at the first place, the second, …: `[places, width]`.
    pub(crate) places: Tensor<2>,
    /// `[width]`, like `beta`; see [`super::layer_norm_f32::add_layer_norm_f32`].
    pub(crate) gamma: Tensor<1>,
    pub(crate) beta: Tensor<1>,
    pub(crate) epsilon: f64,
}

/// `norm(words[id] + places[place])` of sequences of `tokens` ids each, `[batch · tokens]` → `[batch · tokens, width]`.
///
/// There are as many places as tokens at least, and every id is a row of `words`.
pub(crate) fn embed_f32(ids: &[u32], tokens: usize, tables: &Tables) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::embed_f32(
        ids.to_vec(),
        tokens,
        tables.words.clone().into_dispatch(),
        tables.places.clone().into_dispatch(),
        tables.gamma.clone().into_dispatch(),
        tables.beta.clone().into_dispatch(),
        tables.epsilon as f32,
    ))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(ids: &[u32], tokens: usize, tables: &Tables) -> Tensor<2> {
    use burn::tensor::{Int, TensorData, module::layer_norm};

    let rows: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [ids.len()]), &tables.words.device());
    let words = tables.words.clone().select(0, rows);
    let places = tables.places.clone().narrow(0, 0, tokens).repeat_dim(0, ids.len() / tokens);
    layer_norm(words + places, tables.gamma.clone(), Some(tables.beta.clone()), tables.epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn embed_f32_matches_its_reference() {
        let cases = [([1, 1], 5, 4), ([2, 3], 11, 7), ([3, 40], 64, 384), ([1, 9], 100, 1100)];
        for (seed, ([batch, tokens], rows, width)) in (1..).zip(cases) {
            let tables = Tables {
                words: random_tensor(seed, [rows, width]),
                places: random_tensor(seed + 9, [64, width]),
                gamma: random_tensor(seed + 18, [width]),
                beta: random_tensor(seed + 27, [width]),
                epsilon: 1e-12,
            };
            let ids: Vec<u32> = (0..batch * tokens).map(|i| (i * 31 % rows) as u32).collect();
            let expected = values(reference(&ids, tokens, &tables));
            for device in devices() {
                let tables = Tables {
                    words: tables.words.clone().to_device(&device),
                    places: tables.places.clone().to_device(&device),
                    gamma: tables.gamma.clone().to_device(&device),
                    beta: tables.beta.clone().to_device(&device),
                    epsilon: tables.epsilon,
                };
                let found = embed_f32(&ids, tokens, &tables);
                assert_eq!(found.dims(), [batch * tokens, width]);
                assert_close(&values(found), &expected, 2e-5);
            }
        }
    }
}
