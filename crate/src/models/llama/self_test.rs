//! Does a device compute what the CPU computes?

mod stored;
mod synthetic;
#[cfg(test)]
mod tests;

use burn::tensor::Device;

pub use self::stored::Stored;
use self::synthetic::Synthetic;
use super::{LayerType, Llama, LlamaConfig, Logits};
use crate::{
    Error, ErrorCode, Result,
    device::read,
    kernels::rows_matter,
    nn::{KvCache, Weights},
    progress::Progress,
};

/// The largest difference of the logits, as a part of their own size, that is still rounding: the CPU rounds
/// activations to eight bits, a GPU those of many tokens at most.
const TOLERANCE: f32 = 0.05;
/// Tokens of the synthetic vocabulary.
const ROWS: usize = 64;
/// Tokens that are read together in the test.
const TOGETHER: usize = 21;
/// Tokens that are read on their own after them.
const ALONE: usize = 3;
/// Tokens that are read together, as the worker has them read, and as few as [`TOGETHER`].
const PARTS: [usize; 4] = [512, 256, 64, TOGETHER];
/// The same for two orders of the same sums.
const EXACT: f32 = 1e-3;
/// Most blocks of the test.
const MOST_LAYERS: usize = 6;

/// Runs a block of each kind, of the model's own widths, with synthetic weights that are `stored` like the model's, on
/// `device` and on the CPU.
///
/// # Errors
/// `gpu-self-test` where the logits differ, or are not numbers; `gpu-error` where they cannot be read.
pub async fn run(
    config: &LlamaConfig,
    stored: &Stored,
    device: &Device,
    progress: &mut Progress<'_>,
) -> Result<()> {
    progress.begin(2 * (1 + ALONE) + if rows_matter(device) { PARTS.len() } else { 0 });
    let layer = |kind| config.layer_types.contains(&kind).then_some(kind);
    let kinds: Vec<_> = [LayerType::Full, LayerType::Sliding].into_iter().filter_map(layer).collect();
    let layers = stored.layers.len().clamp(2, MOST_LAYERS);
    let config = LlamaConfig {
        num_hidden_layers: layers,
        layer_types: kinds.iter().cycle().take(layers).copied().collect(),
        vocab_size: ROWS,
        ..config.clone()
    };
    let expected = logits(&config, &Synthetic(stored), &Device::flex(), progress).await?;
    let found = logits(&config, &Synthetic(stored), device, progress).await?;
    if difference(&found, &expected) <= TOLERANCE
        && is_same_in_parts(&config, stored, device, progress).await?
    {
        return Ok(());
    }
    Err(Error::new(ErrorCode::GpuSelfTest, "The GPU computes other numbers than the CPU."))
}

/// Whether a prompt gives the same logits in parts of different lengths, down to one that was compared with the CPU: what
/// multiplies many rows differs with how many there are.
async fn is_same_in_parts(
    config: &LlamaConfig,
    stored: &Stored,
    device: &Device,
    progress: &mut Progress<'_>,
) -> Result<bool> {
    if !rows_matter(device) {
        return Ok(true);
    }
    let llama = Llama::load(config, &Synthetic(stored), device)?;
    let most = length_of_parts(config.max_position_embeddings);
    let ids: Vec<u32> = (0..most as u32).map(|i| i * 7 % ROWS as u32).collect();
    let mut first: Option<Vec<f32>> = None;
    for part in PARTS {
        let (mut cache, mut logits) = (llama.cache(), Vec::new());
        for ids in ids.chunks(part) {
            logits = read(llama.forward(ids, &mut cache, Logits::Last)?).await?;
        }
        progress.step();
        match &first {
            None => first = Some(logits),
            // Written so that NaN is different.
            Some(first) if difference(&logits, first) <= EXACT => {}
            Some(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// The most tokens in such parts of which no last part is of one token, which a GPU may round otherwise.
fn length_of_parts(positions: usize) -> usize {
    let most = PARTS[0].min(positions);
    (2..=most).rev().find(|length| PARTS.iter().all(|part| length % part != 1)).unwrap_or(most)
}

/// The length of what is between the two, as a part of the length of the second; NaN where one of them has NaN.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let between = length(&mut expected.iter().zip(found).map(|(e, f)| e - f));
    between / length(&mut expected.iter().copied())
}

/// The logits of tokens that are read at once, of one read after them, and of some that the device reads by itself if it
/// can.
async fn logits(
    config: &LlamaConfig,
    weights: &impl Weights,
    device: &Device,
    progress: &mut Progress<'_>,
) -> Result<Vec<f32>> {
    let llama = Llama::load(config, weights, device)?;
    let ids: Vec<u32> = (0..(TOGETHER + ALONE) as u32).map(|i| i * 11 % ROWS as u32).collect();
    let (together, alone) = ids.split_at(TOGETHER);
    let mut cache = llama.cache();
    let mut logits: Vec<f32> = read(llama.forward(together, &mut cache, Logits::All)?).await?;
    progress.step();
    for (i, id) in alone.iter().enumerate() {
        if i > 0
            && let Some(all) = step(&llama, *id, &mut cache).await?
        {
            logits.extend(all);
        } else {
            logits.extend(read(llama.forward(&[*id], &mut cache, Logits::Last)?).await?);
        }
        progress.step();
    }
    Ok(logits)
}

/// The logits after `id`, in the order of the vocabulary, where a GPU finds them by itself.
#[cfg(feature = "gpu")]
async fn step(llama: &Llama, id: u32, cache: &mut KvCache) -> Result<Option<Vec<f32>>> {
    let found = llama.next(id, cache, ROWS, false).await?;
    Ok(found.map(|found| {
        let mut all = vec![f32::NAN; ROWS];
        for (id, logit) in found {
            all.iter_mut().skip(id as usize).take(1).for_each(|place| *place = logit);
        }
        all
    }))
}

#[cfg(not(feature = "gpu"))]
async fn step(_: &Llama, _: u32, _: &mut KvCache) -> Result<Option<Vec<f32>>> {
    Ok(None)
}
