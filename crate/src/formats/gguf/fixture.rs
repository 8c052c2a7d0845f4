//! Writes GGUF files for tests, right ones and wrong ones.

/// A file to be. Nothing that is put into it is checked.
#[derive(Debug)]
pub(crate) struct Gguf {
    version: u32,
    alignment: u32,
    entries: Vec<Vec<u8>>,
    tensors: Vec<Tensor>,
}

/// A tensor to be.
#[derive(Debug)]
pub(crate) struct Tensor {
    name: String,
    /// In the file's order: innermost first.
    dimensions: Vec<u64>,
    code: u32,
    data: Vec<u8>,
    offset: Option<u64>,
}

impl Default for Gguf {
    fn default() -> Self {
        Self { version: 3, alignment: 32, entries: Vec::new(), tensors: Vec::new() }
    }
}

impl Gguf {
    pub(crate) fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn aligned(mut self, alignment: u32) -> Self {
        self.alignment = alignment;
        self.entry("general.alignment", 4, &alignment.to_le_bytes())
    }

    /// A metadata entry of the type with this code, and its value as it lies in the file.
    pub(crate) fn entry(mut self, key: &str, code: u32, value: &[u8]) -> Self {
        self.entries.push([&text(key)[..], &code.to_le_bytes(), value].concat());
        self
    }

    pub(crate) fn u32(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value))
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let texts = values.iter().flat_map(|value| text(value));
        let head = [8u32.to_le_bytes().to_vec(), u64s(&[values.len()])].concat();
        self.entry(key, 9, &head.into_iter().chain(texts).collect::<Vec<_>>())
    }

    pub(crate) fn i32s(self, key: &str, values: &[i32]) -> Self {
        let integers = values.iter().flat_map(|value| value.to_le_bytes());
        let head = [5u32.to_le_bytes().to_vec(), u64s(&[values.len()])].concat();
        self.entry(key, 9, &head.into_iter().chain(integers).collect::<Vec<_>>())
    }

    pub(crate) fn f32s(self, key: &str, values: &[f32]) -> Self {
        let floats = values.iter().flat_map(|value| value.to_le_bytes());
        let head = [6u32.to_le_bytes().to_vec(), u64s(&[values.len()])].concat();
        self.entry(key, 9, &head.into_iter().chain(floats).collect::<Vec<_>>())
    }

    pub(crate) fn tensor(mut self, tensor: Tensor) -> Self {
        self.tensors.push(tensor);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(u64s(&[self.tensors.len(), self.entries.len()]));
        bytes.extend(self.entries.concat());
        let mut data = Vec::new();
        for tensor in &self.tensors {
            self.pad(&mut data);
            bytes.extend(tensor.row(data.len() as u64));
            data.extend(&tensor.data);
        }
        self.pad(&mut bytes);
        [bytes, data].concat()
    }

    fn pad(&self, bytes: &mut Vec<u8>) {
        bytes.resize(bytes.len().next_multiple_of(self.alignment as usize), 0);
    }
}

impl Tensor {
    /// Dimensions in the file's order, innermost first; the type's code; the data.
    pub(crate) fn new(name: &str, dimensions: &[u64], code: u32, data: Vec<u8>) -> Self {
        Self { name: name.to_owned(), dimensions: dimensions.to_vec(), code, data, offset: None }
    }

    /// Claims another place than its own.
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    fn row(&self, place: u64) -> Vec<u8> {
        let mut row = text(&self.name);
        row.extend((self.dimensions.len() as u32).to_le_bytes());
        row.extend(self.dimensions.iter().flat_map(|d| d.to_le_bytes()));
        row.extend(self.code.to_le_bytes());
        row.extend(self.offset.unwrap_or(place).to_le_bytes());
        row
    }
}

/// A text as it lies in the file.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [&u64s(&[text.len()])[..], text.as_bytes()].concat()
}

fn u64s(values: &[usize]) -> Vec<u8> {
    let values = values.iter().map(|&value| value as u64);
    values.flat_map(u64::to_le_bytes).collect()
}
