//! A look at the tags of a template before it is compiled.
//!
//! Programs are trees, walked by recursion. The interpreter bounds how deep brackets and blocks nest, but every operator
//! of a long expression and every branch of a condition nests by one level too, and a stack that overflows cannot be
//! caught in wasm. The compiler also computes what is constant, whatever it costs.

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::limits::{BRANCHES, CONSTANT_BYTES, TAG_TOKENS};
use super::meter::failed;

type Result<T> = core::result::Result<T, Error>;

/// What is known of the tag that is being read, and of those before it.
#[derive(Default)]
struct Tags {
    tokens: usize,
    branches: usize,
    multiplies: bool,
    /// The bytes of its words, texts and signs.
    bytes: u64,
    /// The product of its numbers.
    product: u64,
    /// At most the bytes of all constants that tags so far make by multiplying.
    constant_bytes: u64,
}

/// Whether no tag and no condition can nest too deeply, and no constant can become too large.
pub(super) fn check(source: &str, syntax: &SyntaxConfig) -> Result<()> {
    let mut tags = Tags::default();
    for token in tokenize(source, false, syntax.clone()) {
        let (token, span) = token?;
        match token {
            Token::TemplateData(_) => {}
            Token::VariableStart | Token::BlockStart => tags.begin(),
            Token::VariableEnd | Token::BlockEnd => tags.end()?,
            token => tags.read(&token, (span.end_offset - span.start_offset) as usize)?,
        }
    }
    Ok(())
}

impl Tags {
    fn begin(&mut self) {
        (self.tokens, self.multiplies, self.bytes, self.product) = (0, false, 0, 1);
    }

    fn read(&mut self, token: &Token<'_>, bytes: usize) -> Result<()> {
        self.tokens += 1;
        self.branches += usize::from(matches!(token, Token::Ident("elif")));
        if self.tokens > TAG_TOKENS || self.branches > BRANCHES {
            return Err(failed("it has a tag or a condition that is too long"));
        }
        self.multiplies |= matches!(token, Token::Mul);
        self.bytes += bytes as u64;
        // One more each, so that this is no less than any sum of them either.
        let factor = match token {
            Token::Int(number) => number.saturating_add(1),
            Token::Int128(_) | Token::Pow => u64::MAX,
            Token::Ident("true" | "True") => 2,
            _ => 1,
        };
        self.product = self.product.saturating_mul(factor);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.multiplies {
            self.constant_bytes = self.constant_bytes.saturating_add(self.bytes.saturating_mul(self.product));
        }
        match self.constant_bytes > CONSTANT_BYTES {
            true => Err(failed("its tags multiply by too much")),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(source: &str) -> bool {
        check(source, &SyntaxConfig::default()).is_ok()
    }

    #[test]
    fn long_tags_and_conditions_are_found() {
        let sum = |n| format!("{{{{ 1{} }}}}", " + 1".repeat(n));
        let branches = |n| format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(n));
        for (limit, make) in [(499, &sum as &dyn Fn(usize) -> String), (500, &branches)] {
            assert!(is_allowed(&make(limit)));
            for wrong in [make(limit + 1), make(60_000)] {
                assert!(!is_allowed(&wrong));
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
                    assert!(!is_allowed(&format!("{front}{wrong}")), "{front}");
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
            assert!(is_allowed(&source));
        }
    }

    #[test]
    fn large_constants_are_found() {
        for allowed in [
            "{{ '=' * 80 }}",
            "{{ x * 2 + 3 * y[10] == 'user' ~ 'assistant' ~ 'system' ~ 'tool' }}",
            "{{ 100000000 + 3 }}",
            "{{ 2 ** 3 }}",
            &"{{ 'x' * 1000 }}".repeat(100),
        ] {
            assert!(is_allowed(allowed), "{allowed:.80}");
        }
        for refused in [
            "{{ 'x' * 100000000 }}",
            "{{ 2 in [1] * 100000000 }}",
            "{{ [1] * 1000 * 1000 }}",
            "{{ [1] * (1000 + 1000 + 1000 + 1000) * 1000 }}",
            "{{ 'x' * 10 ** 8 }}",
            &format!("{{{{ '{}' * 100 }}}}", "x".repeat(100_000)),
            &"{{ 'x' * 1000 }}".repeat(1000),
        ] {
            assert!(!is_allowed(refused), "{refused:.80}");
        }
    }
}
