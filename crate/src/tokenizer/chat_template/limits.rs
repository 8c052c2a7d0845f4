//! How much of anything a template may use.

/// The longest template, in bytes; the longest known ones have 30,000.
pub(super) const SOURCE_BYTES: usize = 1 << 18;
/// Frames on the stack of the interpreter. Wasm's own stack is 1 MiB.
pub(super) const RECURSION: usize = 100;
/// How deep values may nest.
pub(super) const MAX_DEPTH: usize = 32;
/// Of an error's text, which the template may have written.
pub(super) const MESSAGE_BYTES: usize = 500;

/// Words, texts and signs in one tag: a thousand levels fit on wasm's stack with room to spare.
pub(super) const TAG_TOKENS: usize = 1000;
/// Further branches of all conditions of a template.
pub(super) const BRANCHES: usize = 500;
/// Bytes that all products of constants may have, which the compiler computes.
pub(super) const CONSTANT_BYTES: u64 = 1 << 20;

/// Instructions that a template may run. Real ones need fewer than two hundred a message.
pub(super) fn fuel(messages: usize) -> u64 {
    500_000 + 5_000 * messages as u64
}

/// Bytes of work that a template may do on `contents` bytes of messages: a second or two. It holds in memory no more
/// than it has paid for.
pub(super) fn work(contents: usize) -> u64 {
    (contents as u64).saturating_mul(64).saturating_add(1 << 27)
}

/// Bytes that a template may write around and about `contents` bytes of messages.
pub(super) fn output(contents: usize) -> usize {
    contents.saturating_mul(4).saturating_add(1 << 20)
}
