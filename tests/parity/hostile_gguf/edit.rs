//! A good GGUF file taken apart, so that one thing in it can be made wrong.

use crate::fixture::{Gguf, Tensor, text};

/// A metadata entry: its key, the code of its type, its value as it lies in the file.
#[derive(Clone)]
struct Entry {
    key: String,
    code: u32,
    value: Vec<u8>,
}

/// A tensor, its dimensions innermost first.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) dimensions: Vec<u64>,
    pub(crate) code: u32,
    pub(crate) data: Vec<u8>,
}

/// A file to be made wrong.
#[derive(Clone)]
pub(crate) struct Edit {
    entries: Vec<Entry>,
    pub(crate) tensors: Vec<Stored>,
}

impl Edit {
    /// Takes a good file apart.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut reader = Reader { bytes, at: 8 };
        let (tensors, entries) = (reader.u64(), reader.u64());
        let entries = (0..entries).map(|_| reader.entry()).collect();
        let table: Vec<_> = (0..tensors).map(|_| reader.tensor()).collect();
        let start = reader.at.next_multiple_of(32);
        let mut offsets: Vec<usize> = table.iter().map(|(_, offset)| start + offset).collect();
        offsets.push(bytes.len());
        let data = |offset: usize| {
            let end = offsets.iter().filter(|other| **other > start + offset).min();
            bytes[start + offset..*end.unwrap()].to_vec()
        };
        let tensors = table.into_iter().map(|(tensor, offset)| Stored { data: data(offset), ..tensor });
        Self { entries, tensors: tensors.collect() }
    }

    /// Gives an entry another type and value, or adds it.
    pub(crate) fn set(mut self, key: &str, code: u32, value: &[u8]) -> Self {
        let value = value.to_vec();
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => (entry.code, entry.value) = (code, value),
            None => self.entries.push(Entry { key: key.to_owned(), code, value }),
        }
        self
    }

    pub(crate) fn u32(self, key: &str, value: u32) -> Self {
        self.set(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn f32(self, key: &str, value: f32) -> Self {
        self.set(key, 6, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.set(key, 8, &text(value))
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let list: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
        self.list(key, 8, values.len(), &list)
    }

    /// A list of `count` elements of the type with this code.
    pub(crate) fn list(self, key: &str, code: u32, count: usize, elements: &[u8]) -> Self {
        let head = [&code.to_le_bytes()[..], &(count as u64).to_le_bytes()];
        self.set(key, 9, &[head.concat(), elements.to_vec()].concat())
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.entries.retain(|entry| entry.key != key);
        self
    }

    pub(crate) fn without_tensor(mut self, name: &str) -> Self {
        self.tensors.retain(|tensor| tensor.name != name);
        self
    }

    /// Changes one tensor.
    pub(crate) fn tensor(mut self, name: &str, change: impl FnOnce(&mut Stored)) -> Self {
        change(self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap());
        self
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let file = self
            .entries
            .iter()
            .fold(Gguf::default(), |file, entry| file.entry(&entry.key, entry.code, &entry.value));
        let tensors = self.tensors.iter().cloned();
        tensors.fold(file, |file, t| file.tensor(Tensor::new(&t.name, &t.dimensions, t.code, t.data))).bytes()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        self.at += count;
        self.bytes[self.at - count..self.at].to_vec()
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let length = self.u64() as usize;
        String::from_utf8(self.take(length)).unwrap()
    }

    fn entry(&mut self) -> Entry {
        let (key, code) = (self.text(), self.u32());
        let start = self.at;
        self.skip(code);
        Entry { key, code, value: self.bytes[start..self.at].to_vec() }
    }

    fn skip(&mut self, code: u32) {
        match code {
            8 => drop(self.text()),
            9 => {
                let (code, count) = (self.u32(), self.u64());
                (0..count).for_each(|_| self.skip(code));
            }
            _ => self.at += [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][code as usize],
        }
    }

    fn tensor(&mut self) -> (Stored, usize) {
        let name = self.text();
        let dimensions = (0..self.u32()).map(|_| self.u64()).collect();
        let (code, offset) = (self.u32(), self.u64() as usize);
        (Stored { name, dimensions, code, data: Vec::new() }, offset)
    }
}
