use core::cell::{Cell, RefCell};

use pollster::block_on;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::generate::sequence::Cache;

/// Ends an answer.
const END: u32 = 0;
/// Two halves of one character.
const HALVES: [u32; 2] = [1, 2];
const VOCABULARY: u32 = 40;
const LAYERS: usize = 6;

/// A cache that is what was read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read(Vec<u32>);

impl Cache for Read {
    fn positions(&self) -> usize {
        self.0.len()
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Before,
    HalfWay,
    ReadingBack,
    NoNumber,
}

/// A model whose next token depends on all before it, in their places.
#[derive(Default)]
struct Fake {
    /// Says `script` instead, where it is not empty, and then ends.
    script: Vec<u32>,
    /// Where the script begins.
    prompt: usize,
    batch: usize,
    fault: Cell<Option<Fault>>,
    longest: Cell<usize>,
    /// Tokens times layers.
    work: Cell<usize>,
    /// All that was read when the last pass came through.
    said: RefCell<Vec<u32>>,
}

impl Fake {
    fn next(&self, read: &[u32]) -> u32 {
        if self.script.is_empty() {
            let hash = read.iter().fold(17u32, |h, id| (h ^ id).wrapping_mul(0x0100_0193).rotate_left(7));
            return hash % VOCABULARY;
        }
        let said = read.len().checked_sub(self.prompt);
        said.and_then(|said| self.script.get(said)).copied().unwrap_or(END)
    }

    fn failure() -> Error {
        Error::new(ErrorCode::GpuError, "As ordered.")
    }
}

/// What a pass of the fake reads, where it began, and how many layers are behind.
struct Way {
    ids: Vec<u32>,
    start: usize,
    layer: usize,
}

impl Decoder for Fake {
    type Cache = Read;
    type Pass = Way;

    fn layers(&self) -> usize {
        LAYERS
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn begin(&self, ids: &[u32], cache: &mut Read) -> Result<Way> {
        assert!(!ids.is_empty());
        self.longest.set(self.longest.get().max(ids.len()));
        match self.fault.get() {
            Some(Fault::Before) => Err(Self::failure()),
            _ => Ok(Way { ids: ids.to_vec(), start: cache.0.len(), layer: 0 }),
        }
    }

    fn advance(&self, way: Way, cache: &mut Read, layers: usize) -> Result<Way> {
        assert!(layers > 0 && way.layer < LAYERS);
        assert_eq!(way.start, cache.0.len(), "read into what another pass had written");
        if let Some(Fault::HalfWay) = self.fault.get() {
            cache.0.push(way.ids[0]);
            return Err(Self::failure());
        }
        let layer = LAYERS.min(way.layer + layers);
        self.work.set(self.work.get() + (layer - way.layer) * way.ids.len());
        if layer == LAYERS {
            cache.0.extend_from_slice(&way.ids);
            self.said.borrow_mut().clone_from(&cache.0);
        }
        Ok(Way { layer, ..way })
    }

    fn layers_left(&self, way: &Way) -> usize {
        LAYERS - way.layer
    }

    async fn logits(&self, _: Way, wanted: bool) -> Result<Vec<f32>> {
        if let Some(Fault::ReadingBack) = self.fault.get() {
            return Err(Self::failure());
        }
        let next = self.next(&self.said.borrow());
        let best = if let Some(Fault::NoNumber) = self.fault.get() { f32::NAN } else { 1.0 };
        Ok((0..VOCABULARY).map(|id| if wanted && id == next { best } else { 0.0 }).collect())
    }
}

/// Letters, and a character of two tokens.
struct Letters;

impl Vocabulary for Letters {
    type Partial = Vec<u32>;

    fn is_end(&self, id: u32) -> bool {
        id == END
    }

    fn text(&self, id: u32, partial: &mut Vec<u32>) -> String {
        partial.push(id);
        match partial.as_slice() {
            [id] if *id == HALVES[0] => return String::new(),
            whole if *whole == HALVES => partial.clear(),
            _ => return core::mem::take(partial).into_iter().map(letter).collect(),
        }
        "é".into()
    }

