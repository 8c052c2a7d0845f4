//! The key-value pairs of a GGUF header.

use std::collections::BTreeMap;

use super::super::malformed;
use super::reader::{Reader, try_owned};
use super::scalar::{Scalar, ScalarType};
use crate::error::{Error, Result};
use crate::memory::try_capacity;

/// The smallest entry: an empty key, its value's type, and a value of one byte.
pub(super) const MIN_ENTRY_BYTES: usize = 8 + 4 + 1;
/// The smallest array: its element type and its length.
const MIN_ARRAY_BYTES: usize = 4 + 8;
/// Nothing known nests arrays at all.
const MAX_ARRAY_DEPTH: usize = 4;

const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// Typed values by key.
///
/// Every getter fails with [`ErrorCode::MalformedFile`](crate::ErrorCode::MalformedFile), naming the key in the
/// detail, where the key is missing or holds another type. Integers may have been written in any width, as long
/// as they fit.
#[derive(Debug, Default)]
pub struct Metadata {
    entries: BTreeMap<String, Value>,
}

#[derive(Debug)]
enum Value {
    Scalar(Scalar),
    Text(String),
    /// Kept as it lies in the file, so that an array takes no more memory here than there.
    Scalars(ScalarType, Vec<u8>),
    Texts(Vec<String>),
    /// Arrays of arrays are checked, and then of no use.
    Nested,
}

impl Metadata {
    pub(super) fn read(reader: &mut Reader<'_>, count: usize) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            let value = Value::read(reader, kind).map_err(|e| e.about(&key))?;
            if entries.contains_key(&key) {
                let message = format!("The GGUF metadata have two values for {key}.");
                return Err(malformed(message).about(key));
            }
            entries.insert(key, value);
        }
        Ok(Self { entries })
    }

    /// Whether there is a value of any type.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// What `read` finds, or `None` where the key is missing: `metadata.optional(key, Metadata::u32)`.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<'a, T>(
        &'a self,
        key: &str,
        read: impl FnOnce(&'a Self, &str) -> Result<T>,
    ) -> Result<Option<T>> {
        self.contains(key).then(|| read(self, key)).transpose()
    }

    /// A text.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn str(&self, key: &str) -> Result<&str> {
        match self.value(key)? {
            Value::Text(text) => Ok(text),
            _ => Err(wrong_type(key, "a text")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn strings(&self, key: &str) -> Result<&[String]> {
        match self.value(key)? {
            Value::Texts(texts) => Ok(texts),
            _ => Err(wrong_type(key, "a list of texts")),
        }
    }

    /// An integer from 0 to 2^32 - 1.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn u32(&self, key: &str) -> Result<u32> {
        self.scalar(key, "an unsigned integer", Scalar::integer)
    }

    /// A float.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn f32(&self, key: &str) -> Result<f32> {
        self.scalar(key, "a float", Scalar::f32)
    }

    /// A boolean.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn bool(&self, key: &str) -> Result<bool> {
        self.scalar(key, "a boolean", Scalar::bool)
    }

    /// A list of integers from 0 to 2^32 - 1.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn u32s(&self, key: &str) -> Result<Vec<u32>> {
        self.scalars(key, "a list of unsigned integers", Scalar::integer)
    }

    /// A list of integers from -2^31 to 2^31 - 1.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn i32s(&self, key: &str) -> Result<Vec<i32>> {
        self.scalars(key, "a list of integers", Scalar::integer)
    }

    /// A list of floats.
    ///
    /// # Errors
    /// See [`Metadata`].
    pub fn f32s(&self, key: &str) -> Result<Vec<f32>> {
        self.scalars(key, "a list of floats", Scalar::f32)
    }

    fn value(&self, key: &str) -> Result<&Value> {
        self.entries.get(key).ok_or_else(|| malformed(format!("The GGUF metadata have no {key}.")).about(key))
    }

    fn scalar<T>(&self, key: &str, wanted: &str, convert: fn(Scalar) -> Option<T>) -> Result<T> {
        match self.value(key)? {
            Value::Scalar(scalar) => convert(*scalar),
            _ => None,
        }
        .ok_or_else(|| wrong_type(key, wanted))
    }

    fn scalars<T>(&self, key: &str, wanted: &str, convert: fn(Scalar) -> Option<T>) -> Result<Vec<T>> {
        let Value::Scalars(kind, bytes) = self.value(key)? else {
            return Err(wrong_type(key, wanted));
        };
        let mut values = try_capacity(bytes.len() / kind.size())?;
        for bytes in bytes.chunks_exact(kind.size()) {
            let scalar = kind.decode(bytes).map_err(|e| e.about(key))?;
            values.push(convert(scalar).ok_or_else(|| wrong_type(key, wanted))?);
        }
        Ok(values)
    }
}

impl Value {
    fn read(reader: &mut Reader<'_>, kind: u32) -> Result<Self> {
        match (kind, ScalarType::from_code(kind)) {
            (_, Some(kind)) => kind.read(reader).map(Self::Scalar),
            (TEXT, _) => reader.text().map(Self::Text),
            (ARRAY, _) => Self::read_array(reader, MAX_ARRAY_DEPTH),
            _ => Err(unknown_type(kind)),
        }
    }

