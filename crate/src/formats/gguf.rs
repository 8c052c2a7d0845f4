//! GGUF: GGML's container of typed metadata and tensors, versions 2 and 3, little-endian.

#[cfg(test)]
pub(crate) mod fixture;
mod metadata;
mod reader;
mod scalar;
mod tensors;

use std::collections::BTreeMap;

use self::reader::Reader;
use super::{Dtype, Segments, TensorInfo, malformed};
use crate::error::{Error, ErrorCode, Result};

pub use metadata::Metadata;

/// Where tensors may begin, unless the metadata say otherwise, in bytes.
const DEFAULT_ALIGNMENT: u32 = 32;
/// Far above any real alignment; it bounds what a padding can be.
const MAX_ALIGNMENT: u32 = 1 << 16;

/// The metadata, and the tensors, checked to lie inside the file.
pub(super) fn parse(file: &Segments) -> Result<(Metadata, BTreeMap<String, TensorInfo>)> {
    let mut reader = Reader::new(file);
    let (tensor_count, metadata) = read_metadata(&mut reader)?;
    let alignment = alignment(&metadata)?;
    let tensors = tensors::read(&mut reader, tensor_count, alignment)?;
    Ok((metadata, tensors))
}

/// The types and shapes of the tensors that the beginning of a file announces. An error where it is too short for that.
pub(super) fn announced(beginning: &Segments) -> Result<Vec<(Dtype, Vec<usize>)>> {
    let mut reader = Reader::new(beginning);
    let (tensor_count, _) = read_metadata(&mut reader)?;
    tensors::announced(&mut reader, tensor_count)
}

/// How many tensors there are, and the metadata.
fn read_metadata(reader: &mut Reader<'_>) -> Result<(usize, Metadata)> {
    check_version(reader)?;
    let tensor_count = reader.count(tensors::MIN_BYTES)?;
    let entry_count = reader.count(metadata::MIN_ENTRY_BYTES)?;
    Ok((tensor_count, Metadata::read(reader, entry_count)?))
}

fn check_version(reader: &mut Reader<'_>) -> Result<()> {
    if reader.array()? != *b"GGUF" {
        return Err(malformed("The file does not begin with the letters GGUF."));
    }
    let version = reader.u32()?;
    let problem = match (version, version.swap_bytes()) {
        (2 | 3, _) => return Ok(()),
        (_, 1..=0xffff) => "in big-endian byte order".to_owned(),
        _ => format!("of version {version}"),
    };
    let message = format!("The file is GGUF {problem}; little-endian versions 2 and 3 are supported.");
    Err(Error::new(ErrorCode::UnsupportedFile, message))
}

fn alignment(metadata: &Metadata) -> Result<usize> {
    let key = "general.alignment";
    let alignment = metadata.optional(key, Metadata::u32)?;
    let alignment = alignment.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
        return Err(malformed(format!("{alignment} is no valid alignment.")).about(key));
    }
    Ok(alignment as usize)
}

#[cfg(test)]
mod tests {
    use super::fixture::{Gguf, Tensor};
    use crate::error::{ErrorCode, Result};
    use crate::formats::{Dtype, GgufFile, open_gguf};

    fn code(result: Result<GgufFile>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[test]
    fn tensors_have_row_major_shapes_and_their_own_bytes() {
        let ones: Vec<u8> = [1.0f32; 6].iter().flat_map(|v| v.to_le_bytes()).collect();
        let file = Gguf::default()
            .tensor(Tensor::new("a", &[3, 2], 0, ones))
            .tensor(Tensor::new("b", &[2], 1, vec![0, 0x3c, 0, 0xc0]))
            .bytes();
        let file = open_gguf(file).unwrap();
        let (values, shape) = file.tensors.read_f32("a").unwrap();
        assert_eq!((values, shape), (vec![1.0; 6], vec![2, 3]));
        assert_eq!(file.tensors.read_f32("b").unwrap(), (vec![1.0, -2.0], vec![2]));
        assert_eq!(file.tensors.info("b").unwrap().range.start % 32, 0);
    }

    #[test]
    fn a_type_that_cannot_be_read_fails_only_when_read() {
        let file = Gguf::default().tensor(Tensor::new("q", &[32], 20, vec![0; 18]));
        let file = open_gguf(file.bytes()).unwrap();
        assert_eq!(file.tensors.info("q").unwrap().dtype, Dtype::IQ4_NL);
        let error = file.tensors.read_f32("q").unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedDtype);
        assert!(error.message.contains("IQ4_NL"));
    }

    #[test]
    fn the_alignment_comes_from_the_metadata() {
        let file = Gguf::default().aligned(64).tensor(Tensor::new("a", &[1], 24, vec![1]));
        let file = open_gguf(file.bytes()).unwrap();
        assert_eq!(file.tensors.info("a").unwrap().range.start % 64, 0);
        for wrong in [0, 3, 48, 1 << 17] {
            let file = Gguf::default().entry("general.alignment", 4, &u32::to_le_bytes(wrong));
            assert_eq!(code(open_gguf(file.bytes())), ErrorCode::MalformedFile);
        }
    }

    #[test]
    fn only_little_endian_versions_2_and_3_are_supported() {
        for (version, supported) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
            let file = open_gguf(Gguf::default().version(version).bytes());
            assert_eq!(file.is_ok(), supported, "version {version}");
            if !supported {
                assert_eq!(code(file), ErrorCode::UnsupportedFile);
            }
        }
        let error = open_gguf(Gguf::default().version(3u32.swap_bytes()).bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedFile);
        assert!(error.message.contains("big-endian"));
    }
}
