//! Chat with a small random model: its answers, and what a session lives through.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use inglenook::{
    Error, ErrorCode, Result,
    device::Device,
    files::ModelFiles,
    generate::{Answer, Finish, Reason, Sampling, Step},
    tasks::language_model::{Job, LanguageModel, LoadOptions, PlanOptions, Session},
    tokenizer::chat_template::{Message, Role},
};
use pollster::block_on;
use proptest::{collection, prelude::*};
use serde_json::Value;

const FILES: [&str; 2] = ["model-q8_0.gguf", "model-q4_1.gguf"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny-llama").join(name)
}

fn load(file: &str, context_window: Option<usize>) -> Result<LanguageModel> {
    load_bytes(&fs::read(golden(file)).unwrap(), context_window)
}

fn load_bytes(bytes: &[u8], context_window: Option<usize>) -> Result<LanguageModel> {
    let mut files = ModelFiles::default();
    files.open("model.gguf", None, None)?;
    files.push(bytes)?;
    files.close()?;
    block_on(LanguageModel::load(&mut files, Device::cpu(), LoadOptions { context_window }, &|_| {}))
}

/// Where `text` is in a file.
fn find(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

/// A model whose chat template is another one.
fn with_template(template: &str) -> Result<LanguageModel> {
    let mut bytes = fs::read(golden(FILES[0])).unwrap();
    let value = find(&bytes, "tokenizer.chat_template") + "tokenizer.chat_template".len() + 4;
    let length = u64::from_le_bytes(bytes[value..value + 8].try_into().unwrap()) as usize;
    let padded = format!("{template}{{#{:width$}#}}", "", width = length - template.len() - 4);
    bytes[value + 8..][..length].copy_from_slice(padded.as_bytes());
    load_bytes(&bytes, None)
}

fn model(context_window: usize) -> LanguageModel {
    load(FILES[0], Some(context_window)).unwrap()
}

fn message(role: Role, content: &str) -> Message {
    Message { role, content: content.into() }
}

fn user(content: &str) -> Vec<Message> {
    vec![message(Role::User, content)]
}

fn greedy(max_tokens: usize) -> PlanOptions {
    let answer = Answer { sampling: Sampling::greedy(), max_tokens: Some(max_tokens), ..Answer::default() };
    PlanOptions { answer: Some(answer), ..PlanOptions::default() }
}

/// The text of the answer and how it ended.
fn finish(model: &LanguageModel, session: &mut Session, job: &mut Job, chunk: usize) -> (String, Finish) {
    let mut text = String::new();
    loop {
        match block_on(job.step(model, session, chunk)).unwrap() {
            Step::Prefill { done, total } => assert!(done < total),
            Step::Text { text: new, .. } => text.push_str(&new),
            Step::Done(finish) => return (text, finish),
        }
    }
}

fn say(
    model: &LanguageModel,
    session: &mut Session,
    messages: &[Message],
    tokens: usize,
) -> (String, Finish) {
    let mut job = model.plan(messages.to_vec(), greedy(tokens)).unwrap();
    finish(model, session, &mut job, 7)
}

fn refused(result: Result<Job>) -> Error {
    result.err().unwrap()
}

#[test]
fn greedy_answers_are_the_reference_s() {
    let chats: Value = serde_json::from_slice(&fs::read(golden("chat.json")).unwrap()).unwrap();
    for file in FILES {
        let model = load(file, None).unwrap();
        for chat in chats[file].as_array().unwrap() {
            let messages: Vec<Message> = (chat["messages"].as_array().unwrap().iter())
                .map(|m| message(Role::User, m["content"].as_str().unwrap()))
                .collect();
            assert_eq!(model.count(&messages, true).unwrap(), chat["prompt"].as_array().unwrap().len());
            let expected = chat["answerText"].as_str().unwrap();
            let tokens = chat["answer"].as_array().unwrap().len();
            for chunk in [1, 3, 100] {
                let mut job = model.plan(messages.clone(), greedy(tokens)).unwrap();
                let (text, finished) = finish(&model, &mut model.session(), &mut job, chunk);
                assert_eq!(text, expected, "{file}, {chunk} tokens at a time");
                assert_eq!(finished.reason, Reason::MaxTokens);
                assert_eq!(finished.generated_tokens, tokens);
            }
        }
    }
}

#[test]
fn what_was_loaded_is_described() {
    let model = load(FILES[0], None).unwrap();
    let info = model.info();
    assert_eq!((info.architecture.as_str(), info.layers, info.has_template), ("llama", 2, true));
    assert_eq!(info.context_window, info.trained_context);
    assert!(info.parameters > 10_000);
    let error = load(FILES[0], Some(info.trained_context + 1)).err().unwrap();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::InvalidInput, Some("context_window")));
}

