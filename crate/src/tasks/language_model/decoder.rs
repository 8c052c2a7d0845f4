//! The model and its vocabulary, as the loop of generation uses them.

use super::LanguageModel;
use crate::{
    Error, ErrorCode, Result,
    device::{DeviceKind, read, read_first},
    generate::{Cache, Decoder, Vocabulary},
    models::llama::{KvCache, Logits, Pass},
    tokenizer::generative::{Detokenizer, TextTokenizer},
};

/// Tokens that are read together on the CPU. With fewer, what is done once for all of them counts more.
const CPU_BATCH: usize = 128;

impl Decoder for LanguageModel {
    type Cache = KvCache;
    type Pass = Pass;

    fn layers(&self) -> usize {
        self.llama.depth()
    }

    fn batch(&self) -> usize {
        match self.device.kind() {
            DeviceKind::Cpu => CPU_BATCH,
            // Waiting for the device is only possible at the end of a pass.
            DeviceKind::WebGpu => 1,
        }
    }

    fn begin(&self, ids: &[u32], cache: &mut KvCache) -> Result<Pass> {
        self.llama.begin(ids, cache)
    }

    fn advance(&self, pass: Pass, cache: &mut KvCache, layers: usize) -> Result<Pass> {
        self.llama.advance(pass, cache, layers)
    }

    fn layers_left(&self, pass: &Pass) -> usize {
        self.llama.layers_left(pass)
    }

    #[cfg(feature = "gpu")]
    async fn next(
        &self,
        id: u32,
        cache: &mut KvCache,
        top: usize,
        on: bool,
    ) -> Result<Option<Vec<(u32, f32)>>> {
        let found = self.llama.next(id, cache, top, on).await?;
        self.device.check()?;
        self.check_finite(found.iter().flatten().map(|(_, logit)| *logit))?;
        Ok(found)
    }

    async fn logits(&self, pass: Pass, wanted: bool) -> Result<Vec<f32>> {
        let output = self.llama.finish(pass, if wanted { Logits::Last } else { Logits::None })?;
        // One number is enough to wait for.
        let logits = if wanted { read(output).await? } else { vec![read_first(output).await?] };
        self.device.check()?;
        self.check_finite(logits.iter().copied())?;
        Ok(logits)
    }
}

impl LanguageModel {
    /// The CPU computes what the weights say. Another number than that is not the file's fault.
    fn check_finite(&self, mut logits: impl Iterator<Item = f32>) -> Result<()> {
        if self.device.kind() == DeviceKind::WebGpu && !logits.all(f32::is_finite) {
            return Err(Error::new(ErrorCode::GpuError, "The GPU computed numbers that are not finite."));
        }
        Ok(())
    }
}

impl Cache for KvCache {
    fn positions(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        KvCache::truncate(self, len);
    }
}

impl Vocabulary for TextTokenizer {
    type Partial = Detokenizer;

    fn is_end(&self, id: u32) -> bool {
        TextTokenizer::is_end(self, id)
    }

    fn text(&self, id: u32, partial: &mut Detokenizer) -> String {
        partial.push(self, id)
    }

    fn rest(&self, partial: &mut Detokenizer) -> String {
        partial.finish()
    }
}