    fn read_array(reader: &mut Reader<'_>, depth: usize) -> Result<Self> {
        let kind = reader.u32()?;
        if let Some(kind) = ScalarType::from_code(kind) {
            let count = reader.count(kind.size())?;
            let bytes = reader.take(count * kind.size())?;
            return try_owned(bytes).map(|bytes| Self::Scalars(kind, bytes));
        }
        match kind {
            TEXT => {
                let count = reader.count(size_of::<u64>())?;
                let mut texts = try_capacity(count)?;
                for _ in 0..count {
                    texts.push(reader.text()?);
                }
                Ok(Self::Texts(texts))
            }
            ARRAY if depth > 1 => {
                for _ in 0..reader.count(MIN_ARRAY_BYTES)? {
                    Self::read_array(reader, depth - 1)?;
                }
                Ok(Self::Nested)
            }
            ARRAY => Err(malformed("The GGUF metadata nest arrays too deeply.")),
            _ => Err(unknown_type(kind)),
        }
    }
}

fn wrong_type(key: &str, wanted: &str) -> Error {
    malformed(format!("The GGUF metadata's {key} is not {wanted}.")).about(key)
}

fn unknown_type(kind: u32) -> Error {
    malformed(format!("{kind} is no type of GGUF metadata."))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Gguf, text};
    use super::*;
    use crate::error::ErrorCode;
    use crate::formats::open_gguf;
    use crate::memory::scarcity::with_at_most;

    fn metadata(file: &Gguf) -> Result<Metadata> {
        open_gguf(file.bytes()).map(|file| file.metadata)
    }

    fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &count.to_le_bytes(), elements].concat()
    }

    #[test]
    fn values_keep_their_types() {
        let file = Gguf::default()
            .entry("text", 8, &text("bert"))
            .entry("count", 10, &7u64.to_le_bytes())
            .entry("epsilon", 6, &1e-12f32.to_le_bytes())
            .entry("causal", 7, &[0])
            .entry("words", 9, &array(8, 2, &[text("a"), text("")].concat()))
            .entry("types", 9, &array(5, 2, &[1, 0, 0, 0, 255, 255, 255, 255]))
            .entry("scores", 9, &array(6, 1, &(-2.5f32).to_le_bytes()));
        let metadata = metadata(&file).unwrap();
        assert_eq!(metadata.str("text").unwrap(), "bert");
        assert_eq!(metadata.u32("count").unwrap(), 7);
        assert_eq!(metadata.f32("epsilon").unwrap(), 1e-12);
        assert!(!metadata.bool("causal").unwrap());
        assert_eq!(metadata.strings("words").unwrap(), ["a", ""]);
        assert_eq!(metadata.i32s("types").unwrap(), [1, -1]);
        assert_eq!(metadata.f32s("scores").unwrap(), [-2.5]);
        assert_eq!(metadata.u32s("types").unwrap_err().detail.as_deref(), Some("types"));
    }

    #[test]
    fn missing_keys_and_wrong_types_name_the_key() {
        let metadata = metadata(&Gguf::default().entry("text", 8, &text("bert"))).unwrap();
        for error in [
            metadata.u32("text").unwrap_err(),
            metadata.strings("text").unwrap_err(),
            metadata.optional("text", Metadata::bool).unwrap_err(),
        ] {
            assert_eq!(error.code, ErrorCode::MalformedFile);
            assert_eq!(error.detail.as_deref(), Some("text"));
        }
        assert_eq!(metadata.str("absent").unwrap_err().detail.as_deref(), Some("absent"));
        assert_eq!(metadata.optional("absent", Metadata::str).unwrap(), None);
        assert_eq!(metadata.optional("text", Metadata::str).unwrap(), Some("bert"));
    }

    #[test]
    fn arrays_nest_only_so_deep() {
        let nested = |depth: usize| {
            let inner = array(0, 1, &[5]);
            (0..depth).fold(inner, |inner, _| array(ARRAY, 1, &inner))
        };
        let read = |depth| metadata(&Gguf::default().entry("a", ARRAY, &nested(depth)));
        assert!(read(MAX_ARRAY_DEPTH - 1).is_ok());
        for depth in [MAX_ARRAY_DEPTH, 10_000] {
            assert_eq!(read(depth).unwrap_err().code, ErrorCode::MalformedFile);
        }
    }

    /// A list of texts takes several times its bytes in the file.
    #[test]
    fn entries_that_there_is_no_memory_for_are_an_error() {
        for (kind, value) in [
            (8, text(&"a".repeat(5000))),
            (9, array(8, 1000, &text("").repeat(1000))),
            (9, array(5, 2000, &[0; 8000])),
        ] {
            let bytes = Gguf::default().entry("key", kind, &value).bytes();
            assert!(open_gguf(bytes.clone()).is_ok());
            let error = with_at_most(4096, || open_gguf(bytes)).err().unwrap();
            assert_eq!((error.code, error.detail.as_deref()), (ErrorCode::OutOfMemory, Some("key")));
        }
    }

    #[test]
    fn broken_entries_are_refused() {
        for (kind, value) in [
            (13, vec![0; 8]),
            (7, vec![2]),
            (8, vec![255; 8]),
            (9, array(13, 1, &[0; 16])),
            (9, array(8, 1 << 40, &[0; 16])),
            (9, array(12, u64::MAX, &[0; 16])),
            (9, array(9, 1 << 61, &[0; 16])),
        ] {
            let error = metadata(&Gguf::default().entry("key", kind, &value)).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedFile, "{kind}: {value:?}");
            assert_eq!(error.detail.as_deref(), Some("key"));
        }
        let twice = Gguf::default().entry("key", 7, &[1]).entry("key", 7, &[1]);
        assert_eq!(metadata(&twice).unwrap_err().code, ErrorCode::MalformedFile);
    }
}