#[test]
fn a_second_turn_reads_only_what_is_new() {
    let model = load(FILES[0], None).unwrap();
    let mut session = model.session();
    let mut messages = user("the cat sings to the dog");
    let (answer, first) = say(&model, &mut session, &messages, 6);
    assert_eq!((first.reused_tokens, first.prompt_tokens), (0, model.count(&messages, true).unwrap()));
    assert_eq!(session.usage(), first.prompt_tokens + 5);

    messages.extend([message(Role::Assistant, &answer), message(Role::User, "who is it?")]);
    let (continued, second) = say(&model, &mut session, &messages, 6);
    assert!(second.reused_tokens >= first.prompt_tokens, "{second:?} after {first:?}");
    assert_eq!(say(&model, &mut model.session(), &messages, 6).0, continued);

    let (again, third) = say(&model, &mut session, &messages, 6);
    assert_eq!((again, third.reused_tokens), (continued, second.prompt_tokens - 1));
}

#[test]
fn sessions_and_forks_do_not_mix() {
    let model = load(FILES[0], None).unwrap();
    let conversations = ["fire in the house", "a story", "count to me", "why is it warm?"].map(user);
    let alone: Vec<String> =
        conversations.iter().map(|c| say(&model, &mut model.session(), c, 12).0).collect();

    let mut first = model.session();
    say(&model, &mut first, &conversations[0], 3);
    let mut sessions = [first.clone(), first.clone(), model.session(), first];
    let mut jobs = conversations.map(|c| model.plan(c, greedy(12)).unwrap());
    let mut texts = [const { String::new() }; 4];
    for _ in 0..60 {
        for (i, job) in jobs.iter_mut().enumerate() {
            if let Step::Text { text, .. } = block_on(job.step(&model, &mut sessions[i], 3)).unwrap() {
                texts[i].push_str(&text);
            }
        }
    }
    assert_eq!(texts.to_vec(), alone);
}

#[test]
fn an_answer_may_be_dropped_at_any_step() {
    let model = load(FILES[0], None).unwrap();
    let (expected, _) = say(&model, &mut model.session(), &user("tell me a story"), 8);
    let mut session = model.session();
    for steps in 0..12 {
        let mut job = model.plan(user("blue dog again and again"), greedy(8)).unwrap();
        for _ in 0..steps {
            block_on(job.step(&model, &mut session, 5)).unwrap();
        }
        drop(job);
        assert_eq!(say(&model, &mut session, &user("tell me a story"), 8).0, expected);
    }
}

#[test]
fn reading_without_answering_counts_as_read() {
    let model = load(FILES[0], None).unwrap();
    let messages = user("the house is warm");
    let mut session = model.session();
    let mut job = model.plan(messages.clone(), PlanOptions::default()).unwrap();
    let (text, read) = finish(&model, &mut session, &mut job, 4);
    assert_eq!((text.as_str(), read.reason, session.usage()), ("", Reason::Appended, read.prompt_tokens));
    assert_eq!(read.prompt_tokens, model.count(&messages, false).unwrap());
    let (answer, answered) = say(&model, &mut session, &messages, 6);
    assert_eq!(answered.reused_tokens, read.prompt_tokens);
    assert_eq!(say(&model, &mut model.session(), &messages, 6).0, answer);
}

