use std::{fs, path::Path};

use serde_json::Value as Json;

use super::*;
use crate::formats::gguf::fixture::Gguf;
use crate::formats::open_gguf;

/// 2024-02-29 13:04:05, the time of the goldens.
const NOW: i64 = 1_709_211_845;

/// A tokenizer whose only purpose is that texts begin with `<s>` and end with `</s>`.
fn gguf() -> Gguf {
    Gguf::default()
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .texts("tokenizer.ggml.tokens", &["<s>", "</s>", "a"])
        .i32s("tokenizer.ggml.token_type", &[3, 3, 1])
        .texts("tokenizer.ggml.merges", &[])
        .u32("tokenizer.ggml.bos_token_id", 0)
        .u32("tokenizer.ggml.eos_token_id", 1)
}

fn read(file: &Gguf) -> Result<ChatTemplate> {
    set_clock(|| NOW);
    let metadata = open_gguf(file.bytes()).unwrap().metadata;
    ChatTemplate::from_gguf(&metadata, &TextTokenizer::from_gguf(&metadata).unwrap())
}

fn template(source: &str) -> Result<ChatTemplate> {
    read(&gguf().text(KEY, source))
}

fn user(content: &str) -> Message {
    Message { role: Role::User, content: content.to_owned() }
}

fn golden(name: &str) -> Json {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/chat-templates");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn conversation(messages: &Json) -> Vec<Message> {
    let message = |message: &Json| Message {
        role: match message["role"].as_str().unwrap() {
            "system" => Role::System,
            "user" => Role::User,
            _ => Role::Assistant,
        },
        content: message["content"].as_str().unwrap().to_owned(),
    };
    messages.as_array().unwrap().iter().map(message).collect()
}

/// Every conversation of the golden as the reference renders it, without and with the prompt for an answer.
fn check(name: &str) {
    let golden_rows = golden(&format!("{name}.json"));
    let template = template(golden_rows["template"].as_str().unwrap()).unwrap();
    let rows = golden_rows["rendered"].as_array().unwrap();
    let conversations = golden("conversations.json");
    assert_eq!(rows.len(), conversations.as_array().unwrap().len());
    for (messages, row) in conversations.as_array().unwrap().iter().zip(rows) {
        for (expected, prompt) in row.as_array().unwrap().iter().zip([false, true]) {
            let rendered = template.render(&conversation(messages), prompt);
            match expected["text"].as_str() {
                Some(text) => assert_eq!(rendered.as_deref(), Ok(text), "{name}: {messages}"),
                None => {
                    let error = rendered.unwrap_err();
                    let reason = expected["error"].as_str().unwrap();
                    assert_eq!(error.code, ErrorCode::Template);
                    assert!(error.message.contains(reason), "{name}: {error} instead of {reason}");
                }
            }
        }
    }
}

macro_rules! templates {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

templates! {
    smollm2: "smollm2",
    qwen2_5_coder: "qwen2.5-coder",
    chatml: "chatml",
    llama3: "llama3",
    gemma: "gemma",
    gemma3: "gemma3",
    mistral: "mistral",
    llama2: "llama2",
    zephyr: "zephyr",
    phi: "phi",
    qwen3: "qwen3",
    features: "features",
}

#[test]
fn without_a_template_contents_are_lines() {
    let template = read(&gguf()).unwrap();
    assert!(!template.has_template());
    assert_eq!(template.render(&[user("a"), user("b")], true).unwrap(), "a\nb");
    assert!(super::tests::template("x").unwrap().has_template());
}

/// Whatever a template does, it ends, and says what was wrong with it.
#[test]
fn templates_that_go_wrong_are_errors() {
    for (source, reason) in [
        ("{{ raise_exception('no') }}", "no"),
        ("{{ raise_exception('é' * 1000) }}", "é"),
        ("{% for", "unexpected end"),
        ("{{ missing.member }}", "undefined"),
        ("{{ missing() }}", "unknown"),
        ("{{ 'a'.shout() }}", "no method named shout"),
        ("{{ 1 | shout }}", "shout"),
        ("{{ 1 / 0 }}", "1 / 0"),
        ("{% include 'other' %}", "other templates"),
        ("{% block a %}{% endblock %}", "blocks"),
        ("{{ strftime_now('%Q') }}", "%Q"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "fuel"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{% for a in range(2000) %}{{ 'x' * 1000 }}{% endfor %}", "more than"),
        ("{{ 'x' * 90000000 }}", "multiply"),
        ("{% for i in range(99999) %}{{ (i + 2) in [1] * 100000000 }}{% endfor %}", "multiply"),
        ("{{ range(100000000) | list }}", "range"),
        ("{{ range(-9000000000000000000, 9000000000000000000, -1) }}", "range"),
        (&"{% if true %}".repeat(2000), "recurs"),
        (&format!("{{{{ {}1{} }}}}", "(".repeat(400), ")".repeat(400)), "recurs"),
        (&"x".repeat(1 << 19), "allowed"),
        (&format!("{{{{ 1{} }}}}", "+1".repeat(60_000)), "too long"),
        (&format!("{{{{ 'a'{} }}}}", "|upper".repeat(20_000)), "too long"),
        (&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(10_000)), "too long"),
    ] {
        let rendered = template(source).and_then(|template| template.render(&[user("u")], false));
        let error = rendered.unwrap_err();
        assert_eq!(error.code, ErrorCode::Template);
        assert!(error.message.contains(reason), "{} for {:.100}", error.message, source);
        assert!(error.message.len() < 1000);
    }
}

#[test]
fn a_template_that_is_no_text_is_an_error() {
    let error = read(&gguf().u32(KEY, 7)).unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::Template, Some(KEY)));
}

