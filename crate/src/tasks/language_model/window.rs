//! Conversations that grow longer than the context.

use crate::{Result, generate::overflow};

/// The part of the window that must be free for an answer.
const ROOM: usize = 8;
/// What is left out is at least a multiple of this part of the window. So it stays the same for some turns, and what
/// remains begins the same: otherwise the model would have to read all of it anew in each turn.
const BLOCK: usize = 4;

/// What is left of a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitted {
    /// Its tokens.
    pub(super) ids: Vec<u32>,
    /// Messages that were left out.
    pub(super) dropped: usize,
}

/// What the rules ask of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Never left out.
    Kept,
    /// What remains begins with one, since templates may demand it.
    User,
    Assistant,
}

/// The tokens of a conversation, without its oldest messages if it is too long.
///
/// A conversation fits a window of `window` tokens if an eighth of the window is left for the answer, or `answer`
/// tokens if the answer cannot have more. If it does not fit, the oldest messages that need not be kept are left
/// out: whole turns beginning with the user, and as few of them as make up enough quarters of the window. The last turn
/// always stays, and has to do with what room there is.
///
/// `encode` gives the tokens of the conversation without the first messages that need not be kept, as many as it is
/// told.
///
/// # Errors
/// `context-overflow` where the last turn with what is kept fills the window; what `encode` gives.
pub(super) fn fit(
    parts: &[Part],
    window: usize,
    answer: usize,
    encode: impl Fn(usize) -> Result<Vec<u32>>,
) -> Result<Fitted> {
    let ids = encode(0)?;
    let excess = (ids.len() + answer.min(window / ROOM).max(1)).saturating_sub(window);
    if excess == 0 {
        return Ok(Fitted { ids, dropped: 0 });
    }
    let enough = ids.len().saturating_sub(excess.next_multiple_of((window / BLOCK).max(1)));
    let starts = later_turns(parts);
    let mut fitted = Fitted { ids, dropped: 0 };
    let (mut left, mut found) = (starts.as_slice(), false);
    // The first that frees enough, or the last if none does.
    while let Some(&dropped) = left.get(left.len() / 2) {
        let ids = encode(dropped)?;
        let frees = ids.len() <= enough;
        let (before, after) = left.split_at(left.len() / 2);
        left = if frees { before } else { &after[1..] };
        if frees || !found {
            fitted = Fitted { ids, dropped };
        }
        found |= frees;
    }
    if fitted.ids.len() >= window { Err(overflow(fitted.ids.len(), window)) } else { Ok(fitted) }
}

/// How many messages that need not be kept come before each turn but the first.
fn later_turns(parts: &[Part]) -> Vec<usize> {
    let others = parts.iter().filter(|part| **part != Part::Kept);
    let turns = others.enumerate().filter(|(_, part)| **part == Part::User);
    turns.map(|(before, _)| before).filter(|before| *before > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    /// A message and its tokens.
    type Message = (Part, u32);

    fn conversation(turns: u32, tokens: u32) -> Vec<Message> {
        let turn = [(Part::User, tokens), (Part::Assistant, tokens)];
        let turns = (0..turns).flat_map(|_| turn);
        [(Part::Kept, 10)].into_iter().chain(turns).chain([(Part::User, tokens)]).collect()
    }

    fn encode(messages: &[Message], dropped: usize) -> Vec<u32> {
        let mut left = dropped;
        let mut ids = Vec::new();
        for (place, (part, tokens)) in messages.iter().enumerate() {
            if *part != Part::Kept && left > 0 {
                left -= 1;
                continue;
            }
            ids.extend((0..*tokens).map(|_| place as u32));
        }
        ids
    }

    fn fitted(messages: &[Message], window: usize, answer: usize) -> Result<Fitted> {
        let parts: Vec<Part> = messages.iter().map(|(part, _)| *part).collect();
        fit(&parts, window, answer, |dropped| Ok(encode(messages, dropped)))
    }

    #[test]
    fn what_fits_stays() {
        let messages = conversation(3, 10);
        assert_eq!(
            fitted(&messages, 100, usize::MAX).unwrap(),
            Fitted { ids: encode(&messages, 0), dropped: 0 }
        );
        assert_eq!(fitted(&messages, 92, 12).unwrap().dropped, 0);
        assert_eq!(fitted(&messages, 85, 5).unwrap().dropped, 0);
    }

    #[test]
    fn the_oldest_turns_go_until_there_is_room() {
        for turns in 1..40 {
            let messages = conversation(turns, 10);
            let fitted = fitted(&messages, 200, usize::MAX).unwrap();
            let tokens = |dropped| encode(&messages, dropped).len();
            assert_eq!(fitted.ids, encode(&messages, fitted.dropped));
            assert_eq!(fitted.dropped % 2, 0);
            match fitted.dropped {
                0 => assert!(tokens(0) <= 175),
                dropped => {
                    let left_out = tokens(0) - tokens(dropped);
                    let quarters = (tokens(0) - 175).div_ceil(50) * 50;
                    assert!(tokens(dropped) <= 175 && (quarters..quarters + 20).contains(&left_out));
                }
            }
        }
    }

    #[test]
    fn what_remains_begins_the_same_for_some_turns() {
        let dropped = |turns| fitted(&conversation(turns, 5), 400, usize::MAX).unwrap().dropped;
        let all: Vec<usize> = (1..200).map(dropped).collect();
        let changes = all.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(all.is_sorted() && changes < 200 / 9, "{all:?}");
    }

    #[test]
    fn the_system_and_the_last_turn_stay() {
        let mut messages = conversation(5, 10);
        messages.push((Part::Assistant, 10));
        messages.insert(4, (Part::Kept, 3));
        let fitted = fitted(&messages, 40, usize::MAX).unwrap();
        assert_eq!(fitted.dropped, 10);
        assert_eq!(fitted.ids.len(), 33);
        assert_eq!(fitted.ids[..13], encode(&messages[..], 10)[..13]);
    }

    #[test]
    fn a_last_turn_may_use_the_room_of_the_answer_but_not_all() {
        let alone = |tokens| fitted(&[(Part::Kept, 10), (Part::User, tokens)], 100, usize::MAX);
        assert_eq!(alone(89).unwrap().ids.len(), 99);
        for tokens in [90, 91, 1000] {
            let error = alone(tokens).unwrap_err();
            assert_eq!(error.code, ErrorCode::ContextOverflow);
            assert_eq!(error.detail, Some(format!("{}/100", tokens + 10)));
        }
        let turns = conversation(2, 95);
        assert_eq!(fitted(&turns, 100, 1).unwrap_err().detail.as_deref(), Some("105/100"));
    }

    #[test]
    fn odd_conversations_are_no_trouble() {
        use Part::{Assistant, Kept, User};
        for parts in [vec![], vec![Kept], vec![Assistant; 9], vec![User; 9], vec![Assistant, User, Kept]] {
            for window in [1, 2, 30, 50, 1000] {
                let messages: Vec<Message> = parts.iter().map(|part| (*part, 10)).collect();
                match fitted(&messages, window, usize::MAX) {
                    Ok(fitted) => {
                        assert!(fitted.ids.len() < window);
                        assert_eq!(fitted.ids, encode(&messages, fitted.dropped));
                    }
                    Err(error) => assert_eq!(error.code, ErrorCode::ContextOverflow),
                }
            }
        }
    }

    #[test]
    fn what_encoding_gives_is_given() {
        let error = fit(&[Part::User], 10, 1, |_| Err(crate::Error::new(ErrorCode::Tokenizer, "No.")));
        assert_eq!(error.unwrap_err().code, ErrorCode::Tokenizer);
    }
}
