//! A look at the tags of a template before it is compiled.
//!
//! Programs are trees, walked by recursion. The interpreter bounds how deep brackets and blocks nest, but every operator
//! of a long expression and every branch of a condition nests by one level too, and a stack that overflows cannot be
//! caught in wasm.

/// Words, texts and signs in one tag: a thousand levels fit on wasm's stack with room to spare.
const TAG_TOKENS: usize = 1000;
/// Further branches of all conditions of a template.
const BRANCHES: usize = 500;

/// Whether no tag and no condition can nest too deeply.
pub(super) fn is_flat(source: &str) -> bool {
    let mut branches = 0;
    let mut rest = source;
    while let Some(tag) = next_tag(rest) {
        let mut tokens = Tokens { rest: tag, depth: 0 };
        let mut first = None;
        for (count, token) in tokens.by_ref().enumerate() {
            first = first.or(Some(token).filter(|token| !matches!(*token, "-" | "+")));
            branches += usize::from(token == "elif");
            if count >= TAG_TOKENS || branches > BRANCHES {
                return false;
            }
        }
        rest = tokens.rest;
        if first == Some("raw") {
            rest = after_raw(rest);
        }
    }
    true
}

/// The text behind the next `{{` or `{%` that is not in a comment.
fn next_tag(mut text: &str) -> Option<&str> {
    loop {
        let at = text.find('{')?;
        text = &text[at + 1..];
        if let Some(tag) = text.strip_prefix(['{', '%']) {
            return Some(tag);
        }
        if text.starts_with('#') {
            text = &text[text.find("#}")? + 2..];
        }
    }
}

/// The text behind `{% endraw %}`; nothing where that is missing.
fn after_raw(mut text: &str) -> &str {
    while let Some(at) = text.find("{%") {
        text = &text[at + 2..];
        let tag = text.trim_start_matches(['-', '+']).trim_start();
        let end = tag.strip_prefix("endraw").map(|end| end.trim_start().trim_start_matches(['-', '+']));
        if let Some(after) = end.and_then(|end| end.strip_prefix("%}")) {
            return after;
        }
    }
    ""
}

/// What one tag is made of, up to its end: words, texts in quotes, and single characters.
struct Tokens<'a> {
    rest: &'a str,
    /// Open brackets: `}}` may end two of them.
    depth: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        if self.depth == 0 && (self.rest.starts_with("}}") || self.rest.starts_with("%}")) {
            self.rest = &self.rest[2..];
            return None;
        }
        let first = self.rest.chars().next()?;
        match first {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let length = match first {
            '"' | '\'' => quoted(self.rest),
            c if is_word(c) => self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()),
            c => c.len_utf8(),
        };
        let token;
        (token, self.rest) = self.rest.split_at(length);
        Some(token)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a text in quotes, which the end of the source may cut off.
fn quoted(text: &str) -> usize {
    let mut characters = text.char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    while let Some((at, c)) = characters.next() {
        if Some(c) == quote {
            return at + 1;
        }
        if c == '\\' {
            characters.next();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tags_and_conditions_are_found() {
        let sum = |n| format!("{{{{ 1{} }}}}", " + 1".repeat(n));
        let branches = |n| format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(n));
        for (limit, make) in [(499, &sum as &dyn Fn(usize) -> String), (500, &branches)] {
            assert!(is_flat(&make(limit)));
            for wrong in [make(limit + 1), make(60_000)] {
                assert!(!is_flat(&wrong));
                // Whatever stands in front.
                for front in [
                    "it's {",
                    "{# ' {{ #}",
                    "{{ '}}' }}'",
                    "{{ {'a': {'b': \"'\"}} }}",
                    "{% raw %} {{ ' endraw {% endraw {%- endraw -%}",
                    "{%-raw%}'{%endraw%}",
                    "{{ '\\'' }}",
                ] {
                    assert!(!is_flat(&format!("{front}{wrong}")), "{front}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_tag_may_be_long() {
        let long = "'a'.b + ".repeat(2000);
        for source in [
            long.clone(),
            format!("{{# {long} #}}"),
            format!("{{% raw %}}{{{{ {long} {{% endraw %}}"),
            format!("{{{{ \"{long}\" }}}}"),
            "{{ 1 }}{% set a = 2 %} elif ".repeat(3000),
        ] {
            assert!(is_flat(&source));
        }
    }
}
