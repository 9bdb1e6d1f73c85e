//! Fields of payloads: big-endian numbers, strings behind their length, lists behind their count.
//! What the fields are is in `request` and `reply`.

use super::WireError;

/// Writes fields.
pub(super) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_i32(&mut self, value: i32);
    fn put_u64(&mut self, value: u64);
    /// A length beyond 32 bits does not fit a frame, which is told when the frame is closed.
    fn put_len(&mut self, value: usize);
    fn put_bytes(&mut self, value: &[u8]);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_i32(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_len(&mut self, value: usize) {
        self.put_u32(u32::try_from(value).unwrap_or(u32::MAX));
    }

    fn put_bytes(&mut self, value: &[u8]) {
        self.put_len(value.len());
        self.extend_from_slice(value);
    }
}

/// Reads fields off the front of a payload.
#[derive(Debug)]
pub(super) struct Take<'a> {
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) fn from(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (value, rest) = self.rest.split_first_chunk().ok_or(WireError::Broken { field })?;
        self.rest = rest;
        Ok(*value)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array::<1>(field).map(|[value]| value)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, WireError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, WireError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Broken { field }),
        }
    }

    pub(super) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let len = self.u32(field)? as usize;
        let (value, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(WireError::Broken { field })?;
        self.rest = rest;
        Ok(value)
    }

    /// A list, read one by one: a count that is a lie ends at the first item that is not there, and nothing was
    /// allocated for it.
    pub(super) fn list<T>(
        &mut self,
        field: &'static str,
        item: impl Fn(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.u32(field)?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }

    /// Nothing may be left over.
    pub(super) fn end(self) -> Result<(), WireError> {
        let field = "end";
        self.rest
            .is_empty()
            .then_some(())
            .ok_or(WireError::Broken { field })
    }
}
