//! The keys and values of what a decoder has read.

use burn::tensor::{Device, Tensor};

#[cfg(feature = "gpu")]
use super::{Rope, Step, Stepper};
#[cfg(feature = "gpu")]
use crate::kernels::on_cpu;
use crate::{Error, ErrorCode, Result, kernels::attention_cached_f32::CachedHeads};

/// Positions that room is made for at a time.
const STEP: usize = 512;

/// Keys and values of every layer, in memory that grows in steps. A clone shares the memory until one of the two is
/// written to.
#[derive(Debug)]
pub struct KvCache {
    /// Absent until the first token, and while it is written to: a second owner would make the write a copy.
    layers: Vec<Option<CachedHeads>>,
    /// Key-value heads and their width.
    shape: [usize; 2],
    len: usize,
    device: Device,
    /// Where it stands on a GPU.
    #[cfg(feature = "gpu")]
    step: Option<Step>,
    /// Its steps there.
    #[cfg(feature = "gpu")]
    pub(crate) stepper: Option<Stepper>,
    /// How often its memory was replaced.
    #[cfg(feature = "gpu")]
    version: usize,
}

impl Clone for KvCache {
    fn clone(&self) -> Self {
        Self {
            layers: self.layers.clone(),
            device: self.device.clone(),
            // Both go on, each from where it is.
            #[cfg(feature = "gpu")]
            step: None,
            #[cfg(feature = "gpu")]
            stepper: None,
            ..*self
        }
    }
}

impl KvCache {
    /// No positions, and no memory yet.
    pub(crate) fn new(layers: usize, shape: [usize; 2], device: &Device) -> Self {
        Self {
            layers: vec![None; layers],
            shape,
            len: 0,
            device: device.clone(),
            #[cfg(feature = "gpu")]
            step: None,
            #[cfg(feature = "gpu")]
            stepper: None,
            #[cfg(feature = "gpu")]
            version: 0,
        }
    }

    /// Positions in the cache.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no position.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all but the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Bytes of memory that the cache holds, shared or not.
    pub fn bytes(&self) -> usize {
        self.layers.iter().flatten().map(CachedHeads::bytes).sum()
    }

    /// Positions that there is room for in every layer.
    pub(crate) fn capacity(&self) -> usize {
        let capacity = |layer: &Option<CachedHeads>| layer.as_ref().map_or(0, CachedHeads::capacity);
        self.layers.iter().map(capacity).min().unwrap_or(0)
    }

    /// Makes room for `tokens` positions more: in whole steps, and at least half of what there is, so that a long text
    /// is not copied too often.
    ///
    /// # Errors
    /// `out-of-memory`; what was there stays.
    pub(crate) fn reserve(&mut self, tokens: usize) -> Result<()> {
        let (needed, capacity) = (self.len + tokens, self.capacity());
        if needed <= capacity {
            return Ok(());
        }
        let capacity = needed.max(capacity + capacity / 2).next_multiple_of(STEP);
        #[cfg(feature = "gpu")]
        {
            self.version += 1;
        }
        let [heads, width] = self.shape;
        for layer in &mut self.layers {
            let grown = match layer {
                None => CachedHeads::new([heads, capacity, width], &self.device)?,
                Some(cached) if cached.capacity() < capacity => cached.grown(capacity - cached.capacity())?,
                Some(_) => continue,
            };
            *layer = Some(grown);
        }
        Ok(())
    }

    /// Writes `key, value: [tokens, heads · width]` of a layer behind what is there, where room was made, and gives the
    /// layer. The new positions count once [`KvCache::advance`] was called.
    ///
    /// # Errors
    /// `out-of-memory` where the layer is shared with a clone and there is no memory for a copy, `internal` for a layer
    /// that is not there; what was there stays.
    pub(crate) fn append(&mut self, layer: usize, key: Tensor<2>, value: Tensor<2>) -> Result<&CachedHeads> {
        let place = self.layers.get_mut(layer).ok_or_else(no_layer)?;
        place.as_ref().ok_or_else(no_layer)?.check_room()?;
        let cached = place.take().ok_or_else(no_layer)?;
        Ok(place.insert(cached.append(key, value, self.len)))
    }

