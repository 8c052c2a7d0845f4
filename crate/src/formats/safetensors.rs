//! Safetensors: a JSON header, then the tensors' bytes without holes.
//!
//! The `safetensors` crate decides which layouts are valid. The header itself is read here, because the crate
//! lets the last of two equal names win and adds sizes without looking for overflow.

use core::fmt;
use std::{borrow::Cow, collections::BTreeMap};

use ::safetensors::tensor::{Dtype as FileDtype, Metadata, TensorInfo as FileTensor};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::{Dtype, Segments, TensorInfo, malformed};
use crate::error::{Error, ErrorCode, Result};

/// The header's length comes first, as a u64.
const LENGTH_BYTES: usize = 8;

/// The tensors of a safetensors file, checked to fill it exactly.
pub(super) fn parse(file: &Segments) -> Result<BTreeMap<String, TensorInfo>> {
    let (header, start) = split_header(file)?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|e| malformed(format!("The safetensors header cannot be read: {e}.")))?;
    let mut tensors: Vec<_> = header.0.into_iter().collect();
    tensors.sort_by_key(|(_, tensor)| tensor.data_offsets);
    let layout = Metadata::new(None, tensors)
        .map_err(|e| malformed(format!("The safetensors layout is invalid: {e}.")))?;
    if layout.data_len() != file.len() - start {
        return Err(malformed(format!(
            "The safetensors header describes {} bytes of tensors, but the file holds {}.",
            layout.data_len(),
            file.len() - start
        )));
    }
    let tensors = layout.tensors().into_iter();
    tensors.map(|(name, tensor)| tensor_info(&name, tensor, start).map(|info| (name, info))).collect()
}

/// The header's JSON, and where the tensors' bytes begin behind it.
fn split_header(file: &Segments) -> Result<(Cow<'_, [u8]>, usize)> {
    let short = || malformed("The file is too short to be safetensors.");
    let all = file.len().checked_sub(LENGTH_BYTES).ok_or_else(short)?;
    let length = file.slice(0..LENGTH_BYTES)?.first_chunk().copied().ok_or_else(short)?;
    let length = u64::from_le_bytes(length);
    match usize::try_from(length) {
        Ok(length) if length <= all => {
            let end = LENGTH_BYTES + length;
            Ok((file.slice(LENGTH_BYTES..end)?, end))
        }
        _ => Err(malformed(format!(
            "The file claims a safetensors header of {length} bytes, but {all} are left."
        ))),
    }
}

/// A tensor of the file, whose data begin at byte `start`.
fn tensor_info(name: &str, tensor: &FileTensor, start: usize) -> Result<TensorInfo> {
    let dtype = Dtype::from_name(&tensor.dtype.to_string()).ok_or_else(|| {
        let message = format!("Tensor {name} is of unknown type {}.", tensor.dtype);
        Error::new(ErrorCode::UnsupportedDtype, message).about(name)
    })?;
    let (from, to) = tensor.data_offsets;
    Ok(TensorInfo { dtype, shape: tensor.shape.clone(), range: start + from..start + to })
}

/// The JSON header: tensors by name, no name twice.
struct Header(BTreeMap<String, FileTensor>);

/// A tensor in the header. A field that is not known could change what the bytes mean, so there is none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: FileDtype,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> core::result::Result<Header, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<Option<BTreeMap<String, String>>>()?;
                continue;
            }
            let entry: Entry = map.next_value()?;
            let tensor =
                FileTensor { dtype: entry.dtype, shape: entry.shape, data_offsets: entry.data_offsets };
            if tensors.insert(name.clone(), tensor).is_some() {
                let message = format_args!("there are two tensors named {name}");
                return Err(de::Error::custom(message));
            }
        }
        Ok(Header(tensors))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dtype, open_safetensors};
    use crate::error::ErrorCode;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn tensors_are_read_in_any_order() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},
            "a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}} "#;
        let data = [0x80, 0x3f, 0x00, 0xc0, 0, 0, 0x80, 0x3f, 0, 0, 0x40, 0x40];
        let tensors = open_safetensors(file(header, &data)).unwrap();
        assert_eq!(tensors.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(tensors.info("a").unwrap().dtype, Dtype::BF16);
        assert_eq!(tensors.read_f32("a").unwrap(), (vec![1.0, -2.0], vec![1, 2]));
        assert_eq!(tensors.read_f32("b").unwrap(), (vec![1.0, 3.0], vec![2]));
    }

    #[test]
    fn a_type_that_cannot_be_read_fails_only_when_read() {
        let header = r#"{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
        let tensors = open_safetensors(file(header, &[0; 8])).unwrap();
        let error = tensors.read_f32("ids").unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedDtype);
        assert_eq!(error.detail.as_deref(), Some("ids"));
        assert!(error.message.contains("I64"));
        let error = tensors.read_f32("absent").unwrap_err();
        assert_eq!(error.code, ErrorCode::MissingTensor);
    }

    #[test]
    fn sizes_that_add_up_past_the_address_space_are_refused() {
        let each = usize::MAX / 8;
        let entry = |i: usize| {
            let (from, to) = (i * each, (i + 1) * each);
            format!(r#""{i}":{{"dtype":"U8","shape":[{each}],"data_offsets":[{from},{to}]}}"#)
        };
        let entries: Vec<_> = (0..8).map(entry).collect();
        let header = format!("{{{}}}", entries.join(","));
        let error = open_safetensors(file(&header, &[])).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedFile);
    }
}
