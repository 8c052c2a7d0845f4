//! What a model has read so far.

use core::future::Future;

use crate::Result;

/// A language model, as the loop of generation uses it.
pub trait Decoder {
    /// What the model keeps of the tokens it has read.
    type Cache: Cache;
    /// A result that may still have to be read back from the device.
    type Output;

    /// Reads `ids` after what is in `cache`, and appends them to it. The last one's logits are what
    /// [`Decoder::logits`] gives if they are `wanted`.
    ///
    /// # Errors
    /// What the model gives, such as `out-of-memory`.
    fn forward(&self, ids: &[u32], cache: &mut Self::Cache, wanted: bool) -> Result<Self::Output>;

    /// The logits, one for each token of the vocabulary; unspecified if they were not wanted. Waits until the
    /// device is done.
    ///
    /// # Errors
    /// What the device gives.
    fn logits(&self, output: Self::Output) -> impl Future<Output = Result<Vec<f32>>>;
}

/// What a model keeps of tokens, by position.
pub trait Cache {
    /// How many positions there are.
    fn positions(&self) -> usize;

    /// Forgets all but the first `len` positions.
    fn truncate(&mut self, len: usize);
}

/// Tokens and what the model keeps of them. A clone is independent.
#[derive(Clone, Debug)]
pub struct Sequence<C> {
    /// The tokens whose positions the cache holds. It may hold more, left by a step that failed.
    ids: Vec<u32>,
    cache: C,
}

impl<C: Cache> Sequence<C> {
    /// Nothing, with an empty cache.
    pub fn new(cache: C) -> Self {
        Self { ids: Vec::new(), cache }
    }

    /// The tokens that the model has read.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The cache.
    pub fn cache(&self) -> &C {
        &self.cache
    }

    /// Keeps only what is also at the beginning of `ids`, at most `most` tokens, and says how many those are.
    pub(super) fn keep(&mut self, ids: &[u32], most: usize) -> usize {
        let common = self.ids.iter().zip(ids).take_while(|(a, b)| a == b).count();
        let kept = common.min(most).min(self.cache.positions());
        self.ids.truncate(kept);
        self.cache.truncate(kept);
        kept
    }

    /// Has `decoder` read `ids`.
    pub(super) fn read<D: Decoder<Cache = C>>(
        &mut self,
        decoder: &D,
        ids: &[u32],
        wanted: bool,
    ) -> Result<D::Output> {
        let output = decoder.forward(ids, &mut self.cache, wanted)?;
        self.ids.extend_from_slice(ids);
        Ok(output)
    }
}
