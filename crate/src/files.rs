//! The files of a model on their way in: counted and hashed while they arrive, usable only when both are right.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{Error, ErrorCode, Result};

/// Verified files by path, and at most one that is still arriving.
#[derive(Default)]
pub struct ModelFiles {
    verified: BTreeMap<String, Vec<u8>>,
    arriving: Option<Arriving>,
}

struct Arriving {
    path: String,
    bytes: Vec<u8>,
    expected: usize,
    sha256: String,
    hasher: Sha256,
}

impl ModelFiles {
    /// Announces a file of `bytes` bytes whose SHA-256 is `sha256` in hexadecimal. A file that was still arriving
    /// is dropped.
    ///
    /// # Errors
    /// `out-of-memory` where there is no room for it.
    pub fn open(&mut self, path: &str, bytes: usize, sha256: &str) -> Result<()> {
        self.arriving = None;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(bytes).map_err(|_| {
            let message = format!("There is not enough memory for the {bytes} bytes of {path}.");
            Error::new(ErrorCode::OutOfMemory, message).about(path)
        })?;
        self.arriving = Some(Arriving {
            path: path.into(),
            bytes: buffer,
            expected: bytes,
            sha256: sha256.to_ascii_lowercase(),
            hasher: Sha256::new(),
        });
        Ok(())
    }

    /// Takes the next bytes of the announced file.
    ///
    /// # Errors
    /// `size-mismatch` once there are more than announced; the file is dropped.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let Some(file) = &mut self.arriving else {
            return Err(Error::new(ErrorCode::InvalidInput, "No file was announced."));
        };
        if chunk.len() > file.expected - file.bytes.len() {
            let message = format!("{} is longer than its {} bytes.", file.path, file.expected);
            let error = Error::new(ErrorCode::SizeMismatch, message).about(&file.path);
            self.arriving = None;
            return Err(error);
        }
        file.hasher.update(chunk);
        file.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Ends the announced file and verifies it; on an error it is dropped.
    ///
    /// # Errors
    /// `size-mismatch` or `hash-mismatch`.
    pub fn close(&mut self) -> Result<()> {
        let Some(file) = self.arriving.take() else {
            return Err(Error::new(ErrorCode::InvalidInput, "No file was announced."));
        };
        if file.bytes.len() != file.expected {
            let message = format!("{} has {} of {} bytes.", file.path, file.bytes.len(), file.expected);
            return Err(Error::new(ErrorCode::SizeMismatch, message).about(file.path));
        }
        let hash: String = file.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != file.sha256 {
            let message = format!("{} has SHA-256 {hash}, not {}.", file.path, file.sha256);
            return Err(Error::new(ErrorCode::HashMismatch, message).about(file.path));
        }
        self.verified.insert(file.path, file.bytes);
        Ok(())
    }

    /// Removes and returns a verified file.
    pub fn take(&mut self, path: &str) -> Option<Vec<u8>> {
        self.verified.remove(path)
    }

    /// The path of the first verified file that ends with `suffix`.
    pub fn find(&self, suffix: &str) -> Option<String> {
        self.verified.keys().find(|path| path.ends_with(suffix)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn receive(chunks: &[&[u8]], bytes: usize, sha256: &str) -> Result<ModelFiles> {
        let mut files = ModelFiles::default();
        files.open("a/b.bin", bytes, sha256)?;
        chunks.iter().try_for_each(|chunk| files.push(chunk))?;
        files.close()?;
        Ok(files)
    }

    fn code(result: Result<ModelFiles>) -> Option<ErrorCode> {
        result.err().map(|e| e.code)
    }

    #[test]
    fn a_file_in_chunks_is_whole_and_verified() {
        let mut files = receive(&[b"hel", b"", b"lo"], 5, &HELLO.to_uppercase()).unwrap_or_default();
        assert_eq!(files.find(".bin").as_deref(), Some("a/b.bin"));
        assert_eq!(files.take("a/b.bin").as_deref(), Some(b"hello".as_slice()));
        assert_eq!(files.take("a/b.bin"), None);
    }

    #[test]
    fn wrong_lengths_and_hashes_are_refused() {
        assert_eq!(code(receive(&[b"hel"], 5, HELLO)), Some(ErrorCode::SizeMismatch));
        assert_eq!(code(receive(&[b"hello!"], 5, HELLO)), Some(ErrorCode::SizeMismatch));
        assert_eq!(code(receive(&[b"hallo"], 5, HELLO)), Some(ErrorCode::HashMismatch));
        assert_eq!(code(receive(&[], usize::MAX, HELLO)), Some(ErrorCode::OutOfMemory));
    }

    #[test]
    fn bytes_without_a_file_are_refused() {
        let mut files = ModelFiles::default();
        assert_eq!(files.push(b"x").unwrap_err().code, ErrorCode::InvalidInput);
        assert_eq!(files.close().unwrap_err().code, ErrorCode::InvalidInput);
    }
}
