//! Values as JSON: larger and slower than postcard, but a reader of another version still understands them.

use cachify_core::codec::{Codec, Sink, Uncodable, same};
use serde::{Serialize, de::DeserializeOwned};

/// The JSON format, through serde.
///
/// A field that was added with `#[serde(default)]`, or one that is gone, does not make a stored value unreadable.
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

#[diagnostic::do_not_recommend]
impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    const ID: u8 = 2;

    fn encode(&self, value: &V, into: &mut impl Sink) -> Result<(), Uncodable> {
        let bytes = serde_json::to_vec(value).map_err(|_| Uncodable)?;
        into.put(&bytes).then_some(()).ok_or(Uncodable)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Uncodable> {
        serde_json::from_slice(bytes).map_err(|_| Uncodable)
    }

    // `Some(None)` is `null`, and so is a float that is no number
    fn round_trips(&self, value: &V, bytes: &[u8]) -> bool {
        self.decode(bytes).is_ok_and(|back| same(value, &back, true))
    }
}
