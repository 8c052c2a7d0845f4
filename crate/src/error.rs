//! One error type for the whole crate: a stable code for programs, a sentence for people.

use serde::Serialize;

/// What went wrong, as a word that never changes meaning.
///
/// The TypeScript package has the same words: its `ErrorCode` type is generated from this enum. Codes that
/// only TypeScript raises (downloads, lifecycle) are declared here too, so that there is one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(all(target_family = "wasm", target_os = "unknown"), derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The model host could not be reached.
    Network,
    /// The model host answered with a status other than success.
    HttpStatus,
    /// The model host answered with a web page: many servers do for a file that they do not have.
    NotWeights,
    /// The download stopped before its last byte.
    IncompleteDownload,
    /// A file is longer or shorter than its manifest says.
    SizeMismatch,
    /// A file's SHA-256, or that of its pieces, differs from its manifest's.
    HashMismatch,
    /// A public key was given, and the model has no signature beside it.
    SignatureMissing,
    /// The model's signature is malformed, by another key, or does not cover the model's files.
    SignatureInvalid,
    /// The key, the signature's method or the browser is one with which signatures cannot be verified.
    SignatureUnsupported,
    /// A file breaks the rules of its own format.
    MalformedFile,
    /// A well-formed file of a format or version that is not supported.
    UnsupportedFile,
    /// The architecture, or one of its settings, is not supported.
    UnsupportedModel,
    /// A tensor's data type is not supported.
    UnsupportedDtype,
    /// The model needs a tensor that no file holds.
    MissingTensor,
    /// A tensor has another shape than the configuration demands.
    TensorShape,
    /// The model needs a file that its manifest does not list.
    MissingFile,
    /// The tokenizer's definition cannot be used.
    Tokenizer,
    /// The model's chat template cannot be used, or refuses the conversation.
    Template,
    /// An argument is out of its range.
    InvalidInput,
    /// The messages do not fit the model's context, even without the oldest ones.
    ContextOverflow,
    /// WebGPU or its adapter is missing.
    GpuUnavailable,
    /// The adapter's limits are too small.
    GpuLimits,
    /// The GPU computed other numbers than the CPU.
    GpuSelfTest,
    /// The GPU device was lost.
    GpuLost,
    /// The GPU reported an error, or its engine stopped.
    GpuError,
    /// Memory could not be had.
    OutOfMemory,
    /// The browser has no room to keep the model, which works all the same.
    StorageFull,
    /// The browser lets this page keep nothing, as in some private windows.
    StorageDenied,
    /// The object was destroyed.
    Destroyed,
    /// No manifest has the given name.
    UnknownModel,
    /// The worker or the wasm build could not be started, or died; also a browser without WebAssembly SIMD.
    Worker,
    /// A defect of this library.
    Internal,
}

/// An error with a stable [`ErrorCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The stable code.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// What it is about: a file, a tensor, a setting.
    pub detail: Option<String>,
}

/// The crate's result.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// An error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// The same error, naming what it is about.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
