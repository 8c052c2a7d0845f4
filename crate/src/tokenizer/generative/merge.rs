//! The loop that both kinds of tokenizers share: of all neighbours that can merge, those of the lowest rank
//! first, the leftmost among equals.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

/// No token, no neighbour.
pub(super) const NONE: u32 = u32::MAX;

/// A stretch of the text, and the token that spells it, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) id: u32,
    next: u32,
    before: u32,
}

/// What two neighbours become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merged {
    pub(super) rank: u32,
    pub(super) id: u32,
}

/// Two neighbours that could merge when this was noted: the left one, and where the right one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: u32,
    left: u32,
    end: u32,
    id: u32,
}

/// Memory for merging, kept from word to word.
#[derive(Debug, Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    /// Forgets the last word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.queue.clear();
    }

    /// Appends a symbol of `length` bytes; `id` may be [`NONE`].
    pub(super) fn push(&mut self, length: usize, id: u32) {
        let at = self.symbols.len() as u32;
        let before = at.checked_sub(1).unwrap_or(NONE);
        let mut start = 0;
        if let Some(last) = self.symbols.last_mut() {
            last.next = at;
            start = last.end;
        }
        let end = start.saturating_add(u32::try_from(length).unwrap_or(NONE));
        self.symbols.push(Symbol { start, end, id, next: NONE, before });
    }

    /// Merges as long as `pair` says that neighbours can. O(n log n) in the number of symbols.
    pub(super) fn run(&mut self, pair: impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        for left in 0..self.symbols.len() {
            self.note(left as u32, &pair);
        }
        while let Some(Reverse(candidate)) = self.queue.pop() {
            if let Some(right) = self.still_there(candidate) {
                self.join(candidate, right);
                self.note(self.symbols[candidate.left as usize].before, &pair);
                self.note(candidate.left, &pair);
            }
        }
    }

    /// What is left, in the order of the text.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.start < symbol.end)
    }

    fn note(&mut self, left: u32, pair: &impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        let Some((first, second)) = self.neighbours(left) else {
            return;
        };
        if let Some(Merged { rank, id }) = pair(first, second) {
            self.queue.push(Reverse(Candidate { rank, left, end: second.end, id }));
        }
    }

    fn neighbours(&self, left: u32) -> Option<(&Symbol, &Symbol)> {
        let first = self.symbols.get(left as usize)?;
        Some((first, self.symbols.get(first.next as usize)?))
    }

    /// The right one of the pair, if neither has changed: a symbol only ever grows to its right, or vanishes.
    fn still_there(&self, candidate: Candidate) -> Option<u32> {
        let (first, second) = self.neighbours(candidate.left)?;
        (first.start < first.end && second.end == candidate.end).then_some(first.next)
    }

    fn join(&mut self, Candidate { left, end, id, .. }: Candidate, right: u32) {
        let second = &mut self.symbols[right as usize];
        let next = second.next;
        // Gone: an empty stretch.
        second.end = second.start;
        let first = &mut self.symbols[left as usize];
        (first.end, first.id, first.next) = (end, id, next);
        if let Some(after) = self.symbols.get_mut(next as usize) {
            after.before = left;
        }
    }
}
