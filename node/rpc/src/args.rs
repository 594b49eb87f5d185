//! Positional parameters, with geth's error texts.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::RpcError;

/// The positional parameters of a request, taken one after another. More than a method knows are ignored.
pub(crate) struct Args<'a> {
    values: std::vec::IntoIter<&'a RawValue>,
    index: usize,
}

impl<'a> Args<'a> {
    /// Those of this text.
    pub(crate) fn of(params: Option<&'a str>) -> Result<Self, RpcError> {
        let values: Vec<&RawValue> = match params {
            None => Vec::new(),
            Some(text) if text.trim_start().starts_with('{') => {
                return Err(RpcError::invalid(format!(
                    "parameters must be an array, not an object of {} bytes",
                    text.len()
                )));
            }
            Some(text) => serde_json::from_str(text)
                .map_err(|error| RpcError::invalid(format!("parameters must be an array: {error}")))?,
        };
        Ok(Self { values: values.into_iter(), index: 0 })
    }

    /// The next parameter, which must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        let index = self.index;
        self.optional()?
            .ok_or_else(|| RpcError::invalid(format!("missing value for required argument {index}")))
    }

    /// The next parameter; `null` is as good as absent.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let index = self.index;
        self.index += 1;
        match self.values.next() {
            None => Ok(None),
            Some(value) if value.get() == "null" => Ok(None),
            Some(value) => serde_json::from_str(value.get())
                .map(Some)
                .map_err(|error| RpcError::invalid(format!("invalid argument {index}: {error}"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy::primitives::Address;

    use super::*;

    #[test]
    fn texts_are_those_of_geth() {
        let text = |error: RpcError| error.to_string();
        let mut none = Args::of(None).unwrap();
        assert_eq!(text(none.required::<u64>().unwrap_err()), "missing value for required argument 0");
        let mut bad = Args::of(Some(r#"[null, "0x12"]"#)).unwrap();
        assert_eq!(bad.optional::<u64>().unwrap(), None);
        assert!(text(bad.required::<Address>().unwrap_err()).starts_with("invalid argument 1: "));
        assert!(Args::of(Some(r#"{"a":1}"#)).is_err());
    }
}
