//! Values as JSON: larger and slower than postcard, but a reader of another version still understands them.

use cachify_core::{
    __private::BySerde,
    codec::{Codec, Sink, Uncodable, decode_bounded, same},
};
use serde::{Serialize, de::DeserializeOwned};

/// The JSON format, through serde.
///
/// A field that was added with `#[serde(default)]`, or one that is gone, does not make a stored value unreadable.
/// A value that JSON would change, such as a NaN or `Some(None)`, which are `null`, is not stored.
///
/// ```
/// use cachify::{Cachify, Json};
/// let c = Cachify::builder().build()?;
/// let value = c.cache(("user", 7)).codec(Json).get_or_insert_with_blocking(|| Ok::<_, ()>("Ada".to_owned()));
/// assert_eq!(value.as_deref(), Ok("Ada"));
/// # Ok::<(), cachify::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json;

impl BySerde for Json {}

#[diagnostic::do_not_recommend]
impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    const ID: u8 = 2;

    fn encode(&self, value: &V, into: &mut impl Sink) -> Result<(), Uncodable> {
        let bytes = serde_json::to_vec(value).map_err(|_| Uncodable)?;
        into.put(&bytes).then_some(()).ok_or(Uncodable)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Uncodable> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        // serde_json bounds how deep its own brackets nest, but an option is none
        let value = decode_bounded(&mut json, u16::MAX, bytes.len()).map_err(|_| Uncodable)?;
        json.end().map_err(|_| Uncodable)?;
        Ok(value)
    }

    // `Some(None)` is `null`, and so is a float that is no number
    fn round_trips(&self, value: &V, bytes: &[u8]) -> bool {
        self.decode(bytes).is_ok_and(|back| same(value, &back, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    /// Takes no character to go one deeper.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Chain(Option<Box<Chain>>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lists(Vec<Lists>);

    #[test]
    fn text_that_nests_deeply_is_refused() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(Codec::<Chain>::decode(&Json, b"1"), Err(Uncodable));
        assert_eq!(Codec::<Chain>::decode(&Json, b"null"), Ok(Chain(None)));
        assert!(Codec::<Lists>::decode(&Json, deep(127).as_bytes()).is_ok());
        assert_eq!(Codec::<Lists>::decode(&Json, deep(50_000).as_bytes()), Err(Uncodable));
    }

    #[test]
    fn all_of_the_text_is_the_value() {
        assert_eq!(Codec::<u8>::decode(&Json, b"1 2"), Err(Uncodable));
        assert_eq!(Codec::<u8>::decode(&Json, b" 1 \n"), Ok(1));
        let value = BTreeMap::from([("a".to_owned(), Some((1_u8, Ok::<u8, ()>(2))))]);
        assert_eq!(Codec::decode(&Json, br#"{"a":[1,{"Ok":2}]}"#), Ok(value));
    }
}
