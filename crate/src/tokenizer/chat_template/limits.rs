//! How much of anything a template may use.

use std::io;

use super::refused;
use super::tags::is_flat;
use crate::error::Result;

/// The longest template, in bytes; the longest known ones have 30,000.
const SOURCE_BYTES: usize = 1 << 18;
/// Frames on the stack of the interpreter. Wasm's own stack is 1 MiB.
pub(super) const RECURSION: usize = 100;
/// Of an error's text, which the template may have written.
pub(super) const MESSAGE_BYTES: usize = 500;

/// Whether the source is short and flat enough to be compiled.
pub(super) fn check_source(source: &str) -> Result<()> {
    if source.len() > SOURCE_BYTES {
        return Err(refused(&format!("It has {} bytes; {SOURCE_BYTES} are allowed.", source.len())));
    }
    if !is_flat(source) {
        return Err(refused("It has a tag or a condition that is too long."));
    }
    Ok(())
}

/// Instructions that a template may run. Real ones need fewer than a hundred a message.
pub(super) fn fuel(messages: usize) -> u64 {
    500_000 + 5_000 * messages as u64
}

/// Bytes that a template may write around and about `contents` bytes of messages.
pub(super) fn output(contents: usize) -> usize {
    contents.saturating_mul(4).saturating_add(1 << 20)
}

/// A text that does not grow beyond a limit.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    most: usize,
    full: bool,
}

impl Bounded {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, full: false }
    }

    /// What was written, or `None` if that was too much.
    pub(super) fn into_text(self) -> Option<String> {
        String::from_utf8(self.bytes).ok().filter(|_| !self.full)
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.bytes.len() {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
