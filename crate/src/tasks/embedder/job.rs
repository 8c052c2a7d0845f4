//! Many texts, one batch per step, so that the caller can stop or show progress between.

use core::ops::Range;
use std::collections::VecDeque;

use super::Embedder;
use crate::{Result, device::DeviceKind, memory::try_zeros};

/// Texts that are tokenised together and sorted by length before they are batched.
const WINDOW: usize = 256;
/// Padded tokens of a batch on the CPU: about 0.1 s of work, which is how late an abort may be seen.
const CPU_TOKENS: usize = 256;
/// Padded tokens of a batch on a GPU.
const GPU_TOKENS: usize = 4096;
/// The same where texts of different lengths are in it.
const GPU_PADDED: usize = 1024;

/// Texts on their way to vectors.
pub struct Job {
    texts: Vec<String>,
    /// Texts before this one are tokenised.
    tokenised: usize,
    batches: VecDeque<Batch>,
    done: usize,
    dimensions: usize,
    vectors: Vec<f32>,
    truncated: Vec<usize>,
}

/// Texts that are run together.
struct Batch {
    /// Places in the job and token ids.
    rows: Vec<(usize, Vec<u32>)>,
    /// Padded length.
    tokens: usize,
}

impl Embedder {
    /// Prepares the embedding of `texts`; nothing is computed yet.
    ///
    /// # Errors
    /// `out-of-memory` where there is no room for the vectors.
    pub fn plan(&self, texts: Vec<String>) -> Result<Job> {
        let dimensions = self.config.hidden_size;
        Ok(Job {
            vectors: try_zeros(texts.len().saturating_mul(dimensions))?,
            texts,
            tokenised: 0,
            batches: VecDeque::new(),
            done: 0,
            dimensions,
            truncated: Vec::new(),
        })
    }
}

impl Job {
    /// How many texts there are.
    pub fn total(&self) -> usize {
        self.texts.len()
    }

    /// How many texts have their vector.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Runs the next batch, and says how many texts are done.
    ///
    /// # Errors
    /// What the tokenizer or the device gives. The job stays as it was and the step may be tried again.
    pub async fn step(&mut self, embedder: &Embedder) -> Result<usize> {
        if self.batches.is_empty() && self.tokenised < self.texts.len() {
            self.tokenise(embedder)?;
        }
        let Some(batch) = self.batches.front() else {
            return Ok(self.done);
        };
        let ids: Vec<&[u32]> = batch.rows.iter().map(|(_, ids)| ids.as_slice()).collect();
        let vectors = embedder.embed(&ids, batch.tokens).await?;
        for ((text, _), vector) in batch.rows.iter().zip(vectors.chunks_exact(self.dimensions)) {
            self.vectors[text * self.dimensions..][..self.dimensions].copy_from_slice(vector);
        }
        self.done += batch.rows.len();
        self.batches.pop_front();
        Ok(self.done)
    }

    /// The vectors of all texts in the order given, `[texts · dimensions]`; zeros for those not done.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The places of the texts that were cut to the limit, ascending.
    pub fn truncated(&self) -> &[usize] {
        &self.truncated
    }

    /// Tokenises the next window and cuts it, sorted by length, into batches.
    fn tokenise(&mut self, embedder: &Embedder) -> Result<()> {
        let window = self.tokenised..self.texts.len().min(self.tokenised + WINDOW);
        let (mut rows, mut cut) = (Vec::with_capacity(window.len()), Vec::new());
        for text in window.clone() {
            let encoding = embedder.tokenizer.encode(&self.texts[text], embedder.max_tokens)?;
            if encoding.truncated {
                cut.push(text);
            }
            rows.push((text, encoding.ids));
        }
        // Stable, so that equal lengths keep the order given and a run can be repeated exactly.
        rows.sort_by_key(|(_, ids)| ids.len());
        let lengths: Vec<usize> = rows.iter().map(|(_, ids)| ids.len()).collect();
        let mut rows = rows.into_iter();
        for (range, tokens) in cut_batches(&lengths, embedder.device.kind()) {
            self.batches.push_back(Batch { rows: rows.by_ref().take(range.len()).collect(), tokens });
        }
        self.truncated.extend(cut);
        self.tokenised = window.end;
        Ok(())
    }
}

/// Cuts ascending `lengths` into batches within the device's budget: which rows, and their padded length.
fn cut_batches(lengths: &[usize], kind: DeviceKind) -> Vec<(Range<usize>, usize)> {
    let mut batches: Vec<(Range<usize>, usize)> = Vec::new();
    for (row, tokens) in lengths.iter().copied().enumerate() {
        match batches.last_mut() {
            Some((rows, longest)) if fits(rows.len() + 1, tokens, *longest, kind) => {
                rows.end = row + 1;
                *longest = tokens;
            }
            _ => batches.push((row..row + 1, tokens)),
        }
    }
    batches
}

/// Whether a batch of `rows` rows may be padded to `tokens`, having been padded to `longest`.
fn fits(rows: usize, tokens: usize, longest: usize, kind: DeviceKind) -> bool {
    // Every padded token is paid for, so lengths stay close.
    let close = tokens * 7 <= longest * 8;
    match kind {
        DeviceKind::Cpu => close && rows * tokens <= CPU_TOKENS,
        // A batch more costs it more than padding a small one.
        DeviceKind::WebGpu => rows * tokens <= if close { GPU_TOKENS } else { GPU_PADDED },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_every_row_once_within_the_budget() {
        let lengths: Vec<usize> = (2..=200).flat_map(|n| [n, n]).collect();
        for (kind, budget) in [(DeviceKind::Cpu, CPU_TOKENS), (DeviceKind::WebGpu, GPU_TOKENS)] {
            let batches = cut_batches(&lengths, kind);
            let rows: Vec<usize> = batches.iter().flat_map(|(rows, _)| rows.clone()).collect();
            assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for (rows, tokens) in batches {
                assert!(rows.len() == 1 || rows.len() * tokens <= budget);
                assert!(lengths[rows].iter().all(|length| *length <= tokens));
            }
        }
    }

    #[test]
    fn a_cpu_pads_little_and_a_gpu_has_few_batches() {
        let lengths = [2, 3, 8, 9, 30, 31, 300, 301];
        assert_eq!(cut_batches(&lengths, DeviceKind::Cpu).len(), 6);
        assert_eq!(cut_batches(&lengths, DeviceKind::WebGpu), [(0..6, 31), (6..8, 301)]);
        assert_eq!(cut_batches(&[600, 2000], DeviceKind::WebGpu), [(0..1, 600), (1..2, 2000)]);
    }
}