/// What follows the beginning of an answer is the rest of it, where the beginning is read as the tokens that it was
/// written in.
#[test]
fn an_answer_goes_on_from_its_prefix() {
    let model = load(FILES[0], None).unwrap();
    let with = |prefix: &str, tokens| PlanOptions { prefix: Some(prefix.into()), ..greedy(tokens) };
    let mut exact = 0;
    for question in ["a dog", "the cat sings", "tell me a story"].map(user) {
        let prompt = model.count(&question, true).unwrap();
        let (answer, _) = say(&model, &mut model.session(), &question, 16);
        for given in 0..16 {
            let (prefix, _) = say(&model, &mut model.session(), &question, given.max(1));
            let prefix = if given == 0 { "" } else { prefix.as_str() };
            let mut job = model.plan(question.clone(), with(prefix, 16 - given)).unwrap();
            let (rest, finished) = finish(&model, &mut model.session(), &mut job, 7);
            let read = finished.prompt_tokens - prompt;
            assert!(given == 0 || read > 0);
            if read == given && answer.starts_with(prefix) {
                assert_eq!(format!("{prefix}{rest}"), answer, "{given} tokens given");
                exact += 1;
            }
        }
    }
    println!("{exact} of 48 beginnings are read as they were written");
    assert!(exact >= 12, "{exact}");
}

#[test]
fn the_context_ends_an_answer() {
    let model = model(32);
    let mut session = model.session();
    let (_, finished) = say(&model, &mut session, &user("a cat"), 1000);
    assert_eq!(finished.reason, Reason::ContextFull);
    assert_eq!(finished.prompt_tokens + finished.generated_tokens, 32);
    assert!(session.usage() <= 32);
    assert_eq!(say(&model, &mut session, &user("a cat"), 3).1.reason, Reason::MaxTokens);
}

