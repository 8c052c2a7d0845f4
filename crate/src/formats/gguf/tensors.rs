//! The tensor table of a GGUF file.

use std::collections::BTreeMap;

use super::super::{Dtype, TensorInfo, malformed};
use super::reader::Reader;
use crate::error::{Error, ErrorCode, Result};

/// The smallest table row: an empty name, no dimension, a type and an offset.
pub(super) const MIN_BYTES: usize = 8 + 4 + 4 + 8;
/// GGML's own limit.
const MAX_DIMENSIONS: u32 = 4;

/// The format's codes. Numbers that are missing were types once, and are no more.
const DTYPES: [(u32, Dtype); 34] = [
    (0, Dtype::F32),
    (1, Dtype::F16),
    (2, Dtype::Q4_0),
    (3, Dtype::Q4_1),
    (6, Dtype::Q5_0),
    (7, Dtype::Q5_1),
    (8, Dtype::Q8_0),
    (9, Dtype::Q8_1),
    (10, Dtype::Q2_K),
    (11, Dtype::Q3_K),
    (12, Dtype::Q4_K),
    (13, Dtype::Q5_K),
    (14, Dtype::Q6_K),
    (15, Dtype::Q8_K),
    (16, Dtype::IQ2_XXS),
    (17, Dtype::IQ2_XS),
    (18, Dtype::IQ3_XXS),
    (19, Dtype::IQ1_S),
    (20, Dtype::IQ4_NL),
    (21, Dtype::IQ3_S),
    (22, Dtype::IQ2_S),
    (23, Dtype::IQ4_XS),
    (24, Dtype::I8),
    (25, Dtype::I16),
    (26, Dtype::I32),
    (27, Dtype::I64),
    (28, Dtype::F64),
    (29, Dtype::IQ1_M),
    (30, Dtype::BF16),
    (34, Dtype::TQ1_0),
    (35, Dtype::TQ2_0),
    (39, Dtype::MXFP4),
    (40, Dtype::NVFP4),
    (41, Dtype::Q1_0),
];

/// A row of the table, its place not yet checked.
struct Row {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// From the start of the data, in bytes.
    offset: u64,
}

/// Reads `count` rows. The data begin at the next multiple of `alignment`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    count: usize,
    alignment: usize,
) -> Result<BTreeMap<String, TensorInfo>> {
    let rows = (0..count).map(|_| Row::read(reader)).collect::<Result<Vec<_>>>()?;
    let data = Data { start: reader.position().next_multiple_of(alignment), end: reader.len(), alignment };
    let mut tensors = BTreeMap::new();
    for row in rows {
        let info = data.place(&row).map_err(|e| e.about(&row.name))?;
        if tensors.contains_key(&row.name) {
            let message = format!("There are two tensors named {}.", row.name);
            return Err(malformed(message).about(row.name));
        }
        tensors.insert(row.name, info);
    }
    check_overlaps(&tensors)?;
    Ok(tensors)
}

/// The types and shapes of `count` rows.
pub(super) fn announced(reader: &mut Reader<'_>, count: usize) -> Result<Vec<(Dtype, Vec<usize>)>> {
    (0..count).map(|_| Row::read(reader).map(|row| (row.dtype, row.shape))).collect()
}

impl Row {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let name = reader.text()?;
        let shape = read_shape(reader).map_err(|e| e.about(&name))?;
        let code = reader.u32()?;
        let offset = reader.u64()?;
        let dtype = DTYPES.iter().find(|entry| entry.0 == code);
        let &(_, dtype) = dtype.ok_or_else(|| unknown_dtype(&name, code))?;
        Ok(Self { name, dtype, shape, offset })
    }
}

/// The dimensions outermost first; the file has them the other way round.
fn read_shape(reader: &mut Reader<'_>) -> Result<Vec<usize>> {
    let count = reader.u32()?;
    if count > MAX_DIMENSIONS {
        return Err(malformed(format!("A GGUF tensor has {count} dimensions, more than {MAX_DIMENSIONS}.")));
    }
    let mut shape = (0..count)
        .map(|_| {
            let size = reader.u64()?;
            usize::try_from(size).map_err(|_| malformed(format!("A dimension of {size} is too large.")))
        })
        .collect::<Result<Vec<_>>>()?;
    shape.reverse();
    Ok(shape)
}

