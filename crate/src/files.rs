//! The files of a model on their way in: counted and hashed while they arrive, as far as it is known what is right, and
//! usable only when it is.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{Error, ErrorCode, Result, formats::Segments, memory::shortage};

/// Verified files by path, and at most one that is still arriving.
#[derive(Default)]
pub struct ModelFiles {
    verified: BTreeMap<String, Segments>,
    /// What was found of the verified files that were hashed here.
    hashes: BTreeMap<String, String>,
    arriving: Option<Arriving>,
}

struct Arriving {
    path: String,
    bytes: Segments,
    expected: Option<usize>,
    /// What the hash has to be in lower-case hexadecimal, and what it is so far.
    sha256: Option<(String, Sha256)>,
}

impl ModelFiles {
    /// Announces a file of `bytes` bytes whose SHA-256 is `sha256` in hexadecimal, as far as either is known. An empty
    /// `sha256` is found out; without one the file is not hashed. A file that was still arriving is dropped.
    ///
    /// # Errors
    /// `out-of-memory` where there is no room for it: the detail is `needed/available`, in bytes.
    pub fn open(&mut self, path: &str, bytes: Option<usize>, sha256: Option<&str>) -> Result<()> {
        self.arriving = None;
        let mut segments = Segments::default();
        let needed = bytes.unwrap_or(0);
        segments.reserve(needed).map_err(|_| shortage(path, needed as u64, segments.held() as u64))?;
        self.arriving = Some(Arriving {
            path: path.into(),
            bytes: segments,
            expected: bytes,
            sha256: sha256.map(|sha256| (sha256.to_ascii_lowercase(), Sha256::new())),
        });
        Ok(())
    }

    /// Takes the next bytes of the announced file.
    ///
    /// # Errors
    /// `size-mismatch` once there are more than announced, `out-of-memory`; the file is dropped.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let Some(file) = &mut self.arriving else {
            return Err(Error::new(ErrorCode::InvalidInput, "No file was announced."));
        };
        let result = file.push(chunk);
        if result.is_err() {
            self.arriving = None;
        }
        result
    }

    /// Ends the announced file and verifies what was announced; on an error it is dropped.
    ///
    /// # Errors
    /// `size-mismatch` or `hash-mismatch`.
    pub fn close(&mut self) -> Result<()> {
        let Some(file) = self.arriving.take() else {
            return Err(Error::new(ErrorCode::InvalidInput, "No file was announced."));
        };
        let (path, bytes, hash) = file.verify()?;
        if let Some(hash) = hash {
            self.hashes.insert(path.clone(), hash);
        }
        self.verified.insert(path, bytes);
        Ok(())
    }

    /// The SHA-256 of a verified file, also of one that was taken, in lower-case hexadecimal; `None` where it was not
    /// hashed here.
    pub fn hash(&self, path: &str) -> Option<&str> {
        self.hashes.get(path).map(String::as_str)
    }

    /// The path of the announced file, and what has come of it.
    pub fn arriving(&self) -> Option<(&str, &Segments)> {
        self.arriving.as_ref().map(|file| (file.path.as_str(), &file.bytes))
    }

    /// Removes and returns a verified file.
    pub fn take(&mut self, path: &str) -> Option<Segments> {
        self.verified.remove(path)
    }

    /// The path of the first verified file that ends with `suffix`.
    pub fn find(&self, suffix: &str) -> Option<String> {
        self.verified.keys().find(|path| path.ends_with(suffix)).cloned()
    }
}

impl Arriving {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        if let Some(expected) = self.expected.filter(|expected| chunk.len() > expected - self.bytes.len()) {
            let message = format!("{} is longer than its {expected} bytes.", self.path);
            return Err(Error::new(ErrorCode::SizeMismatch, message).about(&self.path));
        }
        if let Some((_, hasher)) = &mut self.sha256 {
            hasher.update(chunk);
        }
        self.bytes.push(chunk).map_err(|e| e.about(&self.path))
    }

    /// The path, the bytes and their hash.
    fn verify(self) -> Result<(String, Segments, Option<String>)> {
        if let Some(expected) = self.expected.filter(|expected| *expected != self.bytes.len()) {
            let message = format!("{} has {} of {expected} bytes.", self.path, self.bytes.len());
            return Err(Error::new(ErrorCode::SizeMismatch, message).about(self.path));
        }
        let Some((announced, hasher)) = self.sha256 else {
            return Ok((self.path, self.bytes, None));
        };
        let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != announced && !announced.is_empty() {
            let message = format!("{} has SHA-256 {hash}, not {announced}.", self.path);
            return Err(Error::new(ErrorCode::HashMismatch, message).about(self.path));
        }
        Ok((self.path, self.bytes, Some(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn receive(chunks: &[&[u8]], bytes: usize, sha256: &str) -> Result<ModelFiles> {
        let mut files = ModelFiles::default();
        files.open("a/b.bin", Some(bytes), Some(sha256))?;
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
        assert_eq!(files.take("a/b.bin").unwrap().to_vec().unwrap(), b"hello");
        assert!(files.take("a/b.bin").is_none());
    }

    #[test]
    fn a_file_of_unknown_length_and_hash_is_taken_as_it_is() {
        let mut files = ModelFiles::default();
        files.open("b", None, None).unwrap();
        files.push(b"hel").unwrap();
        files.push(b"lo").unwrap();
        files.close().unwrap();
        assert_eq!(files.hash("b"), None);
        assert_eq!(files.take("b").unwrap().to_vec().unwrap(), b"hello");
    }

    #[test]
    fn a_hash_that_nobody_has_said_is_found_out() {
        let mut files = receive(&[b"hel", b"", b"lo"], 5, "").unwrap_or_default();
        assert!(files.take("a/b.bin").is_some());
        assert_eq!(files.hash("a/b.bin"), Some(HELLO));
        assert_eq!(receive(&[b"hello"], 5, HELLO).unwrap_or_default().hash("a/b.bin"), Some(HELLO));
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