/// A text of 16 MiB in `t`, and in `l` a list of 100,000 numbers. No constant is large enough to be refused at once.
const LARGE: &str = "{% set n = 16384 %}{% set t = 'ab\n ' * n * 256 %}{% set l = range(100000) | list %}";

/// What costs by the size of what it works on is paid for, however few instructions it takes. Without that, each of
/// these takes minutes to hours, or gigabytes.
#[test]
fn work_is_bounded() {
    for step in [
        "t.upper()",
        "t.title()",
        "t.replace('a', t)",
        "t.split('a')",
        "t.splitlines()",
        "t.strip(t)",
        "t.count('a')",
        "t.join(l)",
        "t.startswith((t, t))",
        "t | upper",
        "t | trim",
        "t | replace('', t)",
        "t | indent(900)",
        "t | tojson",
        "t | length",
        "l | join(t)",
        "l | map('default', t)",
        "l | selectattr(t)",
        "l | sort",
        "l | unique",
        "l | reverse",
        "l | tojson(indent=16)",
        "l | string",
        "l is eq(l + [1])",
        "'x' is in l",
        "l == l + [1]",
        "l < l + [1]",
        "(l + [1]) in [l]",
        "-1 in l",
        "-1 in range(100000)",
        "-1 in l * n",
        "-1 in (1,) * n * n",
        "range(100000)[99999]",
        "1 < 2 < (l == l + [1])",
        "'x' in t",
        "t ~ 1",
        "t + t",
        "t * n",
        "t == t + ''",
        "t[-1]",
        "t[::-1]",
        "l[1:]",
        "strftime_now(t)",
        "dict(a=l)",
        "namespace(a=l)",
        "[l, l]",
        "l[0] if t is lower",
    ] {
        // Nothing of it is written, which would be too much as well.
        let each = format!("{LARGE}{{% for i in range(9999) %}}{{% set x = {step} %}}{{% endfor %}}");
        let rendered = template(&each).and_then(|template| template.render(&[user("u")], false));
        let error = rendered.expect_err(step);
        assert!(error.message.contains("works too much"), "{} for {step}", error.message);
    }
}

/// The same of statements; and a loop may not write more into a variable than into the prompt.
#[test]
fn work_of_statements_is_bounded() {
    let raw = "x".repeat(200_000);
    for body in [
        "{% for c in t %}{% break %}{% endfor %}",
        "{% set ns.t = ns.t ~ ns.t ~ 'x' %}",
        "{% set ns.l = [ns.l, ns.l] %}",
        "{% set ns.l = ns.l + ns.l + [1] %}",
        "{% set x %}{{ t }}{% endset %}",
        "{% filter upper %}{{ t }}{% endfilter %}",
        &raw,
    ] {
        let source = format!(
            "{LARGE}{{% set ns = namespace(t='', l=[]) %}}{{% set all %}}\
             {{% for i in range(99999) %}}{body}{{% endfor %}}{{% endset %}}"
        );
        let rendered = template(&source).and_then(|template| template.render(&[user("u")], false));
        let error = rendered.expect_err(body);
        let reasons = ["works too much", "nests too deeply"];
        assert!(
            reasons.iter().any(|reason| error.message.contains(reason)),
            "{} for {body:.40}",
            error.message
        );
    }
}

