//! The numbers and booleans of GGUF metadata.

use super::super::malformed;
use super::reader::Reader;
use crate::error::Result;

/// The type of a number or boolean, with the format's own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

/// A number or boolean. Widths are dropped: writers do not agree on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
}

impl ScalarType {
    const ALL: [Self; 11] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The type with the format's code, if that is a number or boolean.
    pub(super) fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u32 == code)
    }

    /// Bytes of one value.
    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The next value.
    pub(super) fn read(self, reader: &mut Reader<'_>) -> Result<Scalar> {
        self.decode(&reader.take(self.size())?)
    }

    /// The value in exactly [`Self::size`] bytes.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Scalar> {
        Ok(match self {
            Self::U8 => Scalar::Unsigned(u8::from_le_bytes(array(bytes)?).into()),
            Self::U16 => Scalar::Unsigned(u16::from_le_bytes(array(bytes)?).into()),
            Self::U32 => Scalar::Unsigned(u32::from_le_bytes(array(bytes)?).into()),
            Self::U64 => Scalar::Unsigned(u64::from_le_bytes(array(bytes)?)),
            Self::I8 => Scalar::Signed(i8::from_le_bytes(array(bytes)?).into()),
            Self::I16 => Scalar::Signed(i16::from_le_bytes(array(bytes)?).into()),
            Self::I32 => Scalar::Signed(i32::from_le_bytes(array(bytes)?).into()),
            Self::I64 => Scalar::Signed(i64::from_le_bytes(array(bytes)?)),
            Self::F32 => Scalar::Float(f32::from_le_bytes(array(bytes)?).into()),
            Self::F64 => Scalar::Float(f64::from_le_bytes(array(bytes)?)),
            Self::Bool => match array(bytes)? {
                [0] => Scalar::Bool(false),
                [1] => Scalar::Bool(true),
                [other] => return Err(malformed(format!("{other} is no GGUF boolean."))),
            },
        })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| malformed(format!("{} bytes are no GGUF value of {N}.", bytes.len())))
}

impl Scalar {
    /// An integer that fits, of whatever width it was written.
    pub(super) fn integer<T: TryFrom<u64> + TryFrom<i64>>(self) -> Option<T> {
        match self {
            Self::Unsigned(value) => value.try_into().ok(),
            Self::Signed(value) => value.try_into().ok(),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }

    /// The nearest f32.
    pub(super) fn f32(self) -> Option<f32> {
        match self {
            Self::Float(value) => Some(value as f32),
            _ => None,
        }
    }

    pub(super) fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Segments;
    use super::*;

    #[test]
    fn every_type_reads_its_own_size() {
        for kind in ScalarType::ALL {
            let file = Segments::from(vec![1, 0, 0, 0, 0, 0, 0, 0]);
            let mut reader = Reader::new(&file);
            kind.read(&mut reader).unwrap();
            assert_eq!(reader.position(), kind.size(), "{kind:?}");
            assert_eq!(ScalarType::from_code(kind as u32), Some(kind));
        }
        assert_eq!(ScalarType::from_code(8), None);
    }

    #[test]
    fn integers_of_any_width_fit_or_do_not() {
        assert_eq!(Scalar::Unsigned(7).integer(), Some(7i32));
        assert_eq!(Scalar::Signed(7).integer(), Some(7u32));
        assert_eq!(Scalar::Signed(-1).integer::<u32>(), None);
        assert_eq!(Scalar::Unsigned(1 << 32).integer::<u32>(), None);
        assert_eq!(Scalar::Float(1.0).integer::<u32>(), None);
    }

    #[test]
    fn booleans_are_zero_or_one() {
        let read = |byte| ScalarType::Bool.decode(&[byte]);
        assert_eq!(read(1).unwrap().bool(), Some(true));
        assert!(read(2).is_err());
    }
}