    fn rest(&self, partial: &mut Vec<u32>) -> String {
        core::mem::take(partial).into_iter().map(letter).collect()
    }
}

fn letter(id: u32) -> char {
    if HALVES.contains(&id) { '\u{fffd}' } else { char::from_u32(0x41 + id).unwrap() }
}

fn greedy() -> Answer {
    Answer { sampling: Sampling::greedy(), ..Answer::default() }
}

fn answering(prompt: Vec<u32>, window: usize, answer: Answer) -> Result<Generation<Letters>> {
    Generation::answering(prompt, window, answer, Vec::new())
}

fn sequence() -> Sequence<Fake> {
    Sequence::new(Read::default())
}

/// What an answer came to.
#[derive(Debug, PartialEq)]
struct Answered {
    text: String,
    finish: Finish,
}

fn run(
    fake: &Fake,
    generation: &mut Generation<Letters>,
    sequence: &mut Sequence<Fake>,
    chunk: usize,
) -> Answered {
    let mut text = String::new();
    for _ in 0..10_000 {
        match block_on(generation.step(fake, &Letters, sequence, chunk)).unwrap() {
            Step::Prefill { done, total } => assert!(done <= total),
            Step::Text { text: new, .. } => text.push_str(&new),
            Step::Done(finish) => return Answered { text, finish },
        }
        consistent(sequence);
    }
    panic!("no end");
}

fn consistent(sequence: &Sequence<Fake>) {
    assert_eq!(sequence.ids(), sequence.cache().0);
}

/// The answer of `script` to three tokens.
fn scripted(script: &[u32], window: usize, answer: Answer) -> Answered {
    let fake = Fake { script: script.to_vec(), prompt: 3, ..Fake::default() };
    let mut generation = answering(vec![9, 9, 9], window, answer).unwrap();
    run(&fake, &mut generation, &mut sequence(), 8)
}

/// The answer without chunks, sequences or steps.
fn naive(fake: &Fake, prompt: &[u32], end: usize) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    while tokens.len() < end {
        match fake.next(&tokens) {
            END => break,
            next => tokens.push(next),
        }
    }
    tokens
}

#[test]
fn each_reason_to_end_is_named() {
    let with = |stop: &[&str], max_tokens| Answer {
        stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        max_tokens,
        ..greedy()
    };
    let script = [3, 4, 5, 6];
    for (window, answer, text, reason, generated_tokens) in [
        (100, with(&[], None), "DEFG", Reason::EndOfTurn, 4),
        (100, with(&["EF"], None), "D", Reason::Stop, 3),
        (100, with(&["FX", "GX"], None), "DEFG", Reason::EndOfTurn, 4),
        (100, with(&[], Some(2)), "DE", Reason::MaxTokens, 2),
        (100, with(&["EFG"], Some(2)), "DE", Reason::MaxTokens, 2),
        (100, with(&["E"], Some(2)), "D", Reason::Stop, 2),
        (5, with(&[], None), "DE", Reason::ContextFull, 2),
        (5, with(&[], Some(2)), "DE", Reason::MaxTokens, 2),
        (5, with(&[], Some(3)), "DE", Reason::ContextFull, 2),
    ] {
        let finish = Finish { reason, prompt_tokens: 3, reused_tokens: 0, generated_tokens };
        assert_eq!(scripted(&script, window, answer), Answered { text: text.into(), finish });
    }
    let silent = scripted(&[END], 100, greedy());
    assert_eq!((silent.text.as_str(), silent.finish.reason), ("", Reason::EndOfTurn));
}

#[test]
fn half_a_character_is_never_given() {
    assert_eq!(scripted(&[3, 1, 2, 4], 100, greedy()).text, "DéE");
    assert_eq!(scripted(&[3, 1], 100, greedy()).text, "D\u{fffd}");
    let stop = Answer { stop: vec!["\u{fffd}".into()], ..greedy() };
    let cut = scripted(&[3, 1], 100, stop);
    assert_eq!((cut.text.as_str(), cut.finish.reason), ("D", Reason::Stop));
}

#[test]
fn prompts_are_read_in_chunks_and_what_is_known_is_not_read_again() {
    let fake = Fake { script: vec![3, 4], prompt: 20, ..Fake::default() };
    let mut sequence = sequence();
    let prompt: Vec<u32> = (3..23).collect();
    let mut first = answering(prompt.clone(), 100, greedy()).unwrap();
    let steps: Vec<Step> =
        (0..5).map(|_| block_on(first.step(&fake, &Letters, &mut sequence, 8)).unwrap()).collect();
    assert_eq!(steps[0], Step::Prefill { done: 8, total: 20 });
    assert_eq!(steps[1], Step::Prefill { done: 16, total: 20 });
    assert_eq!(steps[2], Step::Text { text: "D".into(), tokens: 1 });
    assert_eq!(steps[3], Step::Text { text: "E".into(), tokens: 2 });
    assert!(matches!(steps[4], Step::Done(_)));
    assert_eq!((fake.longest.get(), fake.work.get() / LAYERS), (8, 22));

    let next: Vec<u32> = prompt.iter().copied().chain([3, 4, 7, 8]).collect();
    let fake = Fake { script: vec![5], prompt: 24, ..Fake::default() };
    let mut second = answering(next, 100, greedy()).unwrap();
    assert_eq!(run(&fake, &mut second, &mut sequence, 8).finish.reused_tokens, 22);
    assert_eq!(fake.work.get() / LAYERS, 3);

    let fake = Fake { script: vec![6], prompt: 20, ..Fake::default() };
    let mut again = answering(prompt, 100, greedy()).unwrap();
    let answered = run(&fake, &mut again, &mut sequence, 8);
    assert_eq!((answered.text.as_str(), answered.finish.reused_tokens), ("G", 19));
}

#[test]
fn a_step_does_no_more_than_asked_of_a_large_batch() {
    let fake = Fake { script: vec![3], prompt: 40, batch: 16, ..Fake::default() };
    let mut sequence = sequence();
    let mut generation = answering(vec![9; 40], 100, greedy()).unwrap();
    let mut steps = 0;
    let first = loop {
        let before = fake.work.get();
        let step = block_on(generation.step(&fake, &Letters, &mut sequence, 6)).unwrap();
        assert!((1..=6 * LAYERS).contains(&(fake.work.get() - before)));
        match step {
            Step::Prefill { done, .. } => assert_eq!((done, done % 16), (sequence.ids().len(), 0)),
            text => break text,
        }
        steps += 1;
    };
    assert_eq!(first, Step::Text { text: "D".into(), tokens: 1 });
    // Two layers at a time of 16 tokens, twice, and then four of the last 8.
    assert_eq!((steps, fake.longest.get(), fake.work.get()), (3 + 3 + 1, 16, 40 * LAYERS));
}

#[test]
fn appending_reads_and_says_nothing() {
    let fake = Fake::default();
    let mut sequence = sequence();
    for (read, reused) in [(20, 0), (20, 20)] {
        let mut append = Generation::reading((3..23).collect(), 100).unwrap();
        let answered = run(&fake, &mut append, &mut sequence, 8);
        let finish = Finish {
            reason: Reason::Appended,
            prompt_tokens: 20,
            reused_tokens: reused,
            generated_tokens: 0,
        };
        assert_eq!(answered, Answered { text: String::new(), finish });
        assert_eq!((fake.work.get() / LAYERS, sequence.ids().len()), (read, 20));
    }
}

#[test]
fn a_generation_that_is_over_stays_over() {
    let fake = Fake { script: vec![3], prompt: 1, ..Fake::default() };
    let mut sequence = sequence();
    let mut generation = answering(vec![9], 100, greedy()).unwrap();
    let answered = run(&fake, &mut generation, &mut sequence, 1);
    let read = fake.work.get() / LAYERS;
    assert_eq!(run(&fake, &mut generation, &mut sequence, 1).finish, answered.finish);
    assert_eq!(fake.work.get() / LAYERS, read);
}

#[test]
fn prompts_that_cannot_be_answered_are_refused() {
    let refused = |prompt: usize, window, answer| {
        let error = match answer {
            Some(answer) => answering(vec![9; prompt], window, answer).err(),
            None => Generation::<Letters>::reading(vec![9; prompt], window).err(),
        };
        error.map(|error| (error.code, error.detail)).unwrap()
    };
    assert_eq!(refused(0, 10, None), (ErrorCode::InvalidInput, None));
    for answer in [None, Some(greedy())] {
        assert_eq!(refused(10, 10, answer), (ErrorCode::ContextOverflow, Some("10/10".into())));
    }
    let named = |name: &str| (ErrorCode::InvalidInput, Some(name.to_owned()));
    assert_eq!(refused(1, 10, Some(Answer { max_tokens: Some(0), ..greedy() })), named("max_tokens"));
    assert_eq!(refused(1, 10, Some(Answer { stop: vec!["x".into(); 10_000], ..greedy() })), named("stop"));
    let sampling = Sampling { temperature: f32::NAN, ..Sampling::default() };
    assert_eq!(refused(1, 10, Some(Answer { sampling, ..greedy() })), named("temperature"));
}

#[test]
fn logits_that_are_no_numbers_end_nothing() {
    let fake = Fake { script: vec![3], prompt: 5, ..Fake::default() };
    let mut sequence = sequence();
    let mut generation = answering(vec![9; 5], 100, greedy()).unwrap();
    fake.fault.set(Some(Fault::NoNumber));
    let error = block_on(generation.step(&fake, &Letters, &mut sequence, 8)).unwrap_err();
    assert_eq!(error.code, ErrorCode::MalformedFile);
    fake.fault.set(None);
    let step = block_on(generation.step(&fake, &Letters, &mut sequence, 8)).unwrap();
    assert_eq!(step, Step::Text { text: "D".into(), tokens: 1 });
    consistent(&sequence);
}

proptest! {
    /// Whatever fails, is dropped, is copied or is used by something else meanwhile: an answer is what the model
    /// says after the whole prompt.
    #[test]
    fn nothing_that_happened_to_a_sequence_changes_an_answer(
        batch in 1usize..9,
        turns in vec((vec(3u32..6, 1..12), 1usize..7, vec(0u8..12, 0..25)), 1..6),
    ) {
        let fake = Fake { batch, ..Fake::default() };
        let mut sequences = vec![sequence()];
        for (prompt, chunk, events) in turns {
            let mut generation = answering(prompt.clone(), 30, greedy()).unwrap();
            let mut current = 0;
            for event in events {
                match event {
                    0 => fake.fault.set(Some(Fault::Before)),
                    1 => fake.fault.set(Some(Fault::HalfWay)),
                    2 => fake.fault.set(Some(Fault::ReadingBack)),
                    3 => sequences.push(sequences[current].clone()),
                    4 => current = (current + 1) % sequences.len(),
                    5 => {
                        let other = vec![4, 3, 5, 4];
                        let mut other = answering(other, 30, greedy()).unwrap();
                        let _ = block_on(other.step(&fake, &Letters, &mut sequences[current], 3));
                    }
                    _ => {}
                }
                let step = block_on(generation.step(&fake, &Letters, &mut sequences[current], chunk));
                prop_assert!(step.is_ok() || fake.fault.get().is_some());
                fake.fault.set(None);
            }
            let expected = naive(&fake, &prompt, 30);
            prop_assert!(expected.starts_with(generation.tokens()) || generation.tokens().len() <= prompt.len());
            run(&fake, &mut generation, &mut sequences[current], chunk);
            prop_assert_eq!(generation.tokens(), expected);
            prop_assert!(fake.longest.get() <= batch.max(6));
        }
    }
}
