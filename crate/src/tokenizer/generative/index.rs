//! A hash index over things that are kept elsewhere.

/// Longer runs of occupied slots do not happen by chance at half load: a file that makes them means to.
const MAX_PROBES: usize = 1 << 10;
const FREE: u32 = u32::MAX;

/// Positions in some list, found by the hash of what is there. Four bytes a slot, at most half of them taken.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<u32>,
}

/// What became of an insertion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    New,
    /// An equal thing is at this position.
    Present(u32),
    /// Too many hashes collide.
    Crowded,
}

impl Index {
    /// An index for up to `count` things.
    pub(super) fn with_capacity(count: usize) -> Self {
        let slots = count.saturating_mul(2).max(2).next_power_of_two();
        Self { slots: vec![FREE; slots] }
    }

    /// The position of the thing with this hash that `equals` accepts.
    pub(super) fn find(&self, hash: u64, equals: impl Fn(u32) -> bool) -> Option<u32> {
        let positions = self.probes(hash).map(|slot| self.slots[slot]);
        positions.take_while(|&position| position != FREE).find(|&position| equals(position))
    }

    pub(super) fn insert(&mut self, hash: u64, position: u32, equals: impl Fn(u32) -> bool) -> Inserted {
        for slot in self.probes(hash) {
            match self.slots[slot] {
                FREE => {
                    self.slots[slot] = position;
                    return Inserted::New;
                }
                other if equals(other) => return Inserted::Present(other),
                _ => {}
            }
        }
        Inserted::Crowded
    }

    fn probes(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        // The high bits are the well mixed ones.
        let start = (hash >> 32) as usize;
        (0..MAX_PROBES.min(mask + 1)).map(move |step| start.wrapping_add(step) & mask)
    }
}

/// FNV-1a with a last mix, so that the high half is good too.
pub(super) fn hash_bytes(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The finaliser of SplitMix64.
pub(super) fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found() {
        let things: Vec<u64> = (0..1000).map(|n| n * 7).collect();
        let mut index = Index::with_capacity(things.len());
        for (position, &thing) in (0..).zip(&things) {
            assert_eq!(index.find(mix(thing), |at| things[at as usize] == thing), None);
            assert_eq!(index.insert(mix(thing), position, |at| things[at as usize] == thing), Inserted::New);
        }
        for (position, &thing) in (0..).zip(&things) {
            let equals = |at: u32| things[at as usize] == thing;
            assert_eq!(index.find(mix(thing), equals), Some(position));
            assert_eq!(index.insert(mix(thing), 5000, equals), Inserted::Present(position));
        }
        assert_eq!(index.find(mix(1), |at| things[at as usize] == 1), None);
    }

    #[test]
    fn hashes_that_all_collide_are_noticed() {
        let mut index = Index::with_capacity(5000);
        let inserted: Vec<_> = (0..2000).map(|position| index.insert(7, position, |_| false)).collect();
        assert_eq!(inserted.iter().filter(|&result| *result == Inserted::New).count(), MAX_PROBES);
        assert_eq!(inserted.last(), Some(&Inserted::Crowded));
    }

    #[test]
    fn an_empty_index_holds_nothing() {
        assert_eq!(Index::with_capacity(0).find(3, |_| true), None);
    }
}
