//! Words of ASCII text, by BERT's rules for it, which need no tables: most texts are nothing else, and the general way takes
//! many times as long.

use tokenizers::normalizers::bert::BertNormalizer;

/// Hands over the words of `text` one by one, normalised. Nothing is done, and `false` returned, where a byte is not
/// ASCII.
pub(super) fn words(text: &str, normalizer: &BertNormalizer, mut take: impl FnMut(&str)) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            take(word);
            word.clear();
        }
    };
    for c in text.chars() {
        let space = matches!(c, ' ' | '\t' | '\n' | '\r');
        if !space && normalizer.clean_text && c.is_ascii_control() {
            continue;
        }
        if space || c.is_whitespace() {
            end(&mut word);
        } else if c.is_ascii_punctuation() {
            end(&mut word);
            word.push(c);
            end(&mut word);
        } else {
            word.push(if normalizer.lowercase { c.to_ascii_lowercase() } else { c });
        }
    }
    end(&mut word);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::{
        NormalizedString, Normalizer, OffsetReferential, PreTokenizer,
        pre_tokenizers::bert::BertPreTokenizer,
        tokenizer::pre_tokenizer::{OffsetType, PreTokenizedString},
    };

    use super::*;

    /// The words by the general way.
    fn general(text: &str, normalizer: &BertNormalizer) -> Vec<String> {
        let mut normalized = NormalizedString::from(text);
        normalizer.normalize(&mut normalized).unwrap();
        let mut words = PreTokenizedString::from(normalized);
        BertPreTokenizer.pre_tokenize(&mut words).unwrap();
        let words = words.get_splits(OffsetReferential::Normalized, OffsetType::None);
        words.into_iter().map(|(word, ..)| word.to_owned()).collect()
    }

    #[test]
    fn other_characters_are_left_to_others() {
        let mut taken = 0;
        assert!(!words("caf\u{e9} au lait", &BertNormalizer::default(), |_| taken += 1));
        assert_eq!(taken, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn words_are_those_of_the_general_way(text in "[\\x00-\\x7f]{0,30}", flags in 0..16u8) {
            let flag = |i: u8| flags >> i & 1 == 1;
            let normalizer = BertNormalizer::new(flag(0), flag(1), Some(flag(2)), flag(3));
            let mut found = Vec::new();
            prop_assert!(words(&text, &normalizer, |word| found.push(word.to_owned())));
            prop_assert_eq!(found, general(&text, &normalizer));
        }
    }
}
