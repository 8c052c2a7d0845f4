//! Long texts in pieces that can be normalised and split into words one by one.

use core::iter;

/// Roughly how much text is normalised at once, in bytes: more than most texts have, and not so much more than
/// the longest input of a model that dropping the rest would hurt.
const SEGMENT_BYTES: usize = 1024;

/// Cuts `text` where a cut changes nothing: in front of a character that BERT's rules always set apart from the
/// one before it. A text without such characters stays whole.
pub(super) fn split(text: &str, chinese: bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let (segment, next) = rest.split_at(segment_end(rest, chinese));
        rest = next;
        (!segment.is_empty()).then_some(segment)
    })
}

fn segment_end(text: &str, chinese: bool) -> usize {
    let start = text.ceil_char_boundary(SEGMENT_BYTES);
    let cut = text[start..].find(|c| stands_apart(c, chinese));
    cut.map_or(text.len(), |cut| start + cut)
}

/// Whether a word always ends before `c`. Normalising removes none of these characters, and gives them nothing in
/// common with their left neighbour; `chinese` says whether it sets ideographs apart.
fn stands_apart(c: char, chinese: bool) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
        || c.is_ascii_punctuation()
        || chinese && ('\u{4e00}'..='\u{9fff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_add_up_and_begin_apart() {
        for text in ["word, ".repeat(1000), "漢".repeat(3000), "é ".repeat(2000)] {
            let segments: Vec<_> = split(&text, true).collect();
            assert_eq!(segments.concat(), text);
            assert!(segments.len() > 4);
            for segment in &segments[1..] {
                assert!(stands_apart(segment.chars().next().unwrap(), true));
                assert!(segment.len() <= SEGMENT_BYTES + 8);
            }
        }
    }

    #[test]
    fn texts_without_a_cut_stay_whole() {
        let word = "é".repeat(10_000);
        assert_eq!(split(&word, true).collect::<Vec<_>>(), [word.as_str()]);
        let ideographs = "漢".repeat(3000);
        assert_eq!(split(&ideographs, false).count(), 1);
        assert_eq!(split("", true).count(), 0);
    }
}
