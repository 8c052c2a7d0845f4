//! Tokens on a GPU, which has their position, and finds the next ones itself.

use burn::{
    backend::Dispatch,
    tensor::{Int, Tensor},
};

use super::{Llama, Logits, Sight, pass::sight_in};
use crate::{
    Error, ErrorCode, Result,
    device::read_first,
    kernels::{
        linear_q::step::embed_step,
        wgsl::{NONE, StepOps, WIDEST, read_words},
    },
    nn::{Causal, KvCache, Rope, Step, Stepper},
    progress::Progress,
};

/// How many tokens are found: the least of these that are enough. Each is a kernel of its own.
const TOPS: [usize; 2] = [1, 64];

/// A token and its logit.
type Candidate = (u32, f32);

impl Llama {
    /// How layers of each kind turn.
    pub(super) fn ropes(&self) -> impl Iterator<Item = &Rope> {
        self.sights.iter().map(|(rope, _)| rope)
    }

    /// The same sights, for kernels that read positions from `step`.
    pub(super) fn on_step(&self, sights: Vec<Sight>, step: &Step) -> Vec<Sight> {
        let firsts = self.ropes().scan(0, |first, rope| {
            let here = *first;
            *first += 2 * rope.pairs();
            Some(here)
        });
        let on = |(sight, first): (Sight, usize)| Sight {
            rotation: sight.rotation.on(step.clone(), first),
            causal: Causal { step: Some(step.words.clone()), ..sight.causal },
        };
        sights.into_iter().zip(firsts).map(on).collect()
    }

    /// Whether the model is on a GPU that can read a token and find the next by itself: all its layers are of kinds
    /// that have kernels for that.
    fn steps(&self) -> bool {
        self.embed_tokens.has_step()
            && self.config.head_dim <= WIDEST
            && self.layers.iter().all(|layer| layer.self_attn.has_step())
    }

    /// Reads `id` after what is in `cache`, appends it, and gives the `top` most probable tokens after it, the most
    /// probable first, with their logits; nothing where the model's device cannot. Where the logit of any token is not
    /// finite, one token, whose logit is NaN. With `on` the GPU begins to read the first of these before anybody has
    /// asked for it.
    ///
    /// # Errors
    /// Those of [`Llama::forward`]; `gpu-error` where the result cannot be read.
    pub async fn next(
        &self,
        id: u32,
        cache: &mut KvCache,
        top: usize,
        on: bool,
    ) -> Result<Option<Vec<(u32, f32)>>> {
        if !self.steps() {
            return Ok(None);
        }
        self.check(&[id])?;
        cache.reserve(1)?;
        let found = self.read_step(id, cache, top, on).await;
        if found.is_err() {
            cache.stepper = None;
        }
        found.map(Some)
    }

    /// Has kernels compiled that the self-test has not used, since they depend on the vocabulary, or copy a cache that
    /// grows or is shared with a clone: what an answer would wait for. The cache is one of its own.
    ///
    /// # Errors
    /// Those of [`Llama::next`].
    pub async fn prepare(&self, progress: &mut Progress<'_>) -> Result<()> {
        progress.begin(TOPS.len() + 1);
        let mut cache = self.cache();
        for top in TOPS {
            self.try_out(&mut cache, top).await?;
            progress.step();
        }
        if self.config.max_position_embeddings > cache.capacity() {
            cache.reserve(cache.capacity())?;
        }
        let _clone = cache.clone();
        self.try_out(&mut cache, TOPS[0]).await?;
        progress.step();
        Ok(())
    }

    /// Reads a token, and waits for what follows it.
    async fn try_out(&self, cache: &mut KvCache, top: usize) -> Result<()> {
        if self.next(0, cache, top, false).await?.is_none() {
            read_first(self.forward(&[0], cache, Logits::Last)?).await?;
        }
        Ok(())
    }

    async fn read_step(
        &self,
        id: u32,
        cache: &mut KvCache,
        wanted: usize,
        on: bool,
    ) -> Result<Vec<Candidate>> {
        let top = TOPS.into_iter().find(|top| *top >= wanted).unwrap_or(wanted);
        let position = cache.len();
        let known = |stepper: &Stepper| {
            stepper.top == top && stepper.ahead == Some(position) && stepper.chosen == Some(id)
        };
        if !cache.stepper.as_ref().is_some_and(known) {
            cache.begin_step(id, self.ropes());
            self.go(cache, top)?;
        }
        cache.advance(1);
        let stepper = cache.stepper.as_mut().ok_or_else(no_step)?;
        stepper.ahead = None;
        let reading = read_words(stepper.result.clone()).await?;
        if on && cache.len() < cache.capacity() {
            self.go(cache, top)?;
            cache.stepper.as_ref().ok_or_else(no_step)?.flush()?;
        }
        let mut candidates = candidates(&reading.await?)?;
        candidates.truncate(wanted);
        let stepper = cache.stepper.as_mut().ok_or_else(no_step)?;
        stepper.chosen = candidates.first().map(|(id, _)| *id);
        Ok(candidates)
    }

    /// Has the GPU read the token of the cache's step, and find the next.
    fn go(&self, cache: &mut KvCache, top: usize) -> Result<()> {
        let version = cache.own_all()?;
        let stepper = cache.stepper.take().filter(|stepper| stepper.top == top);
        let mut stepper = stepper.unwrap_or_else(|| Stepper::new(top, &self.device));
        stepper.go(version, |stepper| self.step(cache, stepper))?;
        stepper.ahead = Some(cache.len());
        cache.stepper = Some(stepper);
        Ok(())
    }

    /// The commands of a step.
    fn step(&self, cache: &mut KvCache, stepper: &Stepper) -> Result<()> {
        let step = cache.step().ok_or_else(no_step)?.clone();
        let sights = self.on_step(self.plain_sights(1, cache), &step);
        let scale = self.config.embedding_scale.unwrap_or(1.0);
        let mut x = embed_step(self.embed_tokens.weight(), &step.words, &step.angles, scale, &self.device);
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, sight_in(&sights, layer)?, cache, i)?;
        }
        let _: Tensor<1, Int> = Tensor::from_dispatch(Dispatch::choose_step(
            self.logits(x).into_dispatch(),
            step.words.into_dispatch(),
            stepper.result.clone().into_dispatch(),
            stepper.top,
        ));
        Ok(())
    }
}

/// What a step found; see [`Llama::next`].
fn candidates(words: &[u32]) -> Result<Vec<Candidate>> {
    let (head, pairs) = words.split_at_checked(2).ok_or_else(no_step)?;
    if head[0] != 0 {
        return Ok(vec![(0, f32::NAN)]);
    }
    let pair = |pair: &[u32; 2]| (pair[0], f32::from_bits(pair[1]));
    Ok(pairs.as_chunks().0.iter().map(pair).filter(|(id, _)| *id != NONE).collect())
}

fn no_step() -> Error {
    Error::new(ErrorCode::Internal, "A step was not begun.")
}