/// Values are trees of little depth, so that nothing that walks or drops one overflows the stack.
#[test]
fn values_do_not_nest_deeply() {
    let each = |step: &str| {
        format!(
            "{{% set ns = namespace(a=[]) %}}{{% for i in range(90000) %}}{step}{{% endfor %}}{{{{ ns.a }}}}"
        )
    };
    for (source, reason) in [
        (each("{% set ns.a = [ns.a] %}"), "nests too deeply"),
        (each("{% set ns.a = (ns.a, 1) %}"), "nests too deeply"),
        (each("{% set ns.a = {'a': ns.a} %}"), "nests too deeply"),
        (each("{% set ns.a = dict(a=ns.a) %}"), "nests too deeply"),
        (each("{% set ns.a = namespace(a=ns.a) %}"), "cannot be a part"),
        (each("{% set ns.a = ns %}"), "cannot be a part"),
        (each("{% set ns.a = [loop] %}"), "cannot be a part"),
        (each("{% set ns.a = loop %}"), "cannot be a part"),
    ] {
        let rendered = template(&source).and_then(|template| template.render(&[user("u")], false));
        let error = rendered.expect_err(&source);
        assert!(error.message.contains(reason), "{} for {source}", error.message);
    }
}

/// What no account could bound is refused before it runs, as is what makes the engine panic.
#[test]
fn what_is_unbounded_is_not_there() {
    for source in [
        "{% for a in [[]] recursive %}{{ loop(a) }}{% endfor %}",
        "{{ range(*[1, 2]) }}",
        "{{ dict(**{'a': 1}) }}",
        "{% for a in [1] %}{{ loop.changed(a) }}{% endfor %}",
        "{% for a in [1] %}{{ loop.cycle() }}{% endfor %}",
        "{{ debug() }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ 1 | batch(999999999, 0) }}",
    ] {
        let rendered = template(source).and_then(|template| template.render(&[user("u")], false));
        assert_eq!(rendered.expect_err(source).code, ErrorCode::Template);
    }
}

/// The operators that pay do what the engine's do.
#[test]
fn operators_keep_their_meaning() {
    for (source, expected) in [
        ("{{ 1 + 2 }} {{ a + 2 }} {{ a + 0.5 }} {{ true + a }}", "3 5 3.5 4"),
        ("{{ a * 3 }} {{ a * 0.5 }} {{ 'ab' * a }} {{ a * 'ab' }}", "9 1.5 ababab ababab"),
        ("{{ [1, a] + [4] }} {{ ([a] * a) }} {{ (a, 1) + (2,) }}", "[1, 3, 4] [3, 3, 3] (3, 1, 2)"),
        ("{{ a ~ none ~ missing ~ [a] ~ 'x' }}", "3None[3]x"),
        ("{{ a == 3 }} {{ a != 3.0 }} {{ 'a' < 'b' }} {{ [a] >= [4] }}", "True False True False"),
        ("{{ 1 < a <= 3 }} {{ 1 < a < 3 < missing }} {{ 1 in [a, 1] == true }}", "True False False"),
        (
            "{{ 'b' in 'abc' }} {{ 3 not in [a] }} {{ 'k' in {'k': a} }} {{ 1 in missing }}",
            "True False True False",
        ),
        ("{{ 'naïve'[1:-1] }} {{ 'naïve'[::-1] }} {{ 'naïve'[2] }}", "aïv evïan ï"),
        ("{{ l[1:] }} {{ l[-1] }} {{ l[:2][1] }} {{ l[::-1] }} {{ l[9] }}", "[2, 3] 3 2 [3, 2, 1] "),
        ("{% for x in l if x > 1 %}{{ x }}{{ ',' if not loop.last }}{% else %}no{% endfor %}", "2,3"),
        ("{% macro m(x, y=2) %}<{{ x + y }}>{% endmacro %}{{ m(a) }}{{ m(a, y=a) }}", "<5><6>"),
        ("{% for x, y in {'k': a}.items() %}{{ x ~ y }}{% endfor %}", "k3"),
        ("{% set ns = namespace(n=0) %}{% for x in l %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}", "6"),
        ("{{ l | map('string') | join('-') }} {{ 'x-y' | replace('-', '+') }}", "1-2-3 x+y"),
        ("{{ 'a\nb' | indent(2, true) }} {{ 'a\nb' | indent(width=1) }}", "  a\n  b a\n b"),
    ] {
        let source = format!("{{% set a = 3 %}}{{% set l = [1, 2, 3] %}}{source}");
        let rendered = template(&source).and_then(|template| template.render(&[user("u")], false));
        assert_eq!(rendered.as_deref(), Ok(expected), "{source}");
    }
}

/// The limits leave room for long conversations.
#[test]
fn long_conversations_render() {
    let rows = golden("llama3.json");
    let template = template(rows["template"].as_str().unwrap()).unwrap();
    let turn = |n| Message {
        role: if n % 2 == 0 { Role::User } else { Role::Assistant },
        content: "x".repeat(1000),
    };
    let messages: Vec<_> = (0..5000).map(turn).collect();
    assert!(template.render(&messages, true).unwrap().len() > 5_000_000);
}