    /// Where the next tokens, of which `token` is the first, stand on a GPU, if it is on one; layers turn by `ropes`.
    /// Room was made for them.
    #[cfg(feature = "gpu")]
    pub(crate) fn begin_step<'a>(
        &mut self,
        token: u32,
        ropes: impl Iterator<Item = &'a Rope>,
    ) -> Option<&Step> {
        if on_cpu(&self.device) {
            return None;
        }
        let (capacity, len) = (self.capacity(), self.len);
        if let Some(stepper) = &mut self.stepper {
            stepper.ahead = None;
        }
        let step = self.step.take().filter(|step| step.positions() >= capacity);
        let mut step = step.unwrap_or_else(|| Step::new(ropes, capacity, &self.device));
        step.begin(token, len, capacity);
        Some(self.step.insert(step))
    }

    /// A layer that nobody else has, to be written to behind what is there, where room was made.
    ///
    /// # Errors
    /// `internal` for a layer that is not there.
    #[cfg(feature = "gpu")]
    pub(crate) fn own(&mut self, layer: usize) -> Result<&CachedHeads> {
        let place = self.layers.get_mut(layer).ok_or_else(no_layer)?;
        let cached = place.take().ok_or_else(no_layer)?;
        self.version += usize::from(cached.is_shared());
        Ok(place.insert(cached.owned()))
    }

    /// How often its memory was replaced, now that every layer is its own.
    ///
    /// # Errors
    /// `internal` where a layer is not there.
    #[cfg(feature = "gpu")]
    pub(crate) fn own_all(&mut self) -> Result<usize> {
        (0..self.layers.len()).try_for_each(|layer| self.own(layer).map(|_| ()))?;
        Ok(self.version)
    }

    /// Where it stands on a GPU, if a pass or a step was begun there.
    #[cfg(feature = "gpu")]
    pub(crate) fn step(&self) -> Option<&Step> {
        self.step.as_ref()
    }

    /// Counts the positions that were appended to every layer.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }
}

fn no_layer() -> Error {
    Error::new(ErrorCode::Internal, "The cache lacks a layer.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kernels::testing::random_tensor, memory::scarcity::with_at_most};

    #[test]
    fn memory_grows_in_steps_and_only_when_needed() {
        let mut cache = KvCache::new(2, [3, 4], &Device::flex());
        assert_eq!((cache.bytes(), cache.capacity()), (0, 0));
        for (tokens, capacity) in
            [(1, 512), (512, 512), (513, 1024), (1024, 1024), (1025, 1536), (1537, 2560)]
        {
            cache.reserve(tokens).unwrap();
            assert_eq!(cache.capacity(), capacity, "{tokens} tokens");
        }
        // Two layers of keys, three heads of four; and of values, padded to eight.
        assert_eq!(cache.bytes(), 2 * 2560 * 3 * (4 + 8) * 4);
    }

    #[test]
    fn positions_count_when_every_layer_has_them() {
        let mut cache = KvCache::new(1, [1, 4], &Device::flex());
        cache.reserve(2).unwrap();
        let x = random_tensor::<2>(1, [2, 4]);
        cache.append(0, x.clone(), x.clone()).unwrap();
        assert!(cache.is_empty());
        cache.advance(2);
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.append(1, x.clone(), x).unwrap_err().code, ErrorCode::Internal);
        cache.truncate(5);
        assert_eq!(cache.len(), 2);
        cache.truncate(1);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_clone_that_cannot_be_copied_leaves_both_as_they_were() {
        let mut cache = KvCache::new(1, [1, 8], &Device::flex());
        cache.reserve(4).unwrap();
        let x = random_tensor::<2>(1, [2, 8]);
        let append = |cache: &mut KvCache| {
            with_at_most(1000, || cache.append(0, x.clone(), x.clone()).map(|_| ()).map_err(|e| e.code))
        };
        assert_eq!(append(&mut cache), Ok(()));
        cache.advance(2);
        let mut other = cache.clone();
        for cache in [&mut cache, &mut other] {
            assert_eq!(append(cache), Err(ErrorCode::OutOfMemory));
            assert_eq!((cache.len(), cache.capacity()), (2, STEP));
        }
        // The one makes its copy; from then on neither shares anything.
        cache.append(0, x.clone(), x.clone()).unwrap();
        assert_eq!((append(&mut cache), append(&mut other)), (Ok(()), Ok(())));
    }

    #[test]
    fn room_that_cannot_be_had_leaves_the_cache_as_it_was() {
        let mut cache = KvCache::new(1, [1, 1 << 10], &Device::flex());
        cache.reserve(1).unwrap();
        assert_eq!(cache.reserve(1 << (usize::BITS - 12)).unwrap_err().code, ErrorCode::OutOfMemory);
        assert_eq!(cache.capacity(), 512);
    }
}
