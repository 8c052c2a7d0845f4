//! Texts that end an answer.

use crate::{Error, ErrorCode, Result};

/// How many stop strings there may be.
pub const MAX_STOPS: usize = 64;
/// How long a stop string may be, in bytes.
pub const MAX_STOP_BYTES: usize = 256;

/// Looks for stop strings in a text that arrives in pieces, and holds back what may still become one.
///
/// The text ends at the first place where a stop string is complete. That stop string is not part of it; where
/// several are complete there, the longest one is not. How the text was cut into pieces makes no difference.
#[derive(Clone, Debug, Default)]
pub struct StopStrings {
    stops: Vec<String>,
    /// The end of the text so far, the beginning of a stop string.
    held: String,
}

impl StopStrings {
    /// Looks for any of `stops`.
    ///
    /// # Errors
    /// `invalid-input` where there are more than [`MAX_STOPS`], or one is empty or longer than [`MAX_STOP_BYTES`].
    pub fn new(stops: Vec<String>) -> Result<Self> {
        let invalid = |message: String| Err(Error::new(ErrorCode::InvalidInput, message).about("stop"));
        if stops.len() > MAX_STOPS {
            return invalid(format!("There are {} stop strings, more than {MAX_STOPS}.", stops.len()));
        }
        if let Some(stop) = stops.iter().find(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
            let bytes = stop.len();
            return invalid(format!("A stop string has {bytes} bytes; it must have 1 to {MAX_STOP_BYTES}."));
        }
        Ok(Self { stops, held: String::new() })
    }

    /// Takes the next piece. Gives the text that is certain now, and whether a stop string ended it, after which
    /// nothing may follow.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        let known = self.held.len();
        let mut text = core::mem::take(&mut self.held);
        text.push_str(piece);
        if let Some(end) = self.first_stop(&text, known) {
            text.truncate(end);
            return (text, true);
        }
        self.held = text.split_off(text.len() - self.beginning(&text));
        (text, false)
    }

    /// What was held back, when no more text comes.
    pub fn finish(&mut self) -> String {
        core::mem::take(&mut self.held)
    }

    /// Where the stop string begins that is complete first; none is within the first `known` bytes.
    fn first_stop(&self, text: &str, known: usize) -> Option<usize> {
        (known + 1..=text.len()).find_map(|end| {
            let read = &text.as_bytes()[..end];
            let complete = self.stops.iter().filter(|stop| read.ends_with(stop.as_bytes()));
            complete.map(|stop| end - stop.len()).min()
        })
    }

    /// How many bytes at the end of `text` are the beginning of a stop string: the most there are.
    fn beginning(&self, text: &str) -> usize {
        let longest = |stop: &String| {
            let begins = |len: &usize| text.as_bytes().ends_with(&stop.as_bytes()[..*len]);
            (1..stop.len().min(text.len() + 1)).rev().find(begins)
        };
        self.stops.iter().filter_map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn stops(stops: &[&str]) -> StopStrings {
        StopStrings::new(stops.iter().map(|stop| (*stop).to_owned()).collect()).unwrap()
    }

    /// All that comes out of `pieces`, and whether a stop string ended it.
    fn run(mut stops: StopStrings, pieces: &[&str]) -> (String, bool) {
        let mut all = String::new();
        for piece in pieces {
            let (text, stopped) = stops.push(piece);
            all.push_str(&text);
            if stopped {
                return (all, true);
            }
        }
        (all + &stops.finish(), false)
    }

    /// The definition, on the whole text.
    fn naive(stops: &[String], text: &str) -> (String, bool) {
        let ends = (1..=text.len()).filter(|end| text.is_char_boundary(*end));
        for end in ends {
            let found = stops.iter().filter(|stop| text[..end].ends_with(stop.as_str()));
            if let Some(longest) = found.map(String::len).max() {
                return (text[..end - longest].to_owned(), true);
            }
        }
        (text.to_owned(), false)
    }

    #[test]
    fn a_stop_string_may_lie_across_pieces() {
        let mut stop = stops(&["END"]);
        assert_eq!(stop.push("The E"), ("The ".into(), false));
        assert_eq!(stop.push("N"), (String::new(), false));
        assert_eq!(stop.push("E"), ("EN".into(), false));
        assert_eq!(stop.push("ND of it"), (String::new(), true));
    }

    #[test]
    fn what_was_held_back_comes_out_at_the_end() {
        assert_eq!(run(stops(&["\n\n"]), &["a\n", "b\n"]), ("a\nb\n".into(), false));
        assert_eq!(run(stops(&[]), &["a", "b"]), ("ab".into(), false));
    }

    #[test]
    fn the_first_to_be_complete_wins_and_then_the_longest() {
        assert_eq!(run(stops(&["abcd", "bc"]), &["xabcd"]), ("xa".into(), true));
        assert_eq!(run(stops(&["c", "abc"]), &["xa", "bc"]), ("x".into(), true));
        assert_eq!(run(stops(&["aab"]), &["a", "a", "a", "b"]), ("a".into(), true));
    }

    #[test]
    fn too_many_or_too_long_are_refused() {
        let check = |stops: Vec<String>| StopStrings::new(stops).err().map(|e| (e.code, e.detail));
        let refused = Some((ErrorCode::InvalidInput, Some("stop".to_owned())));
        assert_eq!(check(vec!["x".into(); MAX_STOPS]), None);
        assert_eq!(check(vec!["x".into(); 10_000]), refused);
        assert_eq!(check(vec!["x".repeat(MAX_STOP_BYTES)]), None);
        assert_eq!(check(vec!["x".repeat(MAX_STOP_BYTES + 1)]), refused);
        assert_eq!(check(vec![String::new()]), refused);
    }

    proptest! {
        #[test]
        fn the_same_comes_out_as_of_the_whole_text(
            stops in vec("[abé🔥]{1,4}", 0..4),
            pieces in vec("[abé🔥]{0,3}", 0..12),
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let found = run(StopStrings::new(stops.clone()).unwrap(), &pieces);
            prop_assert_eq!(found, naive(&stops, &pieces.concat()));
        }

        #[test]
        fn no_more_is_held_back_than_may_become_a_stop_string(
            stops in vec("[ab]{1,4}", 1..4),
            pieces in vec("[ab]{0,3}", 0..12),
        ) {
            let mut search = StopStrings::new(stops.clone()).unwrap();
            for piece in &pieces {
                if search.push(piece).1 {
                    break;
                }
                let held = &search.held;
                prop_assert!(held.is_empty() || stops.iter().any(|stop| stop.starts_with(held) && stop != held));
            }
        }
    }
}
