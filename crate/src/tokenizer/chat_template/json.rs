//! The filter `tojson` as Python's `json.dumps(value, ensure_ascii=False)`; Jinja's own would escape HTML.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::limits::MAX_DEPTH;
use super::meter::Meter;

type Result<T> = core::result::Result<T, Error>;

/// The widest indentation, in spaces.
const MAX_INDENT: usize = 16;

/// `value|tojson` and `value|tojson(indent=2)`.
pub(super) fn filter(meter: &Meter, value: &Value, kwargs: &Kwargs) -> Result<String> {
    let indent = kwargs.get::<Option<usize>>("indent")?.map(|indent| indent.min(MAX_INDENT));
    // Spelled out in many templates, and the default here.
    let _: Option<bool> = kwargs.get("ensure_ascii")?;
    kwargs.assert_all_used()?;
    // A value of its own line is indented by at most so many times what it costs.
    (0..indent.map_or(1, |_| MAX_INDENT)).try_for_each(|_| meter.pay_all(value))?;
    let mut text = String::new();
    Writer { text: &mut text, indent, depth: 0 }.value(value)?;
    Ok(text)
}

struct Writer<'a> {
    text: &'a mut String,
    indent: Option<usize>,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<()> {
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool if value.is_true() => self.text.push_str("true"),
            ValueKind::Bool => self.text.push_str("false"),
            ValueKind::Number => self.text.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.map(|item| (None, item));
                self.container('[', ']', items)?;
            }
            ValueKind::Map => {
                let pair = |key: Value| Ok((Some(key.clone()), value.get_item(&key)?));
                let pairs: Vec<_> = value.try_iter()?.map(pair).collect::<Result<_>>()?;
                self.container('{', '}', pairs.into_iter())?;
            }
            kind => {
                let message = format!("{kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.text.push_str(&serde_json::Value::from(text).to_string());
    }

    fn container(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = (Option<Value>, Value)>,
    ) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "the value nests too deeply for JSON"));
        }
        self.depth += 1;
        self.text.push(open);
        let mut first = true;
        for (key, value) in items {
            match (first, self.indent) {
                (false, None) => self.text.push_str(", "),
                (false, Some(_)) => self.text.push(','),
                (true, _) => {}
            }
            self.new_line();
            if let Some(key) = key {
                self.string(&key.to_string());
                self.text.push_str(": ");
            }
            self.value(&value)?;
            first = false;
        }
        self.depth -= 1;
        if !first {
            self.new_line();
        }
        self.text.push(close);
        Ok(())
    }

    fn new_line(&mut self) {
        if let Some(indent) = self.indent {
            self.text.push('\n');
            self.text.extend(core::iter::repeat_n(' ', indent * self.depth));
        }
    }
}
