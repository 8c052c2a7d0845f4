//! From a GGUF file to a loaded language model.

use super::{Info, LanguageModel};
use crate::{
    Error, ErrorCode, Result,
    device::{Device, DeviceKind},
    files::ModelFiles,
    formats::{Dtype, GgufFile, open_gguf},
    models::llama::{GgufWeights, Llama, LlamaConfig, self_test},
    progress::Progress,
    tokenizer::{chat_template::ChatTemplate, generative::TextTokenizer},
};

/// The context of a model that was trained with more, unless another one is asked for: what a long chat needs, and
/// what the memory of a phone holds.
const DEFAULT_CONTEXT: usize = 4096;

/// How a model is to be loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// How many tokens a conversation and the answer to it may have. Without: as many as the model was trained with,
    /// at most 4,096.
    pub context_window: Option<usize>,
}

impl LanguageModel {
    /// Loads the GGUF file in `files` onto `device`. On WebGPU the numeric self-test runs too, and kernels are compiled.
    /// `report` is told the fraction that is done, 0..1.
    ///
    /// # Errors
    /// `missing-file`, `malformed-file`, `unsupported-*`, `missing-tensor`, `tensor-shape`, `tokenizer`, `template`,
    /// `out-of-memory`; `invalid-input` for a context that the model was not trained with; on a GPU `gpu-self-test`,
    /// `gpu-lost`, `gpu-error`.
    pub async fn load(
        files: &mut ModelFiles,
        device: Device,
        options: LoadOptions,
        report: &dyn Fn(f64),
    ) -> Result<Self> {
        let mut progress = Progress::new(if device.kind() == DeviceKind::Cpu { 1 } else { 3 }, report);
        let missing = || Error::new(ErrorCode::MissingFile, "The model has no GGUF file.");
        let path = files.find(".gguf").ok_or_else(missing)?;
        let bytes = files.take(&path).ok_or_else(missing)?;
        let (length, sha256) = (bytes.len(), files.hash(&path).map(str::to_owned));
        let file = open_gguf(bytes)?;
        let config = LlamaConfig::from_gguf(&file)?;
        let tokenizer = TextTokenizer::from_gguf(&file.metadata)?;
        let template = ChatTemplate::from_gguf(&file.metadata, &tokenizer)?;
        check_vocabulary(&tokenizer, &config)?;
        let info = Info {
            architecture: file.metadata.str("general.architecture")?.to_owned(),
            name: file.metadata.str("general.name").ok().map(str::to_owned),
            context_window: context_window(options.context_window, config.max_position_embeddings)?,
            trained_context: config.max_position_embeddings,
            parameters: parameters(&file),
            layers: config.num_hidden_layers,
            has_template: template.has_template(),
            bytes: length,
            sha256,
            stored: file.tensors.main_dtype(),
            dtype: dtype(file.tensors.main_dtype(), device.kind()),
        };
        // The vocabulary makes room for the weights.
        let GgufFile { metadata, tensors } = file;
        drop(metadata);
        let weights = GgufWeights::new(&tensors, &config);
        progress.begin(config.num_hidden_layers);
        let llama = Llama::load_watched(&config, &weights, device.burn(), || progress.step())?;
        let stored = self_test::Stored::of(&weights, config.num_hidden_layers);
        drop(tensors);
        test(&config, &stored, &device, &mut progress).await?;
        #[cfg(feature = "gpu")]
        if device.kind() == DeviceKind::WebGpu {
            llama.prepare(&mut progress).await?;
        }
        device.check()?;
        Ok(Self { llama, tokenizer, template, device, info })
    }
}

/// What the rows are rounded to that quantised weights are multiplied by.
fn dtype(stored: Option<Dtype>, device: DeviceKind) -> &'static str {
    let is_quantised = stored.is_some_and(|dtype| dtype.block().0 > 1);
    if is_quantised && device == DeviceKind::Cpu { "q8" } else { "f32" }
}

/// The context to use of the `trained` one.
fn context_window(asked: Option<usize>, trained: usize) -> Result<usize> {
    match asked {
        None => Ok(trained.min(DEFAULT_CONTEXT)),
        Some(asked) if (1..=trained).contains(&asked) => Ok(asked),
        Some(asked) => {
            let message =
                format!("A context of {asked} tokens was asked for; the model has up to {trained}.");
            Err(Error::new(ErrorCode::InvalidInput, message).about("context_window"))
        }
    }
}

/// Runs the numeric self-test of a GPU; a fault of the device says more than the numbers it led to.
async fn test(
    config: &LlamaConfig,
    stored: &self_test::Stored,
    device: &Device,
    progress: &mut Progress<'_>,
) -> Result<()> {
    match device.kind() {
        DeviceKind::Cpu => Ok(()),
        DeviceKind::WebGpu => {
            let result = self_test::run(config, stored, device.burn(), progress).await;
            device.check().and(result)
        }
    }
}

fn parameters(file: &GgufFile) -> usize {
    let tensors = file.tensors.names().filter_map(|name| file.tensors.info(name));
    tensors.map(|info| info.shape.iter().product::<usize>()).sum()
}

fn check_vocabulary(tokenizer: &TextTokenizer, config: &LlamaConfig) -> Result<()> {
    let (tokens, rows) = (tokenizer.vocabulary_size(), config.vocab_size);
    if tokens <= rows {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Tokenizer, format!("The tokenizer has {tokens} tokens, the model {rows}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cpu_rounds_what_quantised_weights_are_multiplied_by() {
        use DeviceKind::{Cpu, WebGpu};
        for (stored, on_cpu) in [(Dtype::Q4_1, "q8"), (Dtype::Q6_K, "q8"), (Dtype::F16, "f32")] {
            assert_eq!(dtype(Some(stored), Cpu), on_cpu);
            assert_eq!(dtype(Some(stored), WebGpu), "f32");
        }
    }

    #[test]
    fn the_context_is_the_trained_one_up_to_a_limit_or_what_is_asked_for() {
        assert_eq!(context_window(None, 2048), Ok(2048));
        assert_eq!(context_window(None, 32_768), Ok(DEFAULT_CONTEXT));
        assert_eq!(context_window(Some(32_768), 32_768), Ok(32_768));
        for asked in [0, 32_769, usize::MAX] {
            let error = context_window(Some(asked), 32_768).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidInput);
            assert_eq!(error.detail.as_deref(), Some("context_window"));
        }
    }
}
