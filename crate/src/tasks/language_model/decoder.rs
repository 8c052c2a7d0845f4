//! The model and its vocabulary, as the loop of generation uses them.

use burn::tensor::Tensor;

use super::LanguageModel;
use crate::{
    Error, ErrorCode, Result,
    device::{DeviceKind, read},
    generate::{Cache, Decoder, Vocabulary},
    models::llama::{KvCache, Logits},
    tokenizer::generative::{Detokenizer, TextTokenizer},
};

impl Decoder for LanguageModel {
    type Cache = KvCache;
    type Output = Tensor<2>;

    fn forward(&self, ids: &[u32], cache: &mut KvCache, wanted: bool) -> Result<Tensor<2>> {
        self.llama.forward(ids, cache, if wanted { Logits::Last } else { Logits::None })
    }

    async fn logits(&self, output: Tensor<2>) -> Result<Vec<f32>> {
        let logits = read(output).await?;
        self.device.check()?;
        // The CPU computes what the weights say. Another number than that is not the file's fault.
        if self.device.kind() == DeviceKind::WebGpu && !logits.iter().all(|logit| logit.is_finite()) {
            return Err(Error::new(ErrorCode::GpuError, "The GPU computed numbers that are not finite."));
        }
        Ok(logits)
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
