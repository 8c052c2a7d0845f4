//! What a model has read so far.

use core::{fmt, future::Future};

use crate::Result;

/// A language model, as the loop of generation uses it.
pub trait Decoder {
    /// What the model keeps of the tokens it has read.
    type Cache: Cache;
    /// Tokens on their way through the model's layers.
    type Pass;

    /// How many layers there are.
    fn layers(&self) -> usize;

    /// How many tokens go through the layers together, if so many are there and no more are asked for: reading is
    /// faster with more.
    fn batch(&self) -> usize;

    /// Begins to read `ids` after what is in `cache`.
    ///
    /// # Errors
    /// What the model gives, such as `out-of-memory`.
    fn begin(&self, ids: &[u32], cache: &mut Self::Cache) -> Result<Self::Pass>;

    /// Goes on through at most `layers` layers. With the last one the tokens are in `cache`.
    ///
    /// # Errors
    /// What the model gives.
    fn advance(&self, pass: Self::Pass, cache: &mut Self::Cache, layers: usize) -> Result<Self::Pass>;

    /// How many layers the tokens have before them.
    fn layers_left(&self, pass: &Self::Pass) -> usize;

    /// Reads `id` after what is in `cache`, and gives the `top` most probable tokens after it with their logits, the most
    /// probable one first, where the device finds them by itself; nothing, and nothing is read, where it does not. With
    /// `on` it may go on to read the first of them.
    ///
    /// # Errors
    /// What the model or the device gives.
    fn next(
        &self,
        id: u32,
        cache: &mut Self::Cache,
        top: usize,
        on: bool,
    ) -> impl Future<Output = Result<Option<Vec<(u32, f32)>>>> {
        let _ = (id, cache, top, on);
        core::future::ready(Ok(None))
    }

    /// The logits after the last token of a pass that is through, one for each token of the vocabulary; unspecified if
    /// they are not `wanted`. Waits until the device is done.
    ///
    /// # Errors
    /// What the device gives.
    fn logits(&self, pass: Self::Pass, wanted: bool) -> impl Future<Output = Result<Vec<f32>>>;
}

/// What a model keeps of tokens, by position.
pub trait Cache: Clone {
    /// How many positions there are.
    fn positions(&self) -> usize;

    /// Forgets all but the first `len` positions.
    fn truncate(&mut self, len: usize);
}

/// Tokens and what the model keeps of them. A clone is independent.
pub struct Sequence<D: Decoder> {
    /// The tokens whose positions the cache holds. It may hold more, left by a step that failed.
    ids: Vec<u32>,
    cache: D::Cache,
    /// The tokens after `ids` that are being read.
    pass: Option<(Vec<u32>, D::Pass)>,
}

impl<D: Decoder> Sequence<D> {
    /// Nothing, with an empty cache.
    pub fn new(cache: D::Cache) -> Self {
        Self { ids: Vec::new(), cache, pass: None }
    }

    /// The tokens that the model has read.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The cache.
    pub fn cache(&self) -> &D::Cache {
        &self.cache
    }

    /// Keeps only what is also at the beginning of `ids`, at most `most` tokens, and says how many those are.
    pub(super) fn keep(&mut self, ids: &[u32], most: usize) -> usize {
        let common = self.ids.iter().zip(ids).take_while(|(a, b)| a == b).count();
        let kept = common.min(most).min(self.cache.positions());
        if kept < self.ids.len() {
            self.pass = None;
        }
        self.ids.truncate(kept);
        self.cache.truncate(kept);
        kept
    }

    /// Has `decoder` read `id` and find the `top` most probable tokens after it, if it can; see [`Decoder::next`].
    pub(super) async fn next(
        &mut self,
        decoder: &D,
        id: u32,
        top: usize,
        on: bool,
    ) -> Result<Option<Vec<(u32, f32)>>> {
        if self.pass.is_some() {
            return Ok(None);
        }
        let found = decoder.next(id, &mut self.cache, top, on).await?;
        self.ids.extend(found.as_ref().map(|_| id));
        Ok(found)
    }

    /// Has `decoder` go on reading the first of `ids`, as much as takes about the time of `work` tokens. Gives the pass
    /// and how many tokens it had once they are read.
    pub(super) fn read(&mut self, decoder: &D, ids: &[u32], work: usize) -> Result<Option<(D::Pass, usize)>> {
        let (ids, pass) = match self.pass.take() {
            Some((begun, pass)) if ids.starts_with(&begun) => (begun, pass),
            _ => {
                // One layer of all of them is the least that a step can do.
                let batch = decoder.batch().min(decoder.layers().saturating_mul(work)).max(work);
                let ids = &ids[..ids.len().min(batch)];
                (ids.to_vec(), decoder.begin(ids, &mut self.cache)?)
            }
        };
        let most = (decoder.layers().saturating_mul(work) / ids.len().max(1)).max(1);
        // Evenly, so that one step says how long the next one takes.
        let (left, steps) = (decoder.layers_left(&pass), decoder.layers_left(&pass).div_ceil(most).max(1));
        let pass = decoder.advance(pass, &mut self.cache, left.div_ceil(steps))?;
        if decoder.layers_left(&pass) > 0 {
            self.pass = Some((ids, pass));
            return Ok(None);
        }
        self.ids.extend_from_slice(&ids);
        Ok(Some((pass, ids.len())))
    }
}

impl<D: Decoder> Clone for Sequence<D> {
    /// What is being read is not read yet: the clone begins it anew.
    fn clone(&self) -> Self {
        Self { ids: self.ids.clone(), cache: self.cache.clone(), pass: None }
    }
}

impl<D: Decoder> fmt::Debug for Sequence<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence").field("ids", &self.ids).finish_non_exhaustive()
    }
}
