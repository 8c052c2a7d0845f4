//! Does a device compute what the CPU computes?

use burn::tensor::Device;

use super::{Bert, BertConfig};
use crate::{
    Error, ErrorCode, Result,
    formats::TensorRows,
    kernels::rows_matter,
    nn::{Padding, Precision, Weights},
    progress::Progress,
};

/// The largest difference of a hidden state that is still rounding; hidden states are of order one.
const TOLERANCE: f32 = 1e-3;
/// Rows of the synthetic tables.
const ROWS: usize = 32;
/// Lengths of the test sequences, padded to the longest.
const LENGTHS: [usize; 2] = [16, 11];

/// How often the sequences are repeated: from a short text to more than the largest batch.
const BATCHES: [usize; 4] = [1, 8, 32, 160];

/// Runs one block of the model's own width, with synthetic weights, on `device` and on the CPU.
///
/// # Errors
/// `gpu-self-test` where the hidden states differ, or are not numbers; `gpu-error` where they cannot be read.
pub async fn run(config: &BertConfig, device: &Device, progress: &mut Progress<'_>) -> Result<()> {
    let config = BertConfig {
        num_hidden_layers: 1,
        vocab_size: ROWS,
        max_position_embeddings: ROWS,
        type_vocab_size: 1,
        ..config.clone()
    };
    // What multiplies many rows differs with how many there are.
    let batches = if rows_matter(device) { &BATCHES[..] } else { &BATCHES[..1] };
    progress.begin(1 + batches.len());
    let expected = hidden_states(&config, 1, &Device::flex()).await?;
    progress.step();
    // A comparison with NaN is false, so that NaN counts as different.
    let same = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE;
    let mut right = true;
    for pairs in batches {
        let found = hidden_states(&config, *pairs, device).await?;
        progress.step();
        right &= found.len() == expected.len() * pairs
            && found.chunks(expected.len()).all(|found| expected.iter().zip(found).all(same));
    }
    if right {
        return Ok(());
    }
    Err(Error::new(ErrorCode::GpuSelfTest, "The GPU computes other numbers than the CPU."))
}

/// The hidden states of the real tokens of as many `pairs` of sequences, which are all the same: `[Σ lengths · hidden]`.
async fn hidden_states(config: &BertConfig, pairs: usize, device: &Device) -> Result<Vec<f32>> {
    let (tokens, lengths) = (LENGTHS[0], LENGTHS.repeat(pairs));
    let ids: Vec<u32> = (0..2 * tokens).map(|i| (i * 7 % ROWS) as u32).collect();
    let bert = Bert::load(config, &Synthetic, Precision::F32, device)?;
    let states = bert.forward(&ids.repeat(pairs), &Padding::new(&lengths, tokens, device));
    let states: Vec<f32> = crate::device::read(states).await?;
    let row = tokens * config.hidden_size;
    let real = lengths.iter().zip(states.chunks(row));
    Ok(real.flat_map(|(length, rows)| rows[..length * config.hidden_size].to_vec()).collect())
}

/// Reproducible weights of a scale that keeps the activations near one.
struct Synthetic;

impl Weights for Synthetic {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let scale = if shape.len() == 2 { 1.7 / (shape[1] as f32).sqrt() } else { 0.1 };
        let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let seed = name.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        let value = |i: u32| {
            let h = (i ^ seed).wrapping_mul(0x9e37_79b1);
            let h = (h ^ (h >> 15)).wrapping_mul(0x85eb_ca6b);
            centre + scale * ((h >> 8) as f32 / (1 << 23) as f32 - 1.0)
        };
        Ok((0..shape.iter().product::<usize>() as u32).map(value).collect())
    }

    fn rows(&self, name: &str, shape: [usize; 2]) -> Result<TensorRows<'_>> {
        TensorRows::of_f32(shape, &self.read(name, &shape)?)
    }

    fn contains(&self, _: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::devices;

    #[test]
    fn every_device_passes_the_test() {
        for (hidden, heads, wide) in [(32, 4, 64), (384, 12, 1536), (60, 5, 70), (128, 1, 96)] {
            let json = format!(
                r#"{{"model_type": "bert", "hidden_size": {hidden}, "intermediate_size": {wide},
                "num_hidden_layers": 2, "num_attention_heads": {heads}, "vocab_size": 50,
                "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
                "hidden_act": "gelu"}}"#
            );
            let config = BertConfig::from_json(json.as_bytes()).unwrap();
            for device in devices() {
                assert_eq!(pollster::block_on(run(&config, &device, &mut Progress::unwatched())), Ok(()));
            }
        }
    }
}