/// Where the tensors' bytes lie in the file.
struct Data {
    start: usize,
    end: usize,
    alignment: usize,
}

impl Data {
    fn place(&self, row: &Row) -> Result<TensorInfo> {
        let Row { name, dtype, shape, .. } = row;
        let bytes = dtype
            .bytes_for(shape)
            .ok_or_else(|| malformed(format!("Tensor {name} cannot have the shape {shape:?} as {dtype}.")))?;
        let offset =
            usize::try_from(row.offset).ok().filter(|offset| offset % self.alignment == 0).ok_or_else(
                || malformed(format!("Tensor {name} begins at the invalid offset {}.", row.offset)),
            )?;
        let start = self.start.checked_add(offset);
        let range = start.and_then(|start| Some(start..start.checked_add(bytes)?));
        let range = range
            .filter(|range| range.end <= self.end)
            .ok_or_else(|| malformed(format!("Tensor {name} reaches past the end of the file.")))?;
        Ok(TensorInfo { dtype: *dtype, shape: shape.clone(), range })
    }
}

fn check_overlaps(tensors: &BTreeMap<String, TensorInfo>) -> Result<()> {
    let mut places: Vec<_> = tensors
        .iter()
        .map(|(name, info)| (&info.range, name))
        .filter(|(range, _)| !range.is_empty())
        .collect();
    places.sort_unstable_by_key(|(range, _)| range.start);
    for pair in places.windows(2) {
        let [(first, one), (second, other)] = pair else {
            continue;
        };
        if second.start < first.end {
            let message = format!("Tensors {one} and {other} overlap.");
            return Err(malformed(message).about(other.as_str()));
        }
    }
    Ok(())
}

fn unknown_dtype(name: &str, code: u32) -> Error {
    let message = format!("Tensor {name} is of the unknown GGML type {code}.");
    Error::new(ErrorCode::UnsupportedDtype, message).about(name)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Gguf, Tensor};
    use crate::error::{ErrorCode, Result};
    use crate::formats::{GgufFile, open_gguf};

    fn open(tensors: impl IntoIterator<Item = Tensor>) -> Result<GgufFile> {
        let file = tensors.into_iter().fold(Gguf::default(), Gguf::tensor);
        open_gguf(file.bytes())
    }

    fn byte(name: &str) -> Tensor {
        Tensor::new(name, &[1], 24, vec![1])
    }

    #[test]
    fn tensors_of_no_elements_and_of_no_dimensions() {
        let empty = Tensor::new("empty", &[0, 5], 0, vec![]);
        let scalar = Tensor::new("scalar", &[], 0, 2.0f32.to_le_bytes().to_vec());
        let file = open([scalar, empty]).unwrap();
        assert_eq!(file.tensors.read_f32("empty").unwrap(), (vec![], vec![5, 0]));
        assert_eq!(file.tensors.read_f32("scalar").unwrap(), (vec![2.0], vec![]));
    }

    #[test]
    fn wrong_tables_are_malformed() {
        let tables: [(&str, Vec<Tensor>); 8] = [
            ("same name", vec![byte("a"), byte("a")]),
            ("same place", vec![byte("a"), byte("b").at(0)]),
            ("five dimensions", vec![Tensor::new("a", &[1; 5], 24, vec![1])]),
            ("overflow", vec![Tensor::new("a", &[1 << 32, 1 << 32], 24, vec![1])]),
            ("half a block", vec![Tensor::new("a", &[16, 2], 8, vec![0; 34])]),
            ("unaligned", vec![byte("a"), byte("b").at(33)]),
            ("past the end", vec![byte("a").at(64)]),
            ("far past the end", vec![byte("a").at(u64::MAX - 31)]),
        ];
        for (what, table) in tables {
            let error = open(table).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedFile, "{what}");
            assert!(error.detail.is_some(), "{what}");
        }
    }

    #[test]
    fn truncated_data_are_malformed() {
        let bytes = Gguf::default().tensor(Tensor::new("a", &[64], 24, vec![7; 64])).bytes();
        assert!(open_gguf(bytes.clone()).is_ok());
        let error = open_gguf(bytes[..bytes.len() - 1].to_vec()).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedFile);
    }

    #[test]
    fn types_that_ggml_removed_are_unsupported() {
        let error = open([Tensor::new("a", &[32], 4, vec![0; 64])]).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedDtype);
        assert_eq!(error.detail.as_deref(), Some("a"));
    }
}
