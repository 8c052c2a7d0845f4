//! From verified files to a loaded embedder.

use super::{
    DtypeChoice, Embedder, Pooling,
    config::{normalises, token_limit},
};
use crate::{
    Error, ErrorCode, Result,
    device::{Device, DeviceKind},
    files::ModelFiles,
    formats::{Segments, open_gguf, open_safetensors},
    models::bert::{Bert, BertConfig, GgufWeights, SafetensorsWeights, self_test},
    progress::Progress,
    tokenizer::Tokenizer,
};

impl Embedder {
    /// Loads the model in `files` onto `device`: one GGUF file, or a sentence-transformers folder with
    /// `model.safetensors`.
    ///
    /// `dtype` is what the linear layers shall compute in. `limit` caps the text length in tokens, for files that do not say how long the model's texts were; the
    /// number of positions always does. On WebGPU the numeric self-test runs after the weights are loaded, when the
    /// sizes it works with are known to be those of real tensors. `report` is told the fraction that is done, 0..1.
    ///
    /// # Errors
    /// `missing-file`, `malformed-file`, `unsupported-*`, `missing-tensor`, `tensor-shape`, `tokenizer`, and on a
    /// GPU `gpu-self-test`, `gpu-lost`, `gpu-error`.
    pub async fn load(
        files: &mut ModelFiles,
        device: Device,
        dtype: DtypeChoice,
        limit: Option<usize>,
        report: &dyn Fn(f64),
    ) -> Result<Self> {
        let progress = Progress::new(if device.kind() == DeviceKind::Cpu { 1 } else { 2 }, report);
        match files.find(".gguf") {
            Some(path) => Self::load_gguf(take(files, &path)?, device, dtype, limit, progress).await,
            None => Self::load_safetensors(files, device, dtype, limit, progress).await,
        }
    }

    async fn load_gguf(
        file: Segments,
        device: Device,
        dtype: DtypeChoice,
        limit: Option<usize>,
        mut progress: Progress<'_>,
    ) -> Result<Self> {
        let file = open_gguf(file)?;
        let config = BertConfig::from_gguf(&file)?;
        let pooling = Pooling::from_gguf(file.metadata.u32("bert.pooling_type")?)?;
        let tokenizer = Tokenizer::from_gguf(&file.metadata)?;
        let (precision, stored) = (dtype.precision(device.kind()), file.tensors.main_dtype());
        progress.begin(1);
        let bert = Bert::load(&config, &GgufWeights(&file), precision, device.burn())?;
        progress.step();
        test(&config, &device, &mut progress).await?;
        // A GGUF file does not say whether vectors are normalised; llama.cpp does so unless told otherwise.
        Self {
            bert,
            tokenizer,
            pooling,
            normalise: true,
            precision,
            stored,
            max_tokens: usize::MAX,
            config,
            device,
        }
        .limited(limit)
    }

    async fn load_safetensors(
        files: &mut ModelFiles,
        device: Device,
        dtype: DtypeChoice,
        limit: Option<usize>,
        mut progress: Progress<'_>,
    ) -> Result<Self> {
        let config = BertConfig::from_json(&take(files, "config.json")?.to_vec()?)?;
        let pooling = Pooling::from_json(&take(files, "1_Pooling/config.json")?.to_vec()?)?;
        let normalise = normalises(&take(files, "modules.json")?.to_vec()?)?;
        let own = token_limit(&take(files, "sentence_bert_config.json")?.to_vec()?)?.unwrap_or(usize::MAX);
        let tokenizer = Tokenizer::from_json(&take(files, "tokenizer.json")?.to_vec()?)?;
        let file = open_safetensors(take(files, "model.safetensors")?)?;
        let (precision, stored) = (dtype.precision(device.kind()), file.main_dtype());
        progress.begin(1);
        let bert = Bert::load(&config, &SafetensorsWeights::new(&file), precision, device.burn())?;
        progress.step();
        test(&config, &device, &mut progress).await?;
        Self { bert, tokenizer, pooling, normalise, precision, stored, max_tokens: own, config, device }
            .limited(limit)
    }

    /// Applies the limits and checks that the tokenizer fits the encoder.
    fn limited(mut self, limit: Option<usize>) -> Result<Self> {
        self.max_tokens =
            self.max_tokens.min(limit.unwrap_or(usize::MAX)).min(self.config.max_position_embeddings);
        if self.tokenizer.vocabulary_size() > self.config.vocab_size {
            let message = format!(
                "The tokenizer has {} tokens, the model {}.",
                self.tokenizer.vocabulary_size(),
                self.config.vocab_size
            );
            return Err(Error::new(ErrorCode::Tokenizer, message));
        }
        self.device.check()?;
        Ok(self)
    }
}

/// Runs the numeric self-test of a GPU; a fault of the device says more than the numbers it led to.
async fn test(config: &BertConfig, device: &Device, progress: &mut Progress<'_>) -> Result<()> {
    match device.kind() {
        DeviceKind::Cpu => Ok(()),
        DeviceKind::WebGpu => {
            let result = self_test::run(config, device.burn(), progress).await;
            device.check().and(result)
        }
    }
}

fn take(files: &mut ModelFiles, path: &str) -> Result<Segments> {
    files.take(path).ok_or_else(|| {
        Error::new(ErrorCode::MissingFile, format!("The model has no file {path}.")).about(path)
    })
}