#[test]
fn the_oldest_messages_go_where_there_is_no_room() {
    let model = model(64);
    let mut messages = vec![message(Role::System, "story")];
    for turn in ["one", "two", "three"] {
        messages.extend([message(Role::User, turn), message(Role::Assistant, "the cat")]);
    }
    messages.extend(user("to me"));
    let job = model.plan(messages.clone(), greedy(100)).unwrap();
    assert!(job.dropped() > 0 && job.dropped().is_multiple_of(2));
    let kept = [&messages[..1], &messages[1 + job.dropped()..]].concat();
    let same = model.plan(kept.clone(), greedy(100)).unwrap();
    assert_eq!(same.dropped(), 0);
    let (mut one, mut other) = (job, same);
    let answers = [&mut one, &mut other].map(|job| finish(&model, &mut model.session(), job, 7));
    assert_eq!(answers[0], answers[1]);

    let job = model.plan(messages.clone(), PlanOptions { keep: 3, ..greedy(100) }).unwrap();
    let kept = [&messages[..3], &messages[3 + job.dropped()..]].concat();
    let same = model.plan(kept, greedy(100)).unwrap();
    let answers = [job, same].map(|mut job| finish(&model, &mut model.session(), &mut job, 7));
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn bad_input_is_refused_and_the_session_goes_on() {
    let model = model(64);
    let mut session = model.session();
    let (expected, _) = say(&model, &mut session, &user("a dog"), 4);
    let with = |change: fn(&mut Answer)| {
        let mut options = greedy(4);
        options.answer.as_mut().map(change);
        refused(model.plan(user("a dog"), options))
    };
    let invalid = |error: Error| {
        assert_eq!(error.code, ErrorCode::InvalidInput);
        error.detail.unwrap()
    };
    assert_eq!(invalid(with(|answer| answer.sampling.temperature = f32::NAN)), "temperature");
    assert_eq!(invalid(with(|answer| answer.sampling.top_p = -1.0)), "top_p");
    assert_eq!(invalid(with(|answer| answer.stop = vec!["x".into(); 10_000])), "stop");
    assert_eq!(invalid(with(|answer| answer.max_tokens = Some(0))), "max_tokens");
    assert_eq!(invalid(refused(model.plan(Vec::new(), greedy(4)))), "messages");

    let long = user(&"the cat ".repeat(500));
    let error = refused(model.plan(long.clone(), greedy(4)));
    assert_eq!(error.code, ErrorCode::ContextOverflow);
    let detail = format!("{}/64", model.count(&long, true).unwrap());
    assert_eq!(error.detail, Some(detail));
    assert_eq!(refused(model.plan(long, PlanOptions::default())).code, ErrorCode::ContextOverflow);

    assert_eq!(say(&model, &mut session, &user("a dog"), 4).0, expected);
}

#[test]
fn a_template_that_fails_fails_only_what_it_was_asked() {
    for template in ["{{ raise_exception('No.') }}", "{% for i in range(9**9) %}{{ i }}{% endfor %}"] {
        let model = with_template(template).unwrap();
        for _ in 0..2 {
            assert_eq!(refused(model.plan(user("a dog"), greedy(4))).code, ErrorCode::Template);
            assert_eq!(model.count(&user("a dog"), true).unwrap_err().code, ErrorCode::Template);
        }
    }
    assert_eq!(with_template("{% for %}").err().unwrap().code, ErrorCode::Template);
    let picky = with_template("{% if messages[1] %}{{ raise_exception('') }}{% endif %}a").unwrap();
    let two = [user("a"), user("b")].concat();
    let mut session = picky.session();
    assert_eq!(refused(picky.plan(two, greedy(4))).code, ErrorCode::Template);
    assert_eq!(say(&picky, &mut session, &user("a dog"), 4).1.generated_tokens, 4);
}

#[test]
fn a_template_that_writes_nothing_leaves_nothing_to_read() {
    let model = with_template("").unwrap();
    assert_eq!(refused(model.plan(user("a dog"), greedy(4))).code, ErrorCode::InvalidInput);
}

#[test]
fn cut_files_are_refused() {
    let bytes = fs::read(golden(FILES[0])).unwrap();
    for len in (0..bytes.len()).step_by(1201).chain([bytes.len() - 1]) {
        let error = load_bytes(&bytes[..len], None).err();
        assert_eq!(error.map(|error| error.code), Some(ErrorCode::MalformedFile), "{len} bytes");
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error_at_every_step() {
    let mut bytes = fs::read(golden(FILES[0])).unwrap();
    // The scale of the last block of the last tensor in the file, or its neighbours: whatever it is, it becomes NaN.
    let end = bytes.len();
    bytes[end - 4096..].fill(0xff);
    let model = load_bytes(&bytes, None).unwrap();
    let mut session = model.session();
    let mut job = model.plan(user("a dog"), greedy(4)).unwrap();
    for _ in 0..3 {
        let error = block_on(job.step(&model, &mut session, 100)).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedFile);
    }
}

/// What a damaged file may be accused of. With fewer tokens or a smaller context the prompt may be too long for it, or
/// empty.
const ACCUSATIONS: [ErrorCode; 11] = [
    ErrorCode::MalformedFile,
    ErrorCode::UnsupportedFile,
    ErrorCode::UnsupportedModel,
    ErrorCode::UnsupportedDtype,
    ErrorCode::MissingTensor,
    ErrorCode::TensorShape,
    ErrorCode::Tokenizer,
    ErrorCode::Template,
    ErrorCode::OutOfMemory,
    ErrorCode::ContextOverflow,
    ErrorCode::InvalidInput,
];

fn load_and_ask(bytes: &[u8]) -> Result<()> {
    let model = load_bytes(bytes, None)?;
    let mut job = model.plan(user("the cat"), greedy(3))?;
    let mut session = model.session();
    for _ in 0..5 {
        if let Step::Done(finish) = block_on(job.step(&model, &mut session, 16))? {
            assert!(finish.generated_tokens <= 3);
            break;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is wrong with a file, it is an error when it is loaded or when it is used, and no more than that.
    #[test]
    fn damaged_files_are_refused_or_answer(
        damages in collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
    ) {
        let mut bytes = fs::read(golden(FILES[1])).unwrap();
        let len = if in_header { find(&bytes, "blk.1.ffn_up.weight") } else { bytes.len() };
        for (place, value) in damages {
            bytes[place.index(len)] = value;
        }
        if let Err(error) = load_and_ask(&bytes) {
            prop_assert!(ACCUSATIONS.contains(&error.code), "{error:?}");
        }
    }
}

#[test]
fn many_turns_hold_no_more_memory_than_the_context() {
    let model = model(128);
    let mut session = model.session();
    let mut messages = vec![message(Role::System, "story")];
    for turn in 0..40 {
        messages.extend(user(&format!("{turn} is blue")));
        let mut job = model.plan(messages.clone(), greedy(5)).unwrap();
        messages.drain(1..1 + job.dropped());
        let (answer, _) = finish(&model, &mut session, &mut job, 16);
        assert!(session.usage() <= 128);
        assert_eq!(say(&model, &mut model.session(), &messages, 5).0, answer, "turn {turn}");
        messages.push(message(Role::Assistant, &answer));
    }
}
