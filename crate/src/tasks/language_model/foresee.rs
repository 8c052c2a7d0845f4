//! Whether a model that is still arriving will fit into memory.

use super::LanguageModel;
use crate::{
    Result,
    device::DeviceKind,
    files::ModelFiles,
    formats::announced_tensors,
    memory::{ADDRESSABLE, shortage},
    nn::least_memory,
};

impl LanguageModel {
    /// Looks at what has come of the GGUF file that is arriving; `false` where that is not enough to say.
    ///
    /// # Errors
    /// `out-of-memory` where the model cannot fit: the detail is `needed/available`, in bytes.
    pub fn foresee(files: &ModelFiles, device: DeviceKind) -> Result<bool> {
        Self::foresee_within(files, device, ADDRESSABLE)
    }

    fn foresee_within(files: &ModelFiles, device: DeviceKind, available: u64) -> Result<bool> {
        let Some((path, beginning)) = files.arriving() else { return Ok(false) };
        // What is wrong with it is said when all of it is there.
        let Ok(tensors) = announced_tensors(beginning) else { return Ok(false) };
        let needed = least_memory(&tensors, device);
        if needed > available { Err(shortage(path, needed, available)) } else { Ok(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorCode,
        formats::gguf::fixture::{Gguf, Tensor},
    };

    #[test]
    fn a_model_that_cannot_fit_is_refused_by_its_beginning() {
        let file = Gguf::default().text("general.architecture", "llama");
        let file = file.tensor(Tensor::new("a", &[1024, 64], 0, vec![0; 1024 * 64 * 4])).bytes();
        let mut files = ModelFiles::default();
        let foresee = |files: &ModelFiles, room| LanguageModel::foresee_within(files, DeviceKind::Cpu, room);
        assert_eq!(foresee(&files, 0), Ok(false));
        files.open("b.gguf", None, None).unwrap();
        files.push(&file[..80]).unwrap();
        assert_eq!(foresee(&files, 0), Ok(false));
        files.push(&file[80..200]).unwrap();
        assert_eq!(foresee(&files, 1024 * 64 * 4), Ok(true));
        let error = foresee(&files, 1024 * 64 * 4 - 1).unwrap_err();
        assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::OutOfMemory, Some("262144/262143")));
        assert!(error.message.contains("b.gguf needs 1 MB"));
    }
}
