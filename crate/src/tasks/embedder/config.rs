//! The settings that sentence-transformers keeps beside the encoder's own.

use std::collections::BTreeMap;

use serde::Deserialize;

pub use crate::nn::Pooling;
use crate::{Error, ErrorCode, Result, formats::read_json};

/// `1_Pooling/config.json`: a word in newer files, one flag per mode in older ones.
#[derive(Deserialize)]
struct PoolingJson {
    pooling_mode: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

impl PoolingJson {
    /// The modes that are switched on, in words.
    fn modes(self) -> Vec<String> {
        let flags = self.other.into_iter().filter(|(_, on)| *on == serde_json::Value::Bool(true));
        let flags = flags.filter_map(|(name, _)| name.strip_prefix("pooling_mode_").map(str::to_owned));
        flags.chain(self.pooling_mode).collect()
    }
}

impl Pooling {
    /// Reads the bytes of a `1_Pooling/config.json`.
    ///
    /// # Errors
    /// `malformed-file`, or `unsupported-model` for another mode than mean or first token.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self> {
        let modes = read_json::<PoolingJson>("1_Pooling/config.json", bytes)?.modes();
        match modes.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["mean" | "mean_tokens"] => Ok(Self::Mean),
            ["cls" | "cls_token"] => Ok(Self::Cls),
            _ => Err(unsupported()),
        }
    }

    /// From `{architecture}.pooling_type` of a GGUF file: 1 is mean, 2 is the first token.
    ///
    /// # Errors
    /// `unsupported-model` for any other number.
    pub(super) fn from_gguf(kind: u32) -> Result<Self> {
        match kind {
            1 => Ok(Self::Mean),
            2 => Ok(Self::Cls),
            _ => Err(unsupported()),
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// `sentence_bert_config.json`.
#[derive(Deserialize)]
struct LimitJson {
    max_seq_length: Option<usize>,
}

/// Reads the limit in tokens out of a `sentence_bert_config.json`.
pub(super) fn token_limit(bytes: &[u8]) -> Result<Option<usize>> {
    Ok(read_json::<LimitJson>("sentence_bert_config.json", bytes)?.max_seq_length)
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    r#type: String,
}

/// Reads out of a `modules.json` whether the last step scales vectors to unit length.
///
/// # Errors
/// `malformed-file`, or `unsupported-model` for a step that is not transformer, pooling or normalisation.
pub(super) fn normalises(bytes: &[u8]) -> Result<bool> {
    let modules: Vec<Module> = read_json("modules.json", bytes)?;
    let kinds: Vec<&str> = modules.iter().filter_map(|m| m.r#type.rsplit('.').next()).collect();
    match kinds.as_slice() {
        ["Transformer", "Pooling"] => Ok(false),
        ["Transformer", "Pooling", "Normalize"] => Ok(true),
        other => {
            let message = format!("The steps {other:?} of modules.json are not supported.");
            Err(Error::new(ErrorCode::UnsupportedModel, message).about("modules.json"))
        }
    }
}

fn unsupported() -> Error {
    Error::new(ErrorCode::UnsupportedModel, "Only mean and first-token pooling are supported.")
        .about("pooling")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_comes_from_the_model() {
        let mean = br#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#;
        assert_eq!(Pooling::from_json(mean), Ok(Pooling::Mean));
        assert_eq!(Pooling::from_json(br#"{"pooling_mode_cls_token": true}"#), Ok(Pooling::Cls));
        assert_eq!(
            Pooling::from_json(br#"{"pooling_mode": "mean", "include_prompt": true}"#),
            Ok(Pooling::Mean)
        );
        let max = br#"{"pooling_mode_max_tokens": true}"#;
        assert_eq!(Pooling::from_json(max).unwrap_err().code, ErrorCode::UnsupportedModel);
        assert_eq!(Pooling::from_gguf(3).unwrap_err().code, ErrorCode::UnsupportedModel);
    }

    #[test]
    fn unknown_steps_are_refused() {
        let dense = br#"[{"type": "s.models.Transformer"}, {"type": "s.models.Pooling"}, {"type": "s.models.Dense"}]"#;
        assert_eq!(normalises(dense).unwrap_err().code, ErrorCode::UnsupportedModel);
        let plain = br#"[{"type": "s.models.Transformer"}, {"type": "s.models.Pooling"}]"#;
        assert_eq!(normalises(plain), Ok(false));
    }
}
