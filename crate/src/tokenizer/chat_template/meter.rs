//! What a template's operations cost, and the account that pays for them.
//!
//! The engine counts instructions. One instruction may copy a text, search a list, or write out a tree, so whatever
//! does such a thing pays here first, in bytes: a text costs its length, and every value in a container [`NODE`].

use core::sync::atomic::{AtomicU64, Ordering};

use minijinja::value::{ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::limits::MAX_DEPTH;

type Result<T> = core::result::Result<T, Error>;

/// The cost of a value, in bytes.
pub(super) const NODE: usize = 32;

/// What is left for one rendering.
#[derive(Debug)]
pub(super) struct Meter {
    left: AtomicU64,
}

/// How a value's tree is walked.
#[derive(Clone, Copy)]
struct Walk {
    /// Whether texts are paid for by their length.
    texts: bool,
    /// Whether what could later become its own ancestor is refused.
    acyclic: bool,
}

impl Meter {
    pub(super) fn new(work: u64) -> Self {
        Self { left: work.into() }
    }

    /// What has not been spent.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Pays for `cost` bytes.
    pub(super) fn pay(&self, cost: usize) -> Result<()> {
        let less = |left: u64| left.checked_sub(cost as u64);
        let paid = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        paid.map(|_| ()).map_err(|_| failed("the template works too much"))
    }

    /// Pays for `count` values.
    pub(super) fn pay_nodes(&self, count: usize) -> Result<()> {
        self.pay(count.saturating_mul(NODE))
    }

    /// Pays for an operation that reads a text, or the items of a container but not what is in those.
    pub(super) fn pay_items(&self, value: &Value) -> Result<()> {
        match value.as_str() {
            Some(text) => self.pay(text.len()),
            None => self.pay_nodes(items(value)),
        }
    }

    /// Pays for an operation that reads a text, or finds one item of a container.
    pub(super) fn pay_touch(&self, value: &Value) -> Result<()> {
        match value.kind() {
            // These find an item by counting.
            ValueKind::String | ValueKind::Iterable => self.pay_items(value),
            _ => self.pay(NODE),
        }
    }

    /// Pays for an operation that reads all of a value.
    pub(super) fn pay_all(&self, value: &Value) -> Result<()> {
        self.walk(value, Walk { texts: true, acyclic: false }, 0)
    }

    /// Pays for a value that becomes a part of another one, which must not nest too deeply.
    pub(super) fn pay_part(&self, value: &Value) -> Result<()> {
        self.walk(value, Walk { texts: false, acyclic: true }, 0)
    }

    fn walk(&self, value: &Value, how: Walk, depth: usize) -> Result<()> {
        self.pay(NODE)?;
        if let Some(text) = value.as_str().filter(|_| how.texts) {
            return self.pay(text.len());
        }
        let Some(object) = value.as_object() else { return Ok(()) };
        if depth == MAX_DEPTH {
            return Err(failed("a value nests too deeply"));
        }
        let is = |name: &str| object.type_name().ends_with(name);
        if how.acyclic && (is("::Namespace") || is("::Loop")) {
            return Err(failed("a namespace or a loop cannot be a part of a value"));
        }
        let is_map = object.repr() == ObjectRepr::Map;
        for item in object.try_iter().into_iter().flatten() {
            self.walk(&item, how, depth + 1)?;
            if let Some(value) = object.get_value(&item).filter(|_| is_map) {
                self.walk(&value, how, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// How many items a container has; 0 for what is none.
pub(super) fn items(value: &Value) -> usize {
    value.as_object().and_then(|object| object.enumerator_len()).unwrap_or(0)
}

pub(super) fn failed(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
